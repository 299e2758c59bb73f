//! What other threads told the worker.

use std::ops::ControlFlow;

use bytes::Bytes;
use lake::log::LogError;
use link::PacketId;
use wire::topic::Topic;

use super::Worker;
use crate::gateway::{
    backend::{Admission, Cause, Denial, Unavailable},
    connection::{Car, Phase},
    desk::{Desk, Stop},
    directory::Key,
    mailbox::{Mail, TurnedAway, Waiting},
};

impl Worker {
    pub(super) fn open_mail(&mut self, mail: Mail) {
        match mail {
            Mail::Logged { waiting, result, submitted } => {
                let span = self.desk.now.instant.saturating_duration_since(submitted);
                self.desk.metrics.log_latency.observe(span);
                self.desk.groups_in_flight -= 1;
                self.logged(waiting, result);
            }
            Mail::Room => {
                self.desk.offer_stuck();
            }
            Mail::Admitted { key, request, result } => {
                self.at_the_door(key, |desk, car| desk.enter(key, car, &request, result));
            }
            Mail::Rechecked { key, result } => self.rechecked(key, result),
            Mail::Kept { key, id, result } => self.answered(key, id, result.map(|()| Vec::new())),
            Mail::Fetched { key, id, result } => self.answered(key, id, result),
            Mail::Ping { key, payload } => {
                if let Some(connection) = self.slots.get_mut(key) {
                    connection.car.pinged = Some(payload);
                }
                self.publish(key, Topic::Ping, &payload);
            }
            Mail::Dismiss { key, cause } => self.dismiss_key(key, cause),
            Mail::YourTurn(key) => self.let_in(key),
            Mail::TurnedAway { key, why } => self.turn_away(key, why),
            Mail::Changed(key) => {
                if let Some(connection) = self.slots.take(key) {
                    self.desk.recheck(key, &connection.car);
                    self.slots.put(key, connection);
                }
            }
            Mail::Hint(key) => self.publish(key, Topic::Hint, &[]),
            Mail::Notice { key, payload } => self.publish(key, Topic::Notice, &payload),
            Mail::Shutdown => self.begin_shutdown(),
        }
    }

    /// Goes on with a connection that has sent CONNECT and was not answered yet.
    fn at_the_door(&mut self, key: Key, ask: impl FnOnce(&mut Desk, &mut Car) -> ControlFlow<Stop>) {
        let Some(mut connection) = self.slots.take(key) else { return };
        if connection.phase != Phase::Open {
            // It was given up meanwhile.
            return self.slots.put(key, connection);
        }
        self.desk.reply.clear();
        match ask(&mut self.desk, &mut connection.car) {
            ControlFlow::Continue(()) => self.resume(key, connection),
            ControlFlow::Break(Stop::Close(cause)) => self.say_goodbye(key, connection, cause),
            ControlFlow::Break(Stop::Rest | Stop::Violation(_)) => self.slots.put(key, connection),
        }
    }

    /// Whom a connection waited for is gone. The registry is asked again: it has waited for seconds.
    fn let_in(&mut self, key: Key) {
        self.at_the_door(key, |desk, car| match car.waiting.take() {
            Some(waiting) => desk.connect(key, car, waiting.request),
            None => ControlFlow::Break(Stop::Rest),
        });
    }

    fn turn_away(&mut self, key: Key, why: TurnedAway) {
        self.at_the_door(key, |desk, car| match car.waiting.take() {
            Some(_) => desk.turn_away(why),
            None => ControlFlow::Break(Stop::Rest),
        });
    }

    fn logged(&mut self, waiting: Vec<Waiting>, result: Result<(), LogError>) {
        match result {
            Ok(()) => {
                self.desk.metrics.batches.add(waiting.len());
                for (key, id) in &waiting {
                    let Some(connection) = self.slots.get_mut(*key) else { continue };
                    connection.car.session.taken(*id);
                    if !connection.dirty {
                        connection.dirty = true;
                        self.dirty.push(*key);
                    }
                }
            }
            Err(error) => {
                tracing::error!(%error, batches = waiting.len(), "a group is not durable; its cars are sent away");
                for (key, _) in &waiting {
                    self.dismiss_key(*key, Cause::Unavailable);
                }
            }
        }
        self.desk.recycle(waiting);
    }

    fn rechecked(&mut self, key: Key, result: Result<Admission, Denial>) {
        match result {
            Ok(admission) => {
                if let Some(connection) = self.slots.get_mut(key)
                    && connection.car.admission.is_some()
                {
                    self.desk.admit(&mut connection.car, admission);
                }
            }
            // The registry will be asked at the next CONNECT; the car may stay till then.
            Err(Denial::Unavailable) => {}
            Err(
                Denial::UnknownVehicle
                | Denial::OtherRegion
                | Denial::UnknownCertificate
                | Denial::Revoked
                | Denial::Expired,
            ) => self.dismiss_key(key, Cause::Withdrawn),
            Err(Denial::Quarantined) => self.dismiss_key(key, Cause::Quarantined),
        }
    }

    /// A report or a code is kept, or a fetch is answered: what goes down goes before the acknowledgement.
    fn answered(&mut self, key: Key, id: PacketId, result: Result<Vec<(Topic, Bytes)>, Unavailable>) {
        let newer = match result {
            Ok(newer) => newer,
            Err(error) => {
                tracing::warn!(%error, "a car's report, code or fetch has no answer; it is sent away to try again");
                return self.dismiss_key(key, Cause::Unavailable);
            }
        };
        for (topic, payload) in &newer {
            self.publish(key, *topic, payload);
        }
        let Some(mut connection) = self.slots.take(key) else { return };
        connection.car.session.taken(id);
        let rested = connection.car.rests();
        connection.car.questions -= 1;
        if connection.phase != Phase::Open {
            return self.slots.put(key, connection);
        }
        if !connection.dirty {
            connection.dirty = true;
            self.dirty.push(key);
        }
        if rested {
            self.desk.reply.clear();
            self.resume(key, connection);
        } else {
            self.slots.put(key, connection);
        }
    }

    fn publish(&mut self, key: Key, topic: Topic, payload: &[u8]) {
        let Some(mut connection) = self.slots.take(key) else { return };
        self.desk.reply.clear();
        self.buffers.cipher.clear();
        match connection.car.session.publish(topic, payload, &mut self.desk.reply) {
            Ok(()) => self.desk.metrics.down_messages.add(1),
            Err(error) => tracing::debug!(%error, ?topic, "a message for a car is not sent"),
        }
        match self.transmit(&mut connection) {
            Some(cause) => self.drop_connection(key, connection, cause),
            None => self.slots.put(key, connection),
        }
    }

    fn dismiss_key(&mut self, key: Key, cause: Cause) {
        if let Some(connection) = self.slots.take(key) {
            self.dismiss(key, connection, cause);
        }
    }
}
