//! Whether two cars use one identity. The gateway that a car talks to keeps two watches for it: one of its
//! connections, which is asked when one opens or ends, and one of its queue, which each batch's header passes.
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
/// How long a network from which somebody was sent away, because another waited, keeps its turn to wait. A car that
/// was sent away comes back in half a minute, and whoever comes back keeps it as long again. Turns outlive connections:
/// a copy that ends all of its own has not given up.
pub const KEEPS_TURN: Micros = Micros::from_secs(60);
/// Networks of one car that take turns. No car is in more within [`KEEPS_TURN`] of each other.
const TURNS_MAX: usize = 8;
/// Going back or forking once in a lane can be a disk that was restored. Twice within this time are two queues.
pub const SUSPICION: Micros = Micros::DAY;
/// Batches of a lane that are remembered: more than a car has in flight, and than it forgets to have been
/// answered when its power is cut, so that what it sends again is known.
const RECENT_MAX: usize = 128;

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

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// A second connection came from the same place while the first answered.
    SecondConnection,
    /// A second connection came from another place while the first answered. Only suspect where nobody answered.
    TwoPlaces,
    /// The queue's epoch or sequence went back.
    WentBack,
    /// One batch's name came with two contents, and neither is what consent left of the other.
    Forked,
}

impl Reason {
    pub const ALL: [Self; 4] = [Self::SecondConnection, Self::TwoPlaces, Self::WentBack, Self::Forked];

    pub const fn slug(self) -> &'static str {
        match self {
            Self::SecondConnection => "second-connection",
            Self::TwoPlaces => "two-places",
            Self::WentBack => "went-back",
            Self::Forked => "forked",
        }
    }
}

/// What to do with a connection that was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opened<C, P> {
    /// It is the only one.
    Alone,
    /// Let it wait until the first has answered or `until` has passed. Ping the first, where it was not asked
    /// before.
    Waits {
        ping: Option<C>,
        until: Timestamp,
        /// Who waited though it was not its turn, which is this one's: send it away.
        instead_of: Option<InsteadOf<C, P>>,
    },
    /// Another waits already and keeps its place: send this one away.
    Taken {
        /// Where another is and where it comes from, if these are two.
        elsewhere: Option<(P, P)>,
    },
    /// More networks than one car is in within a minute want to be it: quarantine the identity, and send all away.
    Crowd {
        live: C,
        newcomer: Option<C>,
        /// Two of the networks.
        places: (P, P),
    },
}

/// One that waited until another came whose turn it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InsteadOf<C, P> {
    pub connection: C,
    /// Where it and the other come from.
    pub places: (P, P),
}

/// What became of a newcomer's wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waited<C> {
    /// The first did not answer: close it, and when it has gone, let the newcomer in.
    Over {
        first: C,
    },
    Until(Timestamp),
    /// It is not this one that waits, or it waits no more.
    NotWaiting,
}

/// A car's connections. The first is the car until it has gone, also when it did not answer: what ends a car's
/// connections has to reach it. `C` names one, `P` says where it comes from: its network, not its address.
#[derive(Debug)]
pub struct ConnectionWatch<C, P> {
    answer_wait: Micros,
    live: Option<(C, P)>,
    challenge: Option<Challenge<C, P>>,
    /// Where those came from who were sent away since another waited, each network once and when somebody came from
    /// there last: they wait next, in this order, and take the place of whoever else waits. A copy with two
    /// connections that never answer would else keep the car out for good.
    turns: VecDeque<(P, Timestamp)>,
    clock: SteadyClock,
}

/// The first connection was asked whether it still lives.
#[derive(Debug, Clone, Copy)]
struct Challenge<C, P> {
    /// Where the one came from for which it was asked, who may have gone. Of whoever came later nobody knows whether
    /// the answer is older.
    asked_for: P,
    newcomer: Option<Newcomer<C, P>>,
    until: Timestamp,
}

#[derive(Debug, Clone, Copy)]
struct Newcomer<C, P> {
    connection: C,
    place: P,
    /// Nobody's turn was before its own.
    is_due: bool,
}

/// What the numbers of a car's queue tell.
#[derive(Debug, Default)]
pub struct QueueWatch {
    lanes: [LaneWatch; Lane::ALL.len()],
    clock: SteadyClock,
}

#[derive(Debug, Default)]
struct LaneWatch {
    newest: Option<(QueueEpoch, Seq)>,
    /// The highest of `recent`: what is above it needs no search.
    highest: Option<(QueueEpoch, Seq)>,
    recent: VecDeque<(QueueEpoch, Seq, Content)>,
    /// Of each lane for itself: a disk that was restored takes all of them back at once.
    suspected: Option<Timestamp>,
}

impl<C: Copy + PartialEq, P: Copy + PartialEq> ConnectionWatch<C, P> {
    /// `answer_wait` is [`ANSWER_WAIT`] but in tests.
    pub fn new(answer_wait: Micros) -> Self {
        Self {
            answer_wait,
            live: None,
            challenge: None,
            turns: VecDeque::new(),
            clock: SteadyClock::default(),
        }
    }

    pub fn handle_opened(&mut self, connection: C, place: P, now: Timestamp) -> Opened<C, P> {
        let now = self.clock.read(now);
        self.turns.retain(|(_, came)| now.since(*came) < KEEPS_TURN);
        let Some((first, home)) = self.live else {
            self.enter(connection, place);
            return Opened::Alone;
        };
        // Whom it was asked for has gone, and so has the time for the answer.
        self.challenge.take_if(|challenge| challenge.newcomer.is_none() && now >= challenge.until);
        let next = self.turns.front().map(|(next, _)| *next);
        let waiting = self.challenge.and_then(|challenge| challenge.newcomer);
        let gives_way =
            waiting.filter(|waiting| !waiting.is_due && waiting.place != place && next == Some(place));
        if let Some(waiting) = waiting
            && gives_way.is_none()
        {
            if waiting.place != place && !self.take_turn(place, now) {
                self.challenge = None;
                self.turns.clear();
                let places = (waiting.place, place);
                return Opened::Crowd { live: first, newcomer: Some(waiting.connection), places };
            }
            let other = [waiting.place, home].into_iter().find(|other| *other != place);
            return Opened::Taken { elsewhere: other.map(|other| (other, place)) };
        }
        let is_due = next.is_none_or(|next| next == place);
        if is_due {
            self.turns.pop_front();
        }
        if let Some(waiting) = gives_way {
            self.take_turn(waiting.place, now);
        }
        let ping = self.challenge.is_none().then_some(first);
        let until = now + self.answer_wait;
        let challenge = self.challenge.get_or_insert(Challenge { asked_for: place, newcomer: None, until });
        challenge.newcomer = Some(Newcomer { connection, place, is_due });
        let instead_of = gives_way
            .map(|waiting| InsteadOf { connection: waiting.connection, places: (waiting.place, place) });
        Opened::Waits { ping, until: self.clock.shown_at(challenge.until), instead_of }
    }

    /// Whether this network has its turn after those that have one already.
    fn take_turn(&mut self, place: P, now: Timestamp) -> bool {
        if let Some((_, came)) = self.turns.iter_mut().find(|(known, _)| *known == place) {
            *came = now;
            return true;
        }
        let fits = self.turns.len() < TURNS_MAX;
        if fits {
            self.turns.push_back((place, now));
        }
        fits
    }

    /// It is the car, and its network needs no turn.
    fn enter(&mut self, connection: C, place: P) {
        self.turns.retain(|(known, _)| *known != place);
        self.live = Some((connection, place));
    }

    /// Whether somebody who was sent away may still come back.
    pub fn has_turns(&mut self, now: Timestamp) -> bool {
        let now = self.clock.read(now);
        self.turns.iter().any(|(_, came)| now.since(*came) < KEEPS_TURN)
    }

    /// A connection answered a ping. An answer that comes too late is none.
    pub fn handle_answer(&mut self, connection: C, now: Timestamp) -> Option<Answered<C, P>> {
        let now = self.clock.read(now);
        let (_, home) = self.live.filter(|(first, _)| *first == connection)?;
        let challenge = self.challenge.take_if(|challenge| now < challenge.until)?;
        let later = challenge.newcomer.map_or(challenge.asked_for, |newcomer| newcomer.place);
        let (verdict, other) = if challenge.asked_for != home {
            (Verdict::Cloned(Reason::TwoPlaces), challenge.asked_for)
        } else if later != home {
            (Verdict::Suspect(Reason::TwoPlaces), later)
        } else {
            (Verdict::Suspect(Reason::SecondConnection), home)
        };
        let newcomer = challenge.newcomer.map(|newcomer| newcomer.connection);
        Some(Answered { verdict, newcomer, places: (home, other) })
    }

    /// A connection has gone. Whom to let in for it.
    pub fn handle_closed(&mut self, connection: C) -> Option<C> {
        if let Some(challenge) = &mut self.challenge {
            // What the first answers tells of it all the same.
            challenge.newcomer.take_if(|newcomer| newcomer.connection == connection);
        }
        self.live.take_if(|(live, _)| *live == connection)?;
        if let Some(newcomer) = self.challenge.take().and_then(|challenge| challenge.newcomer) {
            self.enter(newcomer.connection, newcomer.place);
        }
        self.live()
    }

    /// Whether the newcomer has waited long enough: a first that does not answer in time is dead.
    pub fn handle_timeout(&mut self, newcomer: C, now: Timestamp) -> Waited<C> {
        let now = self.clock.read(now);
        let waits = |challenge: &Challenge<C, P>| {
            challenge.newcomer.is_some_and(|waiting| waiting.connection == newcomer)
        };
        let challenge = self.challenge.filter(waits);
        match (self.live, challenge) {
            (Some((first, _)), Some(challenge)) if now >= challenge.until => Waited::Over { first },
            (Some(_), Some(challenge)) => Waited::Until(self.clock.shown_at(challenge.until)),
            (Some(_) | None, _) => Waited::NotWaiting,
        }
    }

    /// The connection that is the car.
    pub fn live(&self) -> Option<C> {
        self.live.map(|(connection, _)| connection)
    }
}

/// The first connection lives, beside another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answered<C, P> {
    pub verdict: Verdict,
    /// Waits, and is not let in; none when it has gone.
    pub newcomer: Option<C>,
    /// Where the first and the other came from.
    pub places: (P, P),
}

impl QueueWatch {
    pub fn handle_batch(
        &mut self,
        lane: Lane,
        epoch: QueueEpoch,
        seq: Seq,
        content: Content,
        now: Timestamp,
    ) -> Verdict {
        let now = self.clock.read(now);
        let lane = &mut self.lanes[lane.index()];
        let Some(reason) = lane.follow(epoch, seq, content) else {
            return Verdict::Fine;
        };
        let again = lane.suspected.is_some_and(|at| now.since(at) < SUSPICION);
        lane.suspected = Some(now);
        if again { Verdict::Cloned(reason) } else { Verdict::Suspect(reason) }
    }
}

impl LaneWatch {
    /// Follows the lane to wherever it goes: if the numbers that it left go on, and these too, it leaves
    /// its way again.
    fn follow(&mut self, epoch: QueueEpoch, seq: Seq, content: Content) -> Option<Reason> {
        let name = (epoch, seq);
        let is_new = self.highest.is_none_or(|highest| highest < name);
        let known = if is_new { None } else { self.recent.iter().position(|(e, s, _)| (*e, *s) == name) };
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
                self.highest = self.recent.iter().map(|(e, s, _)| (*e, *s)).max();
                Some(Reason::Forked)
            }
            None => self.newest.is_some_and(|newest| name < newest).then_some(Reason::WentBack),
        };
        self.newest = Some(name);
        self.highest = self.highest.max(self.newest);
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
