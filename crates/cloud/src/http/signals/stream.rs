//! A car's events, made of the owner's changes.

use std::{
    collections::{BTreeSet, HashSet},
    convert::Infallible,
    sync::Arc,
    time::Duration,
};

use axum::response::sse::Event;
use futures::Stream;
use model::VehicleId;
use signals::SignalId;
use tokio::{
    sync::broadcast::error::RecvError,
    time::{Instant, sleep_until},
};

use super::{items, live, snapshot, types::SignalChanges};
use crate::http::{
    Api,
    fleet::types::{ConnectivityChange, ConnectivityChanges},
    gate::Gate,
    sse::{self, Place},
    words::{Time, VehicleIdHex},
};
use crate::registry::Car;

/// Faster than this nobody reads a number.
const FLUSH: Duration = Duration::from_millis(100);

pub(crate) fn events(
    api: Api,
    mut gate: Gate,
    vehicle: VehicleId,
    place: Place,
) -> impl Stream<Item = Result<Event, Infallible>> + Send + 'static {
    async_stream::stream! {
        let _place = place;
        let mut watchdog = sse::watchdog();
        // Before the snapshot, so that no change falls between the two.
        let mut changes = api.twins().subscribe();
        let mut presence = api.presence().subscribe();
        let mut consent = api.registry().follow_consent();
        let Some(mut car) = api.registry().car(vehicle) else { return };
        let mut sight = live(&gate, &api, &car);
        yield Ok(sse::event("snapshot", &snapshot(&api, &car, &sight)));
        let mut changed: HashSet<SignalId> = HashSet::new();
        let mut flush_at: Option<Instant> = None;
        loop {
            let mut anew = false;
            let mut flush = false;
            tokio::select! {
                change = changes.recv() => match change {
                    Ok(change) => {
                        let of_car = change.cars.iter().filter(|(subject, _)| *subject == car.subject);
                        changed.extend(of_car.flat_map(|(_, signals)| signals.iter().copied()));
                        if !changed.is_empty() {
                            flush_at.get_or_insert_with(|| Instant::now() + FLUSH);
                        }
                    }
                    Err(RecvError::Lagged(_)) => anew = true,
                    Err(RecvError::Closed) => return,
                },
                change = presence.recv() => if let Ok(change) = change && change.vehicle == vehicle {
                    let item = ConnectivityChange {
                        vehicle_id: VehicleIdHex(vehicle),
                        connected: change.connected,
                        at: Time(change.at),
                    };
                    yield Ok(sse::event("connectivity", &ConnectivityChanges { items: vec![item] }));
                },
                () = sleep_until(flush_at.unwrap_or_else(Instant::now)), if flush_at.is_some() => flush = true,
                // Also when the car sends nothing: what was shown may have to go.
                changed = consent.changed() => if changed.is_err() || !regranted(&api, &car) { continue },
                () = api.stopping().cancelled() => return,
                _ = watchdog.tick() => {
                    let Some(now) = gate.again().await else { return };
                    if now.is(&gate) {
                        continue;
                    }
                    if now.car(vehicle).is_err() {
                        return;
                    }
                    gate = now;
                    let before = std::mem::replace(&mut sight, live(&gate, &api, &car));
                    anew = sight != before;
                }
            }
            let Some(current) = api.registry().car(vehicle) else { return };
            anew |= !Arc::ptr_eq(&current.grants, &car.grants) || current.subject != car.subject;
            car = current;
            if anew {
                yield Ok(sse::event("snapshot", &snapshot(&api, &car, &sight)));
            } else if flush {
                let twin = api.twins().get(car.subject).unwrap_or_default();
                let wanted = |latest: &crate::owner::Latest| changed.contains(&latest.signal);
                let items = items(&api, &car, &sight, &twin, wanted, &mut BTreeSet::new());
                if !items.is_empty() {
                    yield Ok(sse::event("signals", &SignalChanges { items }));
                }
            }
            if flush || anew {
                changed.clear();
                flush_at = None;
            }
        }
    }
}

/// Whether the car's owner has changed what was granted since `car` was looked up.
fn regranted(api: &Api, car: &Car) -> bool {
    api.registry().car(car.vehicle).is_none_or(|current| !Arc::ptr_eq(&current.grants, &car.grants))
}
