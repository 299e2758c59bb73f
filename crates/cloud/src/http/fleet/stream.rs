//! The fleet's events, made of its frames.

use std::{convert::Infallible, sync::Arc};

use axum::response::sse::Event;
use futures::Stream;
use model::Purpose;
use tokio::sync::watch;

use super::{
    types::{ConnectivityChanges, Positions},
    view::Frame,
};
use crate::http::{
    Api,
    auth::Principal,
    sse::{self, Place},
};

pub(crate) fn events(
    api: Api,
    principal: Principal,
    purpose: Purpose,
    mut frames: watch::Receiver<Arc<Frame>>,
    place: Place,
) -> impl Stream<Item = Result<Event, Infallible>> + Send + 'static {
    async_stream::stream! {
        let _place = place;
        let mut watchdog = sse::watchdog();
        let mut number = frames.borrow_and_update().number;
        // Not the stream's last frame: a grant may have been withdrawn since.
        let first = api.view().frame(&api, purpose).await;
        yield Ok(sse::event("summary", &first.summary));
        yield Ok(sse::event("positions", &Positions { items: first.positions.clone(), complete: true }));
        let mut shown = first;
        loop {
            tokio::select! {
                changed = frames.changed() => if changed.is_err() { return },
                () = api.stopping().cancelled() => return,
                _ = watchdog.tick() => {
                    if !sse::still_signed_in(&api, &principal).await {
                        return;
                    }
                    continue;
                }
            }
            let frame = Arc::clone(&frames.borrow_and_update());
            if !same(&frame, &shown) {
                yield Ok(sse::event("summary", &frame.summary));
            }
            let complete = frame.vanished || frame.number != number + 1;
            let items = if complete { frame.positions.clone() } else { frame.moved.clone() };
            if complete || !items.is_empty() {
                yield Ok(sse::event("positions", &Positions { items, complete }));
            }
            if !frame.connectivity.is_empty() {
                let items = frame.connectivity.clone();
                yield Ok(sse::event("connectivity", &ConnectivityChanges { items }));
            }
            number = frame.number;
            shown = frame;
        }
    }
}

/// Whether nothing has changed but the time.
fn same(frame: &Frame, shown: &Frame) -> bool {
    let mut summary = shown.summary.clone();
    summary.at = frame.summary.at.clone();
    summary == frame.summary
}
