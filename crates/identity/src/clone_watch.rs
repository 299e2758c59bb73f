//! Whether two cars use one identity. One watch is kept for a car, by the gateway that it talks to.
//!
//! Two things give a clone away: a second connection while the first still answers, and a queue whose
//! numbers go back or fork. A car that lost its link comes back with the same queue from anywhere, while
//! its first connection is dead; a car whose queue was lost begins a higher epoch. Neither is a clone.

use std::collections::VecDeque;

use model::{Lane, Micros, QueueEpoch, Seq, Timestamp};

/// How long the first of two connections may take to answer a ping. A newcomer waits so long at most.
pub const ANSWER_WAIT: Micros = Micros::from_secs(10);
/// Going back once can be a disk that was restored. Twice within this time are two queues.
pub const SUSPICION: Micros = Micros::DAY;
/// Batches of a lane that are remembered: more than a car has in flight, so that what it sends again
/// after a lost link is known.
const RECENT_MAX: usize = 256;

/// A connection to the gateway, numbered by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ConnectionId(pub u64);

/// Where a connection comes from: a hash of its network, made by the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Place(pub u64);

/// What a watch concludes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Fine,
    /// Worth showing to somebody.
    Suspect(Reason),
    /// Quarantine the identity.
    Cloned(Reason),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// A second connection came from the same place while the first answered.
    SecondConnection,
    /// A second connection came from another place while the first answered.
    TwoPlaces,
    /// The queue's epoch or sequence went back.
    WentBack,
    /// One batch's name came with two contents.
    Forked,
}

/// What to do with a connection that was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opened {
    /// It is the only one.
    Alone,
    /// Ping `first`, and let the newcomer wait until it answered or `until` has passed.
    Ping { first: ConnectionId, until: Timestamp },
}

#[derive(Debug, Default)]
pub struct CloneWatch {
    live: Option<(ConnectionId, Place)>,
    challenge: Option<Challenge>,
    lanes: [LaneWatch; Lane::ALL.len()],
    suspected: Option<Timestamp>,
}

/// A newcomer waits for whether the first connection still lives.
#[derive(Debug, Clone, Copy)]
struct Challenge {
    newcomer: (ConnectionId, Place),
    until: Timestamp,
}

#[derive(Debug, Default)]
struct LaneWatch {
    newest: Option<(QueueEpoch, Seq)>,
    /// With a checksum of the content.
    recent: VecDeque<(QueueEpoch, Seq, u32)>,
}

impl CloneWatch {
    pub fn handle_opened(&mut self, connection: ConnectionId, place: Place, now: Timestamp) -> Opened {
        self.handle_timeout(now);
        let Some((first, _)) = self.live else {
            self.live = Some((connection, place));
            return Opened::Alone;
        };
        // A third takes the second's place and gains it no time: the first was pinged already.
        let until = self.challenge.map_or(now + ANSWER_WAIT, |challenge| challenge.until);
        self.challenge = Some(Challenge { newcomer: (connection, place), until });
        Opened::Ping { first, until }
    }

    /// A connection answered a ping.
    pub fn handle_answer(&mut self, connection: ConnectionId, now: Timestamp) -> Verdict {
        self.handle_timeout(now);
        let (Some((first, place)), Some(challenge)) = (self.live, self.challenge) else {
            return Verdict::Fine;
        };
        if connection != first {
            return Verdict::Fine;
        }
        self.challenge = None;
        if challenge.newcomer.1 == place {
            Verdict::Suspect(Reason::SecondConnection)
        } else {
            Verdict::Cloned(Reason::TwoPlaces)
        }
    }

    pub fn handle_closed(&mut self, connection: ConnectionId) {
        if self.challenge.is_some_and(|challenge| challenge.newcomer.0 == connection) {
            self.challenge = None;
        }
        if self.live.is_some_and(|(live, _)| live == connection) {
            self.live = self.challenge.take().map(|challenge| challenge.newcomer);
        }
    }

    /// A first connection that did not answer in time is dead, and the newcomer is the car.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        if let Some(challenge) = self.challenge.take_if(|challenge| now >= challenge.until) {
            self.live = Some(challenge.newcomer);
        }
    }

    /// When to call [`Self::handle_timeout`].
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        self.challenge.map(|challenge| challenge.until)
    }

    /// The connection that is the car.
    pub fn live(&self) -> Option<ConnectionId> {
        self.live.map(|(connection, _)| connection)
    }

    /// A batch came; `checksum` is of its content.
    pub fn handle_batch(
        &mut self,
        lane: Lane,
        epoch: QueueEpoch,
        seq: Seq,
        checksum: u32,
        now: Timestamp,
    ) -> Verdict {
        let watch = &mut self.lanes[lane.index()];
        let known = watch.recent.iter().find(|(e, s, _)| (*e, *s) == (epoch, seq));
        match known {
            Some((_, _, other)) if *other != checksum => return Verdict::Cloned(Reason::Forked),
            Some(_) => return Verdict::Fine,
            None => {}
        }
        let went_back = watch.newest.is_some_and(|newest| (epoch, seq) < newest);
        // The lane is followed to where it went: if the higher numbers go on and these too, it goes back again.
        watch.remember(epoch, seq, checksum);
        if !went_back {
            return Verdict::Fine;
        }
        let again = self.suspected.is_some_and(|at| now.since(at) < SUSPICION);
        self.suspected = Some(now);
        if again { Verdict::Cloned(Reason::WentBack) } else { Verdict::Suspect(Reason::WentBack) }
    }
}

impl LaneWatch {
    fn remember(&mut self, epoch: QueueEpoch, seq: Seq, checksum: u32) {
        self.newest = Some((epoch, seq));
        if self.recent.len() == RECENT_MAX {
            self.recent.pop_front();
        }
        self.recent.push_back((epoch, seq, checksum));
    }
}

#[cfg(test)]
mod tests;
