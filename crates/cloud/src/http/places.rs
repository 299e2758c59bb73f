//! How many requests are worked on at once, and how long their answers may take to be read.
//!
//! A place is held from the request's head until its answer is read: what is in memory for slow readers is
//! bounded, too. Strangers have places of their own, so that they cannot take those of people who signed in.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::{
    body::{Body, BodyDataStream, Bytes, HttpBody},
    http::{HeaderValue, Method, header},
    response::Response,
};
use futures::{Stream, StreamExt};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task::AbortHandle,
};

/// Requests of people who signed in; each may hold a page of rows.
const SIGNED_IN_MAX: usize = 256;
/// Requests that wait for an identity provider, or may: a dead one takes no place of those who do not need it.
const PROVIDER_MAX: usize = 64;
/// Requests that anybody may make: the console's files, the API's description, signing in.
pub(crate) const OPEN_MAX: usize = 128;
/// Until the head of the answer; history over a year of a car takes a few seconds.
const TIMEOUT: Duration = Duration::from_secs(30);
/// The same for strangers, whose bodies are a name and a password.
const OPEN_TIMEOUT: Duration = Duration::from_secs(5);
/// The same where a provider is asked: for its document, its keys and a token, five seconds each at most.
const PROVIDER_TIMEOUT: Duration = Duration::from_secs(20);
/// Until an answer is read. A full page of history has 10 MB, which a phone in a tunnel gets in this time.
const READ_TIME_MAX: Duration = Duration::from_secs(120);
/// What is handed to the connection at once; it may keep that much for as long as it lives.
const PIECE_LEN_MAX: usize = 64 * 1024;

/// Who a route is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// Answers at once, also when there is no place: a platform that is busy must not look dead.
    Health,
    /// For everybody.
    Open,
    /// For everybody who comes from an identity provider or goes there.
    Provider,
    /// For people who signed in.
    SignedIn,
}

impl Class {
    /// `route` is the matched path; without one it is a file of the console.
    pub(crate) fn of(method: &Method, route: Option<&str>) -> Self {
        match route {
            Some("/livez" | "/readyz") => Self::Health,
            Some("/v1/session" | "/v1/credential-resets") if method == Method::POST => Self::Open,
            None | Some("/v1/openapi.json" | "/v1/oidc" | "/.well-known/security.txt") => Self::Open,
            Some(route) if route.starts_with("/v1/oidc/") => Self::Provider,
            Some(_) => Self::SignedIn,
        }
    }

    pub(crate) const fn timeout(self) -> Duration {
        match self {
            Self::Open => OPEN_TIMEOUT,
            Self::Provider => PROVIDER_TIMEOUT,
            Self::Health | Self::SignedIn => TIMEOUT,
        }
    }
}

/// The places that there are.
#[derive(Debug)]
pub(crate) struct Places {
    open: Arc<Semaphore>,
    provider: Arc<Semaphore>,
    signed_in: Arc<Semaphore>,
}

/// The right to be worked on.
#[derive(Debug)]
pub(crate) struct Place(Option<OwnedSemaphorePermit>);

impl Places {
    pub(crate) fn new() -> Self {
        let places = |count| Arc::new(Semaphore::new(count));
        Self { open: places(OPEN_MAX), provider: places(PROVIDER_MAX), signed_in: places(SIGNED_IN_MAX) }
    }

    /// `None` when all are taken.
    pub(crate) fn take(&self, class: Class) -> Option<Place> {
        let places = match class {
            Class::Health => return Some(Place(None)),
            Class::Open => &self.open,
            Class::Provider => &self.provider,
            Class::SignedIn => &self.signed_in,
        };
        Arc::clone(places).try_acquire_owned().ok().map(|permit| Place(Some(permit)))
    }
}

/// Lets the answer hold the place until it is read. Streams of events have places of their own.
pub(crate) fn hold(place: Place, response: Response) -> Response {
    let is_stream = response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"));
    let length = response.body().size_hint().exact();
    let Some(permit) = place.0.filter(|_| !is_stream && length != Some(0)) else { return response };
    let (mut parts, body) = response.into_parts();
    if let Some(length) = length {
        parts.headers.entry(header::CONTENT_LENGTH).or_insert_with(|| HeaderValue::from(length));
    }
    let unread = Unread { body: body.into_data_stream(), piece: Bytes::new(), _permit: permit };
    Response::from_parts(parts, Body::from_stream(Held::new(unread)))
}

/// What is left of an answer.
#[derive(Debug)]
struct Unread {
    body: BodyDataStream,
    piece: Bytes,
    _permit: OwnedSemaphorePermit,
}

/// An answer that is let go of when it is read, or when its reader took too long: a reader that reads nothing
/// is never asked again, so that the time has to be watched from elsewhere.
#[derive(Debug)]
struct Held {
    unread: Arc<Mutex<Option<Unread>>>,
    read: bool,
    watch: AbortHandle,
}

impl Held {
    fn new(unread: Unread) -> Self {
        let unread = Arc::new(Mutex::new(Some(unread)));
        let watched = Arc::downgrade(&unread);
        let watch = tokio::spawn(async move {
            tokio::time::sleep(READ_TIME_MAX).await;
            if let Some(unread) = watched.upgrade() {
                drop(unread.lock().unwrap_or_else(PoisonError::into_inner).take());
            }
        });
        Self { unread, read: false, watch: watch.abort_handle() }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.watch.abort();
    }
}

impl Stream for Held {
    type Item = Result<Bytes, axum::Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.read {
            return Poll::Ready(None);
        }
        let kept = Arc::clone(&self.unread);
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(unread) = kept.as_mut() else {
            let slow = io::Error::new(io::ErrorKind::TimedOut, "the answer was read too slowly");
            return Poll::Ready(Some(Err(axum::Error::new(slow))));
        };
        while unread.piece.is_empty() {
            match ready!(unread.body.poll_next_unpin(context)) {
                Some(Ok(piece)) => unread.piece = piece,
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => {
                    *kept = None;
                    self.read = true;
                    return Poll::Ready(None);
                }
            }
        }
        if unread.piece.len() <= PIECE_LEN_MAX {
            return Poll::Ready(Some(Ok(std::mem::take(&mut unread.piece))));
        }
        // A copy: a part of the whole would keep all of it.
        let piece = Bytes::copy_from_slice(&unread.piece.split_to(PIECE_LEN_MAX));
        Poll::Ready(Some(Ok(piece)))
    }
}

#[cfg(test)]
mod tests;
