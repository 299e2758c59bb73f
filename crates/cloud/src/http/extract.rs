//! Extractors that answer with a problem when the request does not fit.

use axum::{
    body::Bytes,
    extract::{FromRequest, FromRequestParts, RawPathParams, Request},
    http::{StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use serde::{Serialize, de::DeserializeOwned};

use super::problem::{Kind, PlaceError, Problem};
use read::{Misfit, Unread};

mod read;

/// A JSON body, in and out.
#[derive(Debug)]
pub(crate) struct Json<T>(pub T);

/// The text of a JSON body.
#[derive(Debug)]
pub(crate) struct JsonBytes(pub Bytes);

/// The query string.
#[derive(Debug)]
pub(crate) struct Query<T>(pub T);

/// The path's one parameter.
#[derive(Debug)]
pub(crate) struct Path<T>(pub T);

/// What a route takes, beside axum's own limit, so that an answer can name it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BodyLimit(pub usize);

impl<S: Send + Sync> FromRequest<S> for JsonBytes {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let essence = kind.and_then(|kind| kind.split(';').next()).map(str::trim);
        if !essence.is_some_and(|essence| essence.eq_ignore_ascii_case("application/json")) {
            return Err(Problem::new(Kind::UnsupportedMedia, "send `Content-Type: application/json`"));
        }
        let limit = request.extensions().get::<BodyLimit>().copied();
        Bytes::from_request(request, state).await.map(Self).map_err(|rejection| {
            match (rejection.status(), limit) {
                (StatusCode::PAYLOAD_TOO_LARGE, Some(BodyLimit(bytes_max))) => too_large(bytes_max),
                (StatusCode::PAYLOAD_TOO_LARGE, None) => Problem::of_status(StatusCode::PAYLOAD_TOO_LARGE),
                _ => Problem::bad_request("the body ended before its time; send it again"),
            }
        })
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let JsonBytes(bytes) = JsonBytes::from_request(request, state).await?;
        read::body(&bytes).map(Self).map_err(|unread| match unread {
            Unread::Syntax { line, column } => {
                Problem::bad_request(format!("the body is not JSON at line {line}, column {column}"))
            }
            Unread::Misfit(misfit) => refuse(Kind::Unprocessable, misfit),
        })
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let pairs = axum::extract::Query::<Vec<(String, String)>>::from_request_parts(parts, state).await;
        let Ok(axum::extract::Query(pairs)) = pairs else {
            return Err(Problem::bad_request(
                "the query string cannot be read; write it as name=value&name=value",
            ));
        };
        read::query(&pairs).map(Self).map_err(|misfit| refuse(Kind::BadRequest, misfit))
    }
}

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let params = RawPathParams::from_request_parts(parts, state).await;
        let params = params.map_err(|_| Problem::bad_request("the path is not UTF-8"))?;
        let (name, text) = params.iter().next().expect("who takes a parameter has a route with one");
        read::parameter(name, text).map(Self).map_err(|misfit| refuse(Kind::BadRequest, misfit))
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}

/// A body has at most so many bytes.
pub(crate) fn too_large(bytes_max: usize) -> Problem {
    Problem::new(Kind::TooLarge, format!("the body must be at most {bytes_max} bytes"))
}

fn refuse(kind: Kind, Misfit { place, detail }: Misfit) -> Problem {
    if place.is_empty() {
        return Problem::new(kind, format!("the body {detail}"));
    }
    Problem::of_kind(kind, vec![PlaceError { place, detail }])
}
