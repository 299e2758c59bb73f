//! Extractors that answer with a problem when the request does not fit.

use axum::{
    body::Bytes,
    extract::{FromRequest, FromRequestParts, RawPathParams, Request},
    http::{StatusCode, Uri, header, request::Parts},
    response::{IntoResponse, Response},
};
use serde::{Serialize, de::DeserializeOwned};

use super::problem::{Kind, Problem};
use read::Unread;

mod read;

/// A JSON body, in and out.
#[derive(Debug)]
pub(crate) struct Json<T>(pub T);

/// The text of a JSON body.
#[derive(Debug)]
pub(crate) struct JsonBytes(pub Bytes);

/// A form's body.
#[derive(Debug)]
pub(crate) struct Form<T>(pub T);

/// The query string.
#[derive(Debug)]
pub(crate) struct Query<T>(pub T);

/// The path's one parameter.
#[derive(Debug)]
pub(crate) struct Path<T>(pub T);

/// The path's two parameters.
#[derive(Debug)]
pub(crate) struct Paths<T, U>(pub T, pub U);

/// What a route takes, beside axum's own limit, so that an answer can name it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BodyLimit(pub usize);

impl<S: Send + Sync> FromRequest<S> for JsonBytes {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        check_kind(&request, "application/json")?;
        body_of(request, state).await.map(Self)
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Form<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        check_kind(&request, "application/x-www-form-urlencoded")?;
        let body = body_of(request, state).await?;
        let pairs: Vec<_> = url::form_urlencoded::parse(&body).into_owned().collect();
        read::query(&pairs).map(Self).map_err(|unread| refuse(Kind::BadRequest, unread))
    }
}

fn check_kind(request: &Request, wanted: &str) -> Result<(), Problem> {
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = kind.and_then(|kind| kind.split(';').next()).map(str::trim);
    if essence.is_some_and(|essence| essence.eq_ignore_ascii_case(wanted)) {
        return Ok(());
    }
    Err(Problem::new(Kind::UnsupportedMedia, format!("send `Content-Type: {wanted}`")))
}

/// A request's body, as large as its route takes.
pub(crate) async fn body_of<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, Problem> {
    let limit = request.extensions().get::<BodyLimit>().copied();
    Bytes::from_request(request, state).await.map_err(|rejection| match (rejection.status(), limit) {
        (StatusCode::PAYLOAD_TOO_LARGE, Some(BodyLimit(bytes_max))) => {
            Problem::new(Kind::TooLarge, format!("the body must be at most {bytes_max} bytes"))
        }
        (StatusCode::PAYLOAD_TOO_LARGE, None) => Problem::of_status(StatusCode::PAYLOAD_TOO_LARGE),
        _ => Problem::bad_request("the body ended before its time; send it again"),
    })
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let JsonBytes(bytes) = JsonBytes::from_request(request, state).await?;
        read::body(&bytes).map(Self).map_err(|unread| refuse(Kind::Unprocessable, unread))
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        query(&parts.uri).map(Self)
    }
}

/// What a query string says.
pub(crate) fn query<T: DeserializeOwned>(uri: &Uri) -> Result<T, Problem> {
    let Ok(axum::extract::Query(pairs)) = axum::extract::Query::<Vec<(String, String)>>::try_from_uri(uri)
    else {
        return Err(Problem::bad_request(
            "the query string cannot be read; write it as name=value&name=value",
        ));
    };
    read::query(&pairs).map_err(|unread| refuse(Kind::BadRequest, unread))
}

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        parameter(&params_of(parts, state).await?, 0).map(Self)
    }
}

impl<S: Send + Sync, T: DeserializeOwned + Send, U: DeserializeOwned + Send> FromRequestParts<S>
    for Paths<T, U>
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let params = params_of(parts, state).await?;
        Ok(Self(parameter(&params, 0)?, parameter(&params, 1)?))
    }
}

async fn params_of<S: Send + Sync>(parts: &mut Parts, state: &S) -> Result<RawPathParams, Problem> {
    let params = RawPathParams::from_request_parts(parts, state).await;
    params.map_err(|_| Problem::bad_request("the path is not UTF-8"))
}

fn parameter<T: DeserializeOwned>(params: &RawPathParams, place: usize) -> Result<T, Problem> {
    let (name, text) = params.iter().nth(place).expect("who takes a parameter has a route with it");
    read::parameter(name, text).map_err(|unread| refuse(Kind::BadRequest, unread))
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}

fn refuse(kind: Kind, unread: Unread) -> Problem {
    match unread {
        Unread::Syntax { line, column } => {
            Problem::bad_request(format!("the body is not JSON at line {line}, column {column}"))
        }
        Unread::Misfit(misfit) if misfit.place.is_empty() => {
            Problem::new(kind, format!("the body {}", misfit.detail))
        }
        Unread::Misfit(misfit) => Problem::of_kind(kind, vec![misfit]),
    }
}
