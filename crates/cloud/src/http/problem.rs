//! Errors as RFC 9457 problems. Every error of the API has this one shape, wherever it arose.

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{errors::chain, words::PlaceError};

/// What went wrong, and what to do about it (RFC 9457).
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Problem, example = json!({
    "type": "urn:marque:problem:not-found",
    "title": "Not found",
    "status": 404,
    "detail": "no vehicle has this id; GET /v1/vehicles lists them",
    "instance": "urn:marque:request:5b0c52b4c1d94f03"
}))]
pub(crate) struct ProblemDocument {
    /// Names the kind of problem; the same for every occurrence.
    #[serde(rename = "type")]
    pub kind: String,
    /// The kind of problem for people; the same for every occurrence.
    pub title: String,
    /// The HTTP status code.
    pub status: u16,
    /// What happened this time and what to do next.
    pub detail: String,
    /// Names this occurrence; the server's log has it as `request_id`.
    pub instance: String,
    /// Each place of the request that is wrong; absent when the detail says it all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<PlaceError>,
}

/// A problem on its way out of a handler; rendered once, by `edge`.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    kind: Kind,
    detail: String,
    errors: Vec<PlaceError>,
    retry_after_s: Option<u32>,
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident $status:ident $slug:literal $title:literal),+ $(,)?) => {
        /// The kinds of problems that the API knows.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Kind { $($(#[$doc])* $variant),+ }

        impl Kind {
            pub(crate) const ALL: &'static [Self] = &[$(Self::$variant),+];

            pub(crate) const fn status(self) -> StatusCode {
                match self { $(Self::$variant => StatusCode::$status),+ }
            }

            pub(crate) const fn slug(self) -> &'static str {
                match self { $(Self::$variant => $slug),+ }
            }

            pub(crate) const fn title(self) -> &'static str {
                match self { $(Self::$variant => $title),+ }
            }
        }
    };
}

kinds! {
    BadRequest BAD_REQUEST "bad-request" "The request is not well formed",
    Unauthorized UNAUTHORIZED "unauthorized" "Sign in first",
    SignInRefused UNAUTHORIZED "sign-in-refused" "The sign-in was refused",
    SecondFactorRequired UNAUTHORIZED "second-factor-required" "The account has a second factor",
    StepUpRequired FORBIDDEN "step-up-required" "Prove again who you are",
    Forbidden FORBIDDEN "forbidden" "Not allowed",
    CodeRefused FORBIDDEN "code-refused" "The code was refused",
    NotFound NOT_FOUND "not-found" "Not found",
    MethodNotAllowed METHOD_NOT_ALLOWED "method-not-allowed" "The resource has no such method",
    NotAcceptable NOT_ACCEPTABLE "not-acceptable" "No representation that the client accepts",
    Timeout REQUEST_TIMEOUT "timeout" "The request took too long",
    Conflict CONFLICT "conflict" "The request conflicts with what is there",
    PreconditionFailed PRECONDITION_FAILED "precondition-failed" "The resource has changed",
    TooLarge PAYLOAD_TOO_LARGE "too-large" "The request body is too large",
    UnsupportedMedia UNSUPPORTED_MEDIA_TYPE "unsupported-media-type" "The body has the wrong media type",
    Unprocessable UNPROCESSABLE_ENTITY "unprocessable" "The request says something impossible",
    TooManyRequests TOO_MANY_REQUESTS "too-many-requests" "Too many requests",
    Internal INTERNAL_SERVER_ERROR "internal" "The platform failed",
    Unavailable SERVICE_UNAVAILABLE "unavailable" "The platform cannot serve this now",
}

impl Problem {
    pub(crate) fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into(), errors: Vec::new(), retry_after_s: None }
    }

    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    pub(crate) fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(Kind::BadRequest, detail)
    }

    pub(crate) fn not_found(detail: impl Into<String>) -> Self {
        Self::new(Kind::NotFound, detail)
    }

    /// What is out of reach is answered as what is not there, to the letter.
    pub(crate) fn hidden_as(self, none: impl FnOnce() -> Self) -> Self {
        if self.kind == Kind::NotFound { none() } else { self }
    }

    pub(crate) fn conflict(detail: impl Into<String>) -> Self {
        Self::new(Kind::Conflict, detail)
    }

    pub(crate) fn unauthorized(detail: impl Into<String>) -> Self {
        Self::new(Kind::Unauthorized, detail)
    }

    pub(crate) fn unavailable(detail: impl Into<String>) -> Self {
        Self { retry_after_s: Some(1), ..Self::new(Kind::Unavailable, detail) }
    }

    /// Something of the request is wrong at `place`.
    pub(crate) fn at(place: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::places(vec![PlaceError::new(place, detail)])
    }

    /// A parameter of the query string is not as its description says. What only the platform can know of it is
    /// [`Problem::at`].
    pub(crate) fn query(parameter: &str, detail: impl Into<String>) -> Self {
        Self::of_kind(Kind::BadRequest, vec![PlaceError::new(parameter, detail)])
    }

    /// Several places are wrong.
    pub(crate) fn places(errors: Vec<PlaceError>) -> Self {
        Self::of_kind(Kind::Unprocessable, errors)
    }

    pub(crate) fn of_kind(kind: Kind, errors: Vec<PlaceError>) -> Self {
        let detail = match errors.as_slice() {
            [one] => format!("{}: {}", one.place, one.detail),
            several => format!("{} places of the request are wrong; see `errors`", several.len()),
        };
        Self { errors, ..Self::new(kind, detail) }
    }

    /// The cause goes to the log only: it may name files or statements.
    pub(crate) fn internal(cause: &dyn std::error::Error) -> Self {
        tracing::error!(error = %chain(cause), "request failed");
        Self::new(Kind::Internal, "the cause stands in the server's log under this instance's request id")
    }

    pub(crate) fn retry_after_s(mut self, seconds: u32) -> Self {
        self.retry_after_s = Some(seconds);
        self
    }

    /// For a response that axum or a layer made without a body of ours.
    pub(crate) fn of_status(status: StatusCode) -> Self {
        let kind = Kind::ALL.iter().copied().find(|kind| kind.status() == status);
        match kind {
            Some(Kind::NotFound) => Self::not_found("no such route; GET /v1/openapi.json lists the routes"),
            Some(Kind::MethodNotAllowed) => Self::new(Kind::MethodNotAllowed, "see the Allow header"),
            Some(Kind::TooLarge) => {
                Self::new(Kind::TooLarge, "a body has at most the bytes that the route's docs state")
            }
            Some(Kind::Timeout) => {
                Self::new(Kind::Timeout, "ask for less, or try again later").retry_after_s(1)
            }
            Some(kind) => Self::new(kind, kind.title()),
            None if status.is_client_error() => Self::bad_request("the request cannot be served"),
            None => Self::new(Kind::Internal, "the server's log says more"),
        }
    }

    /// The finished response; keeps headers such as `Allow` that were set on the way.
    pub(crate) fn render(self, status: StatusCode, mut headers: HeaderMap, request_id: &str) -> Response {
        let document = ProblemDocument {
            kind: format!("urn:marque:problem:{}", self.kind.slug()),
            title: self.kind.title().to_owned(),
            status: status.as_u16(),
            detail: self.detail,
            instance: format!("urn:marque:request:{request_id}"),
            errors: self.errors,
        };
        let body = serde_json::to_vec(&document).expect("a problem holds only strings and numbers");
        headers.remove(header::CONTENT_LENGTH);
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = self.retry_after_s {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"marque\""));
        }
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        response
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.kind.status();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<store::Error> for Problem {
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::NotFound { what } => Self::not_found(format!("no such {what}")),
            store::Error::Conflict { what } => Self::conflict(what),
            store::Error::Cursor => Self::at("cursor", "must be `next_cursor` of the page before, unchanged"),
            store::Error::Corrupt { .. }
            | store::Error::Newer { .. }
            | store::Error::Open { .. }
            | store::Error::Fenced
            | store::Error::Sql(_) => Self::internal(&error),
        }
    }
}
