//! Conditional requests (RFC 9110, section 13) on single resources.

use aws_lc_rs::digest;
use axum::{
    body::Body,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
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
    let (tag, unchanged) = tag(headers, &hash(&body));
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
    headers.insert(header::ETAG, tag);
    response
}

/// The tag of a state whose hash in hexadecimal this is, and whether the client has that state. In which coding
/// it has it does not matter: it can read it, and hears the tag that it knows.
pub(crate) fn tag(headers: &HeaderMap, hash: &str) -> (HeaderValue, bool) {
    let has = tags(headers, header::IF_NONE_MATCH)
        .map(|tag| tag.trim_start_matches("W/"))
        .find(|tag| *tag == "*" || names(tag, hash));
    let tag = has.filter(|tag| *tag != "*").map_or_else(|| format!("\"{hash}\""), str::to_owned);
    (HeaderValue::from_str(&tag).expect("a tag is what a header held, or a hash"), has.is_some())
}

/// Refuses a change that was thought of another state than there is. Weak tags match nothing here (RFC 9110,
/// section 13.1.1).
pub(crate) fn check_match(headers: &HeaderMap, current: &impl Serialize) -> Result<(), Problem> {
    if !headers.contains_key(header::IF_MATCH) {
        return Ok(());
    }
    let hash = hash(&body_of(current));
    let same = tags(headers, header::IF_MATCH).any(|tag| tag == "*" || names(tag, &hash));
    if same { Ok(()) } else { Err(Problem::new(Kind::PreconditionFailed, "read it again and decide anew")) }
}

/// Compression makes other bytes, and a strong tag is of bytes: it names the coding behind the state.
pub(crate) async fn name_coding(mut response: Response) -> Response {
    let headers = response.headers_mut();
    let coding = headers.get(header::CONTENT_ENCODING).and_then(|coding| coding.to_str().ok());
    let tag = headers.get(header::ETAG).and_then(|tag| tag.to_str().ok());
    if let (Some(coding), Some(tag)) = (coding, tag)
        && let Some(state) = tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"'))
        && let Ok(named) = HeaderValue::from_str(&format!("\"{state}{CODING}{coding}\""))
    {
        headers.insert(header::ETAG, named);
    }
    response
}

/// Stands between a state and its coding in a tag.
const CODING: char = '-';

fn tags(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    let texts = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    texts.flat_map(|tags| tags.split(',')).map(str::trim)
}

/// Whether a strong tag is of this state, in whatever coding.
fn names(tag: &str, hash: &str) -> bool {
    let opaque = tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"'));
    opaque.is_some_and(|opaque| opaque.split(CODING).next() == Some(hash))
}

fn body_of(resource: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(resource).expect("what the API says holds only texts, numbers and lists")
}

fn hash(body: &[u8]) -> String {
    hex::encode(&digest::digest(&digest::SHA256, body).as_ref()[..12])
}
