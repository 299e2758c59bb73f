//! One car's connection as a worker keeps it, and the slots that connections lie in.

use std::{io, io::Write as _, net::Shutdown, sync::Arc, time::Instant};

use identity::clone_watch::QueueWatch;
use link::{
    Frames,
    server::{ConnectRequest, Session},
};
use mio::net::TcpStream;
use model::{CatalogueHash, ShardId, VehicleId};

use super::{
    backend::{Admission, Cause, Certificate},
    directory::Key,
    quota::Budget,
    tls::Tls,
};
use crate::words::Network;

/// A connection in its slot.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) socket: TcpStream,
    pub(super) tls: Option<Box<Tls>>,
    pub(super) car: Car,
    pub(super) phase: Phase,
    /// What the socket did not take yet.
    pub(super) unsent: Vec<u8>,
    /// Stands in the worker's queue: data may lie in the socket of which no event will say so again.
    pub(super) readable: bool,
    /// Something waits to be written at the end of the tick.
    pub(super) dirty: bool,
}

/// Where in its life a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// TLS is being negotiated until then.
    Handshake { until: Instant },
    /// The session says what comes next.
    Open,
    /// All is said; what the car still sends is read and dropped, so that it sees our last words.
    Lingering { until: Instant },
}

/// What is known of the car behind a connection.
#[derive(Debug)]
pub(super) struct Car {
    pub(super) session: Session,
    pub(super) frames: Frames,
    pub(super) vehicle: Option<VehicleId>,
    pub(super) certificate: Option<Certificate>,
    pub(super) shard: ShardId,
    /// There once the car is let in.
    pub(super) admission: Option<Arc<Admission>>,
    pub(super) known_catalogue: Option<CatalogueHash>,
    /// The registry is being asked; nothing more is read.
    pub(super) asking: bool,
    /// Reports and fetches that are not answered.
    pub(super) questions: usize,
    /// What it has left of its quota.
    pub(super) budget: Budget,
    /// It sent more than it may; nothing more is read until then.
    pub(super) paused: Option<Instant>,
    /// The end of its certificate.
    pub(super) valid_until: Option<Instant>,
    /// Where it comes from.
    pub(super) network: Network,
    /// The directory knows of it.
    pub(super) claimed: bool,
    /// Another connection of the same car is asked whether it lives.
    pub(super) waiting: Option<Waiting>,
    /// It was asked itself, with this.
    pub(super) pinged: Option<[u8; 8]>,
    /// There from its first batch on.
    pub(super) queue: Option<Box<QueueWatch>>,
}

/// A connection that waits at the door.
#[derive(Debug, Clone, Copy)]
pub(super) struct Waiting {
    pub(super) request: ConnectRequest,
    /// When to look again; none when it was looked and the other is told to go.
    pub(super) until: Option<Instant>,
}

/// Questions of one car that SQL may work on while its batches go on: a car that comes sends one of each kind.
const QUESTIONS_MAX: usize = 2;

impl Car {
    /// Whether what it sends is left in the socket for now.
    pub(super) fn rests(&self) -> bool {
        self.asking || self.waiting.is_some() || self.questions > QUESTIONS_MAX || self.paused.is_some()
    }
}

/// What became of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Written {
    All,
    Some,
    /// The socket is gone, or the car takes too slowly.
    Never(Cause),
}

impl Connection {
    /// Sends bytes, after those that wait; keeps what the socket does not take, up to a limit.
    pub(super) fn send(&mut self, bytes: &[u8], unsent_bytes_max: usize) -> Written {
        if !self.unsent.is_empty() {
            return self.keep(bytes, unsent_bytes_max);
        }
        let mut rest = bytes;
        while !rest.is_empty() {
            match self.socket.write(rest) {
                Ok(0) => return Written::Never(Cause::Lost),
                Ok(len) => rest = rest.get(len..).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return self.keep(rest, unsent_bytes_max);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return Written::Never(Cause::Lost),
            }
        }
        Written::All
    }

    /// The socket takes bytes again.
    pub(super) fn send_unsent(&mut self) -> Written {
        let bytes = std::mem::take(&mut self.unsent);
        self.send(&bytes, usize::MAX)
    }

    fn keep(&mut self, bytes: &[u8], unsent_bytes_max: usize) -> Written {
        if self.unsent.len() + bytes.len() > unsent_bytes_max {
            return Written::Never(Cause::Slow);
        }
        self.unsent.extend_from_slice(bytes);
        Written::Some
    }

    /// Says on TCP that we send no more.
    pub(super) fn finish(&self) {
        if let Err(error) = self.socket.shutdown(Shutdown::Write) {
            // Gone already: the car was quicker.
            tracing::trace!(%error, "shutdown");
        }
    }

    /// When something is due. Later than it was only as packets come, so an old answer is early.
    pub(super) fn due(&self) -> Instant {
        match self.phase {
            Phase::Handshake { until } | Phase::Lingering { until } => until,
            Phase::Open => {
                let waits = self.car.waiting.and_then(|waiting| waiting.until);
                let others = [self.car.paused, self.car.valid_until, waits].into_iter().flatten();
                others.fold(self.car.session.deadline(), Instant::min)
            }
        }
    }
}

/// The connections of a worker. A slot is used again with another generation.
#[derive(Debug, Default)]
pub(super) struct Slots {
    slots: Vec<Slot>,
    free: Vec<u32>,
    len: usize,
}

#[derive(Debug)]
struct Slot {
    generation: u32,
    /// At least this early is nothing due; see [`Connection::due`].
    due: Option<Instant>,
    connection: Option<Box<Connection>>,
}

impl Slots {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The key that the next connection will have.
    pub(super) fn next_key(&mut self) -> Key {
        if self.free.is_empty() {
            self.free.push(u32::try_from(self.slots.len()).expect("sockets are fewer than 2^32"));
            self.slots.push(Slot { generation: 0, due: None, connection: None });
        }
        let slot = self.free.last().copied().expect("a free slot was just made");
        let generation = self.slots.get(index(slot)).map_or(0, |slot| slot.generation);
        Key { slot, generation }
    }

    /// Puts a connection where [`Slots::next_key`] said.
    pub(super) fn insert(&mut self, connection: Box<Connection>) -> Key {
        let key = self.next_key();
        self.free.pop();
        self.len += 1;
        self.put(key, connection);
        key
    }

    /// Takes a connection out to work on it; [`Slots::put`] or [`Slots::remove`] must follow.
    pub(super) fn take(&mut self, key: Key) -> Option<Box<Connection>> {
        let slot = self.slots.get_mut(index(key.slot)).filter(|slot| slot.generation == key.generation)?;
        slot.connection.take()
    }

    pub(super) fn put(&mut self, key: Key, connection: Box<Connection>) {
        if let Some(slot) = self.slots.get_mut(index(key.slot)) {
            let due = connection.due();
            if slot.due.is_none_or(|old| due < old) {
                slot.due = Some(due);
            }
            slot.connection = Some(connection);
        }
    }

    /// Frees the slot of a connection that was taken out.
    pub(super) fn remove(&mut self, key: Key) {
        if let Some(slot) = self.slots.get_mut(index(key.slot)) {
            slot.generation = slot.generation.wrapping_add(1);
            slot.due = None;
            slot.connection = None;
            self.free.push(key.slot);
            self.len -= 1;
        }
    }

    pub(super) fn get_mut(&mut self, key: Key) -> Option<&mut Connection> {
        let slot = self.slots.get_mut(index(key.slot)).filter(|slot| slot.generation == key.generation)?;
        slot.connection.as_deref_mut()
    }

    /// The key of what lies in a slot now.
    pub(super) fn key_of(&self, slot: usize) -> Option<Key> {
        let found = self.slots.get(slot)?;
        found.connection.as_ref()?;
        Some(Key { slot: u32::try_from(slot).ok()?, generation: found.generation })
    }

    pub(super) fn keys(&self) -> Vec<Key> {
        (0..self.slots.len()).filter_map(|slot| self.key_of(slot)).collect()
    }

    /// Appends the connections for which something is due, and forgets when; `put` learns it again.
    pub(super) fn take_due(&mut self, now: Instant, due: &mut Vec<Key>) {
        for (number, slot) in (0_u32..).zip(&mut self.slots) {
            if slot.due.is_some_and(|at| at <= now) {
                slot.due = None;
                due.push(Key { slot: number, generation: slot.generation });
            }
        }
    }
}

fn index(slot: u32) -> usize {
    usize::try_from(slot).unwrap_or(usize::MAX)
}
