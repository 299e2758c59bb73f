//! The fleet's events, made of its frames.

use std::{convert::Infallible, sync::Arc};

use axum::response::sse::Event;
use futures::Stream;
use identity::{Action, Brands};
use tokio::sync::watch;

use super::{
    types::{ConnectivityChanges, Position, Positions},
    view::{Frame, Scope},
};
use crate::http::{
    Api,
    gate::Gate,
    sse::{self, Place},
};

pub(crate) fn events(
    api: Api,
    mut gate: Gate,
    scope: Scope,
    mut frames: watch::Receiver<Arc<Frame>>,
    place: Place,
) -> impl Stream<Item = Result<Event, Infallible>> + Send + 'static {
    async_stream::stream! {
        let _place = place;
        let mut watchdog = sse::watchdog();
        let mut number = frames.borrow_and_update().number;
        // Not the stream's last frame: a grant may have been withdrawn since.
        let first = api.view().frame(&api, scope).await;
        let mut mapped = mapped(&gate, scope);
        yield Ok(sse::event("summary", &first.summary));
        yield Ok(sse::event("positions", &Positions { items: seen(&first.positions, mapped), complete: true }));
        let mut shown = first;
        loop {
            tokio::select! {
                changed = frames.changed() => if changed.is_err() { return },
                () = api.stopping().cancelled() => return,
                _ = watchdog.tick() => {
                    let Some(now) = gate.again().await else { return };
                    if now.is(&gate) {
                        continue;
                    }
                    // Who sees other brands than before begins anew.
                    if now.brands().ok() != Some(scope.brands) {
                        return;
                    }
                    gate = now;
                    let before = std::mem::replace(&mut mapped, self::mapped(&gate, scope));
                    if mapped != before {
                        let items = seen(&shown.positions, mapped);
                        yield Ok(sse::event("positions", &Positions { items, complete: true }));
                    }
                    continue;
                }
            }
            let frame = Arc::clone(&frames.borrow_and_update());
            if !same(&frame, &shown) {
                yield Ok(sse::event("summary", &frame.summary));
            }
            let complete = frame.vanished || frame.number != number + 1;
            let items = seen(if complete { &frame.positions } else { &frame.moved }, mapped);
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

/// Of which brands positions may be told.
fn mapped(gate: &Gate, scope: Scope) -> Option<Brands> {
    let reach = gate.reach_of(Action::FleetPositionsRead).ok()?.brands?;
    Brands::new(reach.iter().filter(|brand| scope.brands.contains(*brand))).ok()
}

fn seen(positions: &[Position], mapped: Option<Brands>) -> Vec<Position> {
    let Some(mapped) = mapped else { return Vec::new() };
    positions.iter().filter(|position| mapped.contains(position.brand.0)).cloned().collect()
}

/// Whether nothing has changed but the time.
fn same(frame: &Frame, shown: &Frame) -> bool {
    let mut summary = shown.summary.clone();
    summary.at = frame.summary.at.clone();
    summary == frame.summary
}
