//! Conditional requests (RFC 9110, section 13) on single resources.

use aws_lc_rs::digest;
use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::openapi::HttpMethod;

use super::problem::{Kind, Problem};

/// The single resources that carry an `ETag`.
pub(crate) fn covers(method: &HttpMethod, path: &str) -> bool {
    const PATHS: [&str; 6] = [
        "/v1/facets",
        "/v1/vehicles/{vehicle_id}",
        "/v1/vehicles/{vehicle_id}/grants",
        "/v1/vehicles/{vehicle_id}/state",
        "/v1/campaigns/{campaign_id}",
        "/v1/catalogues/{hash}",
    ];
    *method == HttpMethod::Get && PATHS.contains(&path)
}

/// The changes that may be made conditional.
pub(crate) fn guards(method: &HttpMethod, path: &str) -> bool {
    *method == HttpMethod::Put
        && ["/v1/vehicles/{vehicle_id}/grants", "/v1/campaigns/{campaign_id}"].contains(&path)
}

/// The resource with its `ETag`, or 304 when the client has it.
pub(crate) fn answer(headers: &HeaderMap, resource: &impl Serialize) -> Response {
    let body = body_of(resource);
    let tag = tag(&body);
    let matches = |value: &HeaderValue| {
        value.to_str().is_ok_and(|tags| tags.split(',').any(|one| one.trim() == tag || one.trim() == "*"))
    };
    let unchanged = headers.get_all(header::IF_NONE_MATCH).iter().any(matches);
    let (status, body) = if unchanged {
        (StatusCode::NOT_MODIFIED, Body::empty())
    } else {
        (StatusCode::OK, Body::from(body))
    };
    let mut response = (status, body).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    // Kept, but asked about each time: what is personal must not outlive its grant.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(header::ETAG, tag);
    }
    response
}

/// Refuses a change that was thought of another state than there is.
pub(crate) fn check_match(headers: &HeaderMap, current: &impl Serialize) -> Result<(), Problem> {
    let Some(wanted) = headers.get(header::IF_MATCH) else {
        return Ok(());
    };
    let tag = tag(&body_of(current));
    let same =
        wanted.to_str().is_ok_and(|tags| tags.split(',').any(|one| one.trim() == tag || one.trim() == "*"));
    if same { Ok(()) } else { Err(Problem::new(Kind::PreconditionFailed, "read it again and decide anew")) }
}

fn body_of(resource: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(resource).expect("what the API says holds only texts, numbers and lists")
}

/// Weak, since the bytes differ with their compression.
fn tag(body: &[u8]) -> String {
    let hash = digest::digest(&digest::SHA256, body);
    format!("W/\"{}\"", hex::encode(&hash.as_ref()[..12]))
}
