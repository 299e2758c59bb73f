//! Two connections that say they are one car: who comes in, and what is told of it.

use std::{ops::ControlFlow, time::Duration};

use identity::clone_watch::{InsteadOf, Reason, Verdict, Waited};
use link::{
    ReasonCode,
    server::{ConnectRequest, refuse},
};
use model::{Timestamp, VehicleId};
use wire::topic::Topic;

use super::{Desk, Stop};
use crate::gateway::{
    backend::{Cause, QUARANTINED, Sighting},
    connection::{Car, Waiting},
    directory::{Claim, Kept, Key, Leaving, Place},
    mailbox::{Mail, TurnedAway},
};
use crate::words::Network;

impl Desk {
    /// Whether the car may come in now, with what it left behind. If not, it waits at the door or is sent away.
    pub(super) fn claim(
        &mut self,
        key: Key,
        car: &mut Car,
        request: &ConnectRequest,
    ) -> ControlFlow<Stop, Kept> {
        let (vehicle, place) = (request.vehicle, self.place(key));
        let claim = self.shared.directory.claim(vehicle, place, car.network, self.now.time);
        car.claimed = matches!(claim, Claim::In(_) | Claim::Wait { .. });
        match claim {
            Claim::In(kept) => ControlFlow::Continue(kept),
            Claim::Wait { ping, until, instead_of } => {
                if let Some(InsteadOf { connection, places }) = instead_of {
                    self.suspect(vehicle, Reason::TwoPlaces, Some(places));
                    self.turned_away(Some(connection), TurnedAway::Third);
                }
                // An answer to an earlier ping, or to none, tells nothing of now. There is one for all who come
                // meanwhile: else who connects faster than the first is asked and answers would make its answers
                // count for nothing.
                let payload = self.now.time.0.to_le_bytes();
                if let Some(Place { worker, key }) = ping {
                    self.mailboxes.post(worker, Mail::Ping { key, payload });
                }
                let until = self.instant_of(until);
                car.session.put_off(until, &self.limits);
                car.waiting = Some(Waiting { request: *request, until: Some(until) });
                ControlFlow::Break(Stop::Rest)
            }
            Claim::Taken { elsewhere } => {
                if elsewhere.is_some() {
                    self.suspect(vehicle, Reason::TwoPlaces, elsewhere);
                }
                self.turn_away(TurnedAway::Third)
            }
            Claim::Crowd { live, newcomer, networks } => {
                self.tell_clones(vehicle, Reason::TwoPlaces, Some(networks));
                self.turned_away(newcomer, TurnedAway::Quarantined);
                self.mailboxes.post(live.worker, Mail::Dismiss { key: live.key, cause: Cause::Quarantined });
                self.turn_away(TurnedAway::Quarantined)
            }
        }
    }

    /// The time of a car's wait has come.
    pub(in crate::gateway) fn look_again(&self, key: Key, car: &mut Car) {
        let (Some(vehicle), Some(waiting)) = (car.vehicle, &mut car.waiting) else { return };
        waiting.until = match self.shared.directory.overdue(vehicle, self.place(key), self.now.time) {
            Waited::Over { first } => {
                self.metrics.takeovers.add(1);
                self.mailboxes.post(first.worker, Mail::Dismiss { key: first.key, cause: Cause::TakenOver });
                None
            }
            Waited::Until(until) => Some(self.instant_of(until)),
            Waited::NotWaiting => None,
        };
    }

    /// It may have been asked before it could hear that, and nobody asks twice.
    pub(super) fn ask_again(&mut self, car: &Car) {
        if let Some(payload) = car.pinged
            && let Err(error) = car.session.publish(Topic::Ping, &payload, &mut self.reply)
        {
            tracing::debug!(%error, "a car that subscribes cannot be asked whether it lives");
        }
    }

    /// The car answered: if it was asked, another connection is not let in.
    pub(super) fn pong(&mut self, key: Key, car: &mut Car, payload: &[u8]) -> ControlFlow<Stop> {
        let Some(vehicle) = car.vehicle else { return ControlFlow::Continue(()) };
        if car.pinged.take_if(|pinged| *pinged == payload).is_none() {
            return ControlFlow::Continue(());
        }
        let answered = self.shared.directory.answer(vehicle, self.place(key), self.now.time);
        let Some(answered) = answered else { return ControlFlow::Continue(()) };
        let networks = Some(answered.places);
        match answered.verdict {
            Verdict::Fine => ControlFlow::Continue(()),
            Verdict::Suspect(reason) => {
                self.suspect(vehicle, reason, networks);
                self.turned_away(answered.newcomer, TurnedAway::Second);
                ControlFlow::Continue(())
            }
            Verdict::Cloned(reason) => {
                self.turned_away(answered.newcomer, TurnedAway::Quarantined);
                self.cloned(car, reason, networks)
            }
        }
    }

    /// Two cars are this one. What was not acknowledged stays in the car.
    pub(super) fn cloned(
        &mut self,
        car: &mut Car,
        reason: Reason,
        networks: Option<(Network, Network)>,
    ) -> ControlFlow<Stop> {
        if let Some(vehicle) = car.vehicle {
            self.tell_clones(vehicle, reason, networks);
        }
        car.session.flush_acks(&mut self.reply);
        car.session.disconnect(ReasonCode::NotAuthorized, QUARANTINED, &mut self.reply);
        ControlFlow::Break(Stop::Close(Cause::Quarantined))
    }

    fn tell_clones(&mut self, vehicle: VehicleId, reason: Reason, networks: Option<(Network, Network)>) {
        self.metrics.clones.add(1);
        let at = self.now.time;
        self.clones.push_back(Sighting { vehicle, at, reason, networks, count: 1 });
    }

    /// Tells what one car rarely does; not each time, since whoever does it can do it as often as it likes.
    pub(super) fn suspect(
        &mut self,
        vehicle: VehicleId,
        reason: Reason,
        networks: Option<(Network, Network)>,
    ) {
        self.metrics.suspicions.add(1);
        let at = self.now.time;
        let Some(count) = self.shared.suspect(vehicle, reason, at) else { return };
        // A flood of suspicions may cost suspicions, and no car its place.
        if self.backends.suspicions.try_send(Sighting { vehicle, at, reason, networks, count }).is_err() {
            self.metrics.suspicions_lost.add(usize::try_from(count).unwrap_or(usize::MAX));
        }
    }

    /// Lets a newcomer not in.
    pub(in crate::gateway) fn turn_away<T>(&mut self, why: TurnedAway) -> ControlFlow<Stop, T> {
        let (reason, text, cause) = match why {
            TurnedAway::Third => {
                let text =
                    "another connection of this vehicle waits before this one; try again in 10 seconds";
                (ReasonCode::ServerBusy, text, Cause::Withdrawn)
            }
            TurnedAway::Second => {
                let text = "another connection of this vehicle is alive; close it before you open one";
                (ReasonCode::ServerBusy, text, Cause::Withdrawn)
            }
            TurnedAway::Quarantined => (ReasonCode::NotAuthorized, QUARANTINED, Cause::Quarantined),
        };
        self.metrics.connects_refused.add(1);
        refuse(reason, text, &mut self.reply);
        ControlFlow::Break(Stop::Close(cause))
    }

    /// Tells the directory that a connection is gone, and whoever waited for this.
    pub(super) fn release(&self, key: Key, car: &mut Car, vehicle: VehicleId, was_in: bool) {
        car.waiting = None;
        if !std::mem::take(&mut car.claimed) {
            return;
        }
        let kept = Kept { budget: was_in.then_some(car.budget), queue: car.queue.take() };
        let leaving = Leaving { quota: &self.quota, now: self.now.instant, time: self.now.time };
        if let Some(next) = self.shared.directory.release(vehicle, self.place(key), kept, leaving) {
            self.mailboxes.post(next.worker, Mail::YourTurn(next.key));
        }
    }

    fn turned_away(&self, newcomer: Option<Place>, why: TurnedAway) {
        if let Some(Place { worker, key }) = newcomer {
            self.mailboxes.post(worker, Mail::TurnedAway { key, why });
        }
    }

    fn place(&self, key: Key) -> Place {
        Place { worker: self.worker, key }
    }

    fn instant_of(&self, at: Timestamp) -> std::time::Instant {
        let us = u64::try_from(at.since(self.now.time).0).unwrap_or(0);
        self.now.instant + Duration::from_micros(us)
    }
}
