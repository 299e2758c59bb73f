//! What holds for every request: an id, limits, a log line, headers, and one shape of errors.

use std::{
    collections::HashMap,
    panic::AssertUnwindSafe,
    sync::{Arc, PoisonError, RwLock},
};

use axum::{
    body::Body,
    extract::{MatchedPath, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use futures::FutureExt;
use tracing::Instrument as _;

use super::{
    Api,
    places::{self, Class, Places},
    problem::{Kind, Problem},
};
use crate::metrics::{Counter, Histogram, Metrics};

/// Nothing but what the console itself brings. `web/console/vite/csp.ts` is the same text, so that the
/// console's own tests run under it; a test compares the two.
const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    font-src 'self'; connect-src 'self'; worker-src 'self'; manifest-src 'self'; base-uri 'none'; \
    form-action 'self'; frame-ancestors 'none'";
const DATA_POLICY: &str = "default-src 'none'; frame-ancestors 'none'";

/// Names a request in logs, traces and the audit log.
#[derive(Debug, Clone)]
pub(crate) struct RequestId(pub Arc<str>);

/// Counts and bounds requests.
#[derive(Debug)]
pub(crate) struct Edge {
    places: Places,
    metrics: Metrics,
    /// Bounded: a route is one of ours, a status one of HTTP's.
    answers: RwLock<HashMap<String, Vec<(StatusCode, Answers)>>>,
    rejected: Counter,
    panics: Counter,
}

/// What is counted of the answers of one route with one status.
#[derive(Debug, Clone)]
struct Answers {
    took: Histogram,
    count: Counter,
}

impl Edge {
    pub(crate) fn new(metrics: &Metrics) -> Self {
        let counter = |name, help| metrics.counter(name, help, &[]);
        Self {
            places: Places::new(),
            metrics: metrics.clone(),
            answers: RwLock::default(),
            rejected: counter(
                "marque_http_rejected_total",
                "Requests rejected because too many ran at once.",
            ),
            panics: counter("marque_http_panics_total", "Requests whose handler panicked."),
        }
    }

    /// Registered at the first answer of its kind.
    fn answers(&self, route: &str, status: StatusCode) -> Answers {
        let known = self.answers.read().unwrap_or_else(PoisonError::into_inner);
        let of_route = known.get(route).map_or(&[][..], Vec::as_slice);
        if let Some((_, answers)) = of_route.iter().find(|(known, _)| *known == status) {
            return answers.clone();
        }
        drop(known);
        let answers = Answers {
            took: self.metrics.histogram(
                "marque_http_request_duration_seconds",
                "Time until the head of the answer.",
                &[("route", route)],
            ),
            count: self.metrics.counter(
                "marque_http_requests_total",
                "Requests by route and status.",
                &[("route", route), ("status", status.as_str())],
            ),
        };
        let mut known = self.answers.write().unwrap_or_else(PoisonError::into_inner);
        known.entry(route.to_owned()).or_default().push((status, answers.clone()));
        answers
    }
}

/// Around everything else.
#[expect(clippy::disallowed_methods, reason = "the one place of the API that measures how long answers take")]
pub(crate) async fn serve(State(api): State<Api>, mut request: Request, next: Next) -> Response {
    let began = std::time::Instant::now();
    let id = request_id();
    request.extensions_mut().insert(RequestId(Arc::clone(&id)));
    let method = request.method().clone();
    let matched = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let class = Class::of(&method, matched.as_deref());
    let route = matched.unwrap_or_else(|| "none".to_owned());
    // The route and not the path: an id is enough to follow a car.
    let span = tracing::info_span!(
        "http request",
        otel.kind = "server",
        request_id = %id,
        http.request.method = %method,
        http.route = route,
        http.response.status_code = tracing::field::Empty,
    );
    let response = run(&api, class, request, next).instrument(span.clone()).await;
    let response = finish(response, &id, api.secure());
    span.record("http.response.status_code", response.status().as_u16());
    let took = began.elapsed();
    let answers = api.edge().answers(&route, response.status());
    answers.took.observe(took);
    answers.count.add(1);
    tracing::debug!(request_id = %id, %method, route, status = response.status().as_u16(), ?took, "request");
    response
}

async fn run(api: &Api, class: Class, request: Request, next: Next) -> Response {
    let Some(place) = api.edge().places.take(class) else {
        api.edge().rejected.add(1);
        return Problem::unavailable("too many requests run at once; try again in a second").into_response();
    };
    match tokio::time::timeout(class.timeout(), AssertUnwindSafe(next.run(request)).catch_unwind()).await {
        Ok(Ok(response)) => places::hold(place, response),
        Ok(Err(_panic)) => {
            api.edge().panics.add(1);
            Problem::new(Kind::Internal, "the platform met a bug; its log has the place").into_response()
        }
        Err(_elapsed) => Problem::of_status(StatusCode::REQUEST_TIMEOUT).into_response(),
    }
}

/// Gives errors their body, and every answer its headers.
fn finish(response: Response, id: &str, secure: bool) -> Response {
    let status = response.status();
    let has_body = response.headers().contains_key(header::CONTENT_TYPE)
        && response.extensions().get::<Problem>().is_none()
        && response.extensions().get::<Keep>().is_some();
    let mut response = if (status.is_client_error() || status.is_server_error()) && !has_body {
        let (mut parts, _) = response.into_parts();
        let problem = parts.extensions.remove::<Problem>().unwrap_or_else(|| Problem::of_status(status));
        problem.render(status, parts.headers, id)
    } else {
        response
    };
    add_headers(response.headers_mut(), id, secure);
    response
}

/// Marks an answer with an error's status that has a body of its own.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Keep;

fn add_headers(headers: &mut HeaderMap, id: &str, secure: bool) {
    let page =
        headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    let policy = if page { PAGE_POLICY } else { DATA_POLICY };
    let fixed = [
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (HeaderName::from_static("permissions-policy"), "geolocation=(), camera=(), microphone=()"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if secure {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    }
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    if let Ok(id) = HeaderValue::from_str(id) {
        headers.insert(HeaderName::from_static("x-request-id"), id);
    }
}

/// Unlikely to come twice in a day's log; it need not be secret.
fn request_id() -> Arc<str> {
    let mut bytes = [0; 8];
    // Without randomness nobody can sign in either; a request's id must not be what fails.
    aws_lc_rs::rand::fill(&mut bytes).unwrap_or_default();
    hex::encode(bytes).into()
}

/// For routes that do not exist.
pub(crate) async fn not_found() -> Response {
    Problem::of_status(StatusCode::NOT_FOUND).into_response()
}

/// A body that says nothing; for answers whose status says it all.
pub(crate) fn empty(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

#[cfg(test)]
mod tests;
