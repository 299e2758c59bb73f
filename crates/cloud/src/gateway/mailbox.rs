//! What other threads tell a worker: many letters, one wake.

use std::{
    fmt,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use bytes::Bytes;
use lake::log::LogError;
use link::{PacketId, server::ConnectRequest};
use wire::topic::Topic;

use super::{
    backend::{Admission, Cause, Denial, Unavailable},
    directory::Key,
};

/// A message in flight and whose it is.
pub(super) type Waiting = (Key, PacketId);

pub(super) enum Mail {
    /// The log has a group, or failed.
    Logged {
        waiting: Vec<Waiting>,
        result: Result<(), LogError>,
        submitted: Instant,
    },
    /// The log that was full has room.
    Room,
    Admitted {
        key: Key,
        request: ConnectRequest,
        result: Result<Admission, Denial>,
    },
    /// The registry's new answer about a connected car.
    Rechecked {
        key: Key,
        result: Result<Admission, Denial>,
    },
    /// A report or a code is, or is not.
    Kept {
        key: Key,
        id: PacketId,
        result: Result<(), Unavailable>,
    },
    Fetched {
        key: Key,
        id: PacketId,
        result: Result<Vec<(Topic, Bytes)>, Unavailable>,
    },
    /// The same car waits with another connection: does this one live?
    Ping {
        key: Key,
        payload: [u8; 8],
    },
    /// It did not answer, and the other is the car; or nobody is, as too many want to be.
    Dismiss {
        key: Key,
        cause: Cause,
    },
    /// The other connection is gone.
    YourTurn(Key),
    /// The other connection lives.
    TurnedAway {
        key: Key,
        why: TurnedAway,
    },
    /// What the car may do has changed.
    Changed(Key),
    /// Something newer can be fetched.
    Hint(Key),
    Notice {
        key: Key,
        payload: Bytes,
    },
    Shutdown,
}

/// Why a newcomer does not come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TurnedAway {
    /// Another waits already, or has its turn before this one.
    Third,
    /// Another connection of the car lives.
    Second,
    Quarantined,
}

/// Letters for a worker. Its length is bounded by what is in flight: groups, and one letter or two
/// per connection.
pub(super) struct Mailbox {
    letters: Mutex<Vec<Mail>>,
    waker: mio::Waker,
    awake: AtomicBool,
}

impl Mailbox {
    pub(super) fn new(waker: mio::Waker) -> Self {
        Self { letters: Mutex::new(Vec::new()), waker, awake: AtomicBool::new(false) }
    }

    /// Leaves a letter and wakes the worker, unless it is about to look anyway.
    pub(super) fn post(&self, mail: Mail) {
        self.letters.lock().unwrap_or_else(PoisonError::into_inner).push(mail);
        if !self.awake.swap(true, Ordering::SeqCst)
            && let Err(error) = self.waker.wake()
        {
            tracing::error!(%error, "a gateway worker cannot be woken");
        }
    }

    /// The worker is at work and will look into the mailbox before it rests: nobody need wake it.
    pub(super) fn work(&self) {
        self.awake.store(true, Ordering::SeqCst);
    }

    /// The worker wants to rest: whether it may, since no letter came in the meantime.
    pub(super) fn rest(&self) -> bool {
        // Before the letters are counted, so that one that comes now wakes.
        self.awake.store(false, Ordering::SeqCst);
        self.letters.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// Takes all letters; `into` is empty and gives its memory for the next.
    pub(super) fn collect(&self, into: &mut Vec<Mail>) {
        std::mem::swap(&mut *self.letters.lock().unwrap_or_else(PoisonError::into_inner), into);
    }
}

impl fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mailbox").finish_non_exhaustive()
    }
}
