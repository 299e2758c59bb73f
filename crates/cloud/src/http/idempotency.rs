//! Creates that a client may repeat when it did not hear the answer.

use aws_lc_rs::digest;
use axum::{
    Extension,
    body::{Body, Bytes},
    extract::{Request, State},
    http::{HeaderName, HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use model::Micros;
use store::{Claim, StoredAnswer};
use utoipa::openapi::HttpMethod;

use super::{
    Api,
    auth::Principal,
    extract::body_of,
    gate::Gate,
    problem::{Kind, Problem},
};
use crate::task::to_its_end;

const KEY: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");
/// Answers of covered routes hold one vehicle, one campaign or one certificate.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;
/// How long an answer can be asked for again.
pub(crate) const KEPT: Micros = Micros::DAY;

/// The creates that a client may repeat safely.
pub(crate) fn covers(method: &HttpMethod, path: &str) -> bool {
    *method == HttpMethod::Post
        && ["/v1/vehicles", "/v1/campaigns", "/v1/vehicles/{vehicle_id}/certificate"].contains(&path)
}

/// A request is worked on for this long at most; who worked on a key for longer is dead.
const WORK_MAX: Micros = Micros::MINUTE;

/// Around the covered routes; nothing happens without the header.
///
/// The work is done in a task of its own: when the client goes away meanwhile, which is when it will ask again,
/// the answer is kept all the same. A key is given back only when its request did nothing for certain.
pub(crate) async fn repeatable(
    State(api): State<Api>,
    // A method that the path does not have has neither.
    principal: Option<Extension<Principal>>,
    gate: Option<Extension<Gate>>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let key = request.headers().get(KEY);
    let (Some(Extension(principal)), Some(Extension(gate)), Some(key)) = (principal, gate, key) else {
        return Ok(next.run(request).await);
    };
    let key = readable(key)?.to_owned();
    let (parts, body) = request.into_parts();
    let body = body_of(Request::from_parts(parts.clone(), body), &()).await?;
    let hash = request_hash(parts.method.as_str(), parts.uri.path(), &body);
    let request = Request::from_parts(parts, Body::from(body));
    let work = async move {
        let now = api.now();
        match api.store().claim_key(&principal.name().1, &key, &hash, now).await? {
            Claim::New => {}
            Claim::Answered(answer) => {
                gate.repeats();
                return Ok(replay(answer));
            }
            Claim::Unanswered { since } => return Err(unanswered(now.since(since))),
            Claim::Reused => {
                return Err(Problem::at(
                    "Idempotency-Key",
                    "must be a new one: this one was used for another request",
                ));
            }
        }
        let response = next.run(request).await;
        if response.status().is_success() {
            return keep(&api, &principal, &key, response).await;
        }
        if did_nothing(response.status()) {
            api.store().release_key(&principal.name().1, &key).await?;
        }
        Ok(response)
    };
    to_its_end(work).await
}

/// An answer that says so. Of a failure of our own nobody knows how far it came.
fn did_nothing(status: StatusCode) -> bool {
    status.is_client_error() || status == StatusCode::SERVICE_UNAVAILABLE
}

fn unanswered(waited: Micros) -> Problem {
    if waited < WORK_MAX {
        return Problem::conflict("the same request is being worked on").retry_after_s(1);
    }
    Problem::conflict(
        "the platform failed while it worked on this request; look whether it was done, and if it was not, \
         send it again with a new `Idempotency-Key`",
    )
}

async fn keep(api: &Api, principal: &Principal, key: &str, response: Response) -> Result<Response, Problem> {
    let (parts, body) = response.into_parts();
    let body: Bytes =
        axum::body::to_bytes(body, ANSWER_BYTES_MAX).await.map_err(|error| Problem::internal(&error))?;
    let location = parts.headers.get(header::LOCATION).and_then(|value| value.to_str().ok());
    let answer = StoredAnswer {
        status: parts.status.as_u16(),
        location: location.map(str::to_owned),
        body: body.to_vec(),
    };
    api.store().store_answer(&principal.name().1, key, &answer).await?;
    Ok(Response::from_parts(parts, Body::from(body)))
}

fn replay(answer: StoredAnswer) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    let mut response = (status, answer.body).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(REPLAYED, HeaderValue::from_static("true"));
    if let Some(location) = answer.location.and_then(|location| HeaderValue::from_str(&location).ok()) {
        headers.insert(header::LOCATION, location);
    }
    response
}

fn readable(key: &HeaderValue) -> Result<&str, Problem> {
    let text = key.to_str().ok().filter(|text| (1..=128).contains(&text.len()));
    text.ok_or_else(|| {
        Problem::new(Kind::BadRequest, "`Idempotency-Key` is 1 to 128 printable ASCII characters")
    })
}

fn request_hash(method: &str, path: &str, body: &[u8]) -> String {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in [method.as_bytes(), b" ", path.as_bytes(), b"\n", body] {
        context.update(part);
    }
    hex::encode(context.finish())
}
