//! Server-sent events: bounded in number, ended when the platform stops or the session ends.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::response::{
    IntoResponse, Response, Sse,
    sse::{Event, KeepAlive},
};
use futures::Stream;
use serde::Serialize;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, Interval, MissedTickBehavior},
};

use super::{Api, problem::Problem};

/// Streams at once; each holds a connection and looks at every change of the fleet.
pub const STREAMS_MAX: usize = 512;
/// Proxies close what is silent for a minute.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// How long a stream may outlive its session, or a right that it needs.
const WATCHDOG: Duration = Duration::from_secs(1);

/// The right to one stream.
#[derive(Debug)]
pub(crate) struct Place(
    #[expect(dead_code, reason = "held for as long as the stream lives")] OwnedSemaphorePermit,
);

pub(crate) fn place(api: &Api) -> Result<Place, Problem> {
    let places: Arc<Semaphore> = Arc::clone(api.streams());
    places.try_acquire_owned().map(Place).map_err(|_| {
        Problem::unavailable(format!("{STREAMS_MAX} streams are open already; close one")).retry_after_s(10)
    })
}

pub(crate) fn answer(events: impl Stream<Item = Result<Event, Infallible>> + Send + 'static) -> Response {
    Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response()
}

pub(crate) fn event(name: &str, data: &impl Serialize) -> Event {
    let json = serde_json::to_string(data).expect("what the API says holds only texts, numbers and lists");
    Event::default().event(name).data(json)
}

/// Says when to ask whether the stream may go on.
pub(crate) fn watchdog() -> Interval {
    let mut interval = tokio::time::interval_at(Instant::now() + WATCHDOG, WATCHDOG);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}
