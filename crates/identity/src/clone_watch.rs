//! Whether two cars use one identity. One watch is kept for a car, by the gateway that it talks to.
//!
//! Two things give a clone away: a second connection while the first still answers, and a queue whose
//! numbers go back or fork. A car that lost its link comes back with the same queue from anywhere, while
//! its first connection is dead; a car whose queue was lost begins a higher epoch; a batch that is sent
//! again may have lost what its owner withdrew meanwhile. None of these is a clone.

use std::collections::VecDeque;

use model::{CampaignId, CampaignVersion, ConsentEpoch, Lane, Micros, QueueEpoch, Seq, Timestamp};

use crate::steady_clock::SteadyClock;

/// How long the first of two connections may take to answer a ping. A newcomer waits so long at most.
pub const ANSWER_WAIT: Micros = Micros::from_secs(10);
/// Going back or forking once can be a disk that was restored. Twice within this time are two queues.
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

/// What a batch's header says of its content. Bytes and checksum of an honest batch differ when it is
/// sent again: it may announce by then what the queue dropped before it, or have lost columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Content {
    pub campaign: CampaignId,
    pub version: CampaignVersion,
    pub consent_epoch: ConsentEpoch,
    /// The first time in the body.
    pub base_time: Timestamp,
    pub samples: u32,
}

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
    /// One batch's name came with two contents, and neither is what consent left of the other.
    Forked,
}

/// What to do with a connection that was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opened {
    /// It is the only one.
    Alone,
    /// Ping `first`, and let the newcomer wait until it answered or `until` has passed. Close `replaces`,
    /// which waited and will not be let in.
    Ping { first: ConnectionId, until: Timestamp, replaces: Option<ConnectionId> },
}

#[derive(Debug, Default)]
pub struct CloneWatch {
    live: Option<(ConnectionId, Place)>,
    challenge: Option<Challenge>,
    lanes: [LaneWatch; Lane::ALL.len()],
    suspected: Option<Timestamp>,
    clock: SteadyClock,
}

/// A newcomer waits for whether the first connection still lives.
#[derive(Debug, Clone, Copy)]
struct Challenge {
    newcomer: (ConnectionId, Place),
    /// Whether it, or one that it replaced, came from another place than the first.
    is_elsewhere: bool,
    until: Timestamp,
}

#[derive(Debug, Default)]
struct LaneWatch {
    newest: Option<(QueueEpoch, Seq)>,
    recent: VecDeque<(QueueEpoch, Seq, Content)>,
}

impl CloneWatch {
    pub fn handle_opened(&mut self, connection: ConnectionId, place: Place, now: Timestamp) -> Opened {
        self.handle_timeout(now);
        let now = self.clock.peek(now);
        let Some((first, home)) = self.live else {
            self.live = Some((connection, place));
            return Opened::Alone;
        };
        // A third takes the second's place and gains it no time: the first was pinged already. Where the
        // second came from still counts.
        let before = self.challenge;
        let until = before.map_or(now + ANSWER_WAIT, |before| before.until);
        let is_elsewhere = place != home || before.is_some_and(|before| before.is_elsewhere);
        self.challenge = Some(Challenge { newcomer: (connection, place), is_elsewhere, until });
        let replaces = before.map(|before| before.newcomer.0);
        Opened::Ping { first, until: self.clock.shown_at(until), replaces }
    }

    /// A connection answered a ping.
    pub fn handle_answer(&mut self, connection: ConnectionId, now: Timestamp) -> Verdict {
        self.handle_timeout(now);
        let (Some((first, _)), Some(challenge)) = (self.live, self.challenge) else {
            return Verdict::Fine;
        };
        if connection != first {
            return Verdict::Fine;
        }
        self.challenge = None;
        if challenge.is_elsewhere {
            Verdict::Cloned(Reason::TwoPlaces)
        } else {
            Verdict::Suspect(Reason::SecondConnection)
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
        let now = self.clock.read(now);
        if let Some(challenge) = self.challenge.take_if(|challenge| now >= challenge.until) {
            self.live = Some(challenge.newcomer);
        }
    }

    /// When to call [`Self::handle_timeout`].
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        self.challenge.map(|challenge| self.clock.shown_at(challenge.until))
    }

    /// The connection that is the car.
    pub fn live(&self) -> Option<ConnectionId> {
        self.live.map(|(connection, _)| connection)
    }

    pub fn handle_batch(
        &mut self,
        lane: Lane,
        epoch: QueueEpoch,
        seq: Seq,
        content: Content,
        now: Timestamp,
    ) -> Verdict {
        let now = self.clock.read(now);
        let Some(reason) = self.lanes[lane.index()].follow(epoch, seq, content) else {
            return Verdict::Fine;
        };
        let again = self.suspected.is_some_and(|at| now.since(at) < SUSPICION);
        self.suspected = Some(now);
        if again { Verdict::Cloned(reason) } else { Verdict::Suspect(reason) }
    }
}

impl LaneWatch {
    /// Follows the lane to wherever it goes: if the numbers that it left go on, and these too, it leaves
    /// its way again.
    fn follow(&mut self, epoch: QueueEpoch, seq: Seq, content: Content) -> Option<Reason> {
        let known = self.recent.iter().position(|(e, s, _)| (*e, *s) == (epoch, seq));
        let reason = match known {
            Some(place) => {
                let (_, _, known) = &mut self.recent[place];
                if content.is_left_of(*known) {
                    return None;
                }
                if known.is_left_of(content) {
                    *known = content;
                    return None;
                }
                // What followed on the other branch says nothing of this one.
                self.recent.truncate(place);
                Some(Reason::Forked)
            }
            None => self.newest.is_some_and(|newest| (epoch, seq) < newest).then_some(Reason::WentBack),
        };
        self.newest = Some((epoch, seq));
        if self.recent.len() == RECENT_MAX {
            self.recent.pop_front();
        }
        self.recent.push_back((epoch, seq, content));
        reason
    }
}

impl Content {
    /// Whether it is the same, or what is left of it when the car has cut columns out whose grant was
    /// withdrawn. The first of what is left may be later.
    fn is_left_of(self, whole: Self) -> bool {
        let is_of_campaign = (self.campaign, self.version) == (whole.campaign, whole.version);
        let is_cut = self.samples < whole.samples
            && self.base_time >= whole.base_time
            && self.consent_epoch >= whole.consent_epoch;
        self == whole || (is_of_campaign && is_cut)
    }
}

#[cfg(test)]
mod tests;
