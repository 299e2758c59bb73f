//! What a worker does with the packets of its cars: lets them in, checks batches, collects them for
//! the log, and passes questions on.

mod door;
mod questions;

use std::{
    collections::VecDeque,
    ops::ControlFlow,
    sync::{Arc, Mutex, PoisonError, atomic::AtomicUsize},
    time::Duration,
};

use identity::clone_watch::{Reason, Verdict};
use lake::log::{Completion, Group, GroupBuilder, LogError};
use link::{
    Packet, PacketId, Violation,
    server::{ConnectRequest, Event, Limits, refuse},
};
use model::{Lane, Micros, Region, ShardCount, ShardId, Timestamp, VehicleId};
use tokio::{runtime::Handle, sync::mpsc};

use super::{
    Backends, Config, Mailboxes,
    backend::{Admission, Cause, Change, Connectivity, Credentials, Denial, Sighting},
    check::{Checked, Refusal, check_batch},
    clock::{self, Now},
    connection::Car,
    directory::{Directory, Key},
    mailbox::{Mail, Mailbox, Waiting},
    metrics::Metrics,
    quota::{Cost, Quota},
};
use crate::limits::Telling;

/// Why no more packets of a connection are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// A backend is being asked, or the car sent more than it may for now.
    Rest,
    /// The car is told, then the connection is closed.
    Violation(Violation),
    /// The last words are in the reply already.
    Close(Cause),
}

/// A worker's work but for its sockets.
#[derive(Debug)]
pub(super) struct Desk {
    pub(super) worker: usize,
    pub(super) now: Now,
    pub(super) limits: Limits,
    pub(super) quota: Quota,
    region: Region,
    pub(super) backends: Backends,
    pub(super) shared: Arc<Shared>,
    mailboxes: Mailboxes,
    pub(super) mailbox: Arc<Mailbox>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) runtime: Handle,
    /// What is to be sent to the car at hand.
    pub(super) reply: Vec<u8>,
    /// Groups that the log has no room for.
    pub(super) stuck: VecDeque<Stuck>,
    /// Messages of this tick that went to the log.
    pub(super) messages: usize,
    /// Groups that the log has not confirmed.
    pub(super) groups_in_flight: usize,
    /// Events that the twin had no room for; no car is accepted while they are many.
    pub(super) news: VecDeque<Connectivity>,
    /// Clones that nobody has taken yet; the same.
    pub(super) clones: VecDeque<Sighting>,
    shards: ShardCount,
    open: Vec<Open>,
    spare: Vec<Vec<Waiting>>,
}

/// What all workers share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) directory: Directory,
    /// What was suspect of which car, and when somebody was told.
    suspected: Mutex<Telling<(VehicleId, Reason)>>,
    /// Open sockets of all workers.
    pub(super) connections: AtomicUsize,
}

impl Shared {
    pub(super) fn new(answer_wait: Micros) -> Self {
        Self {
            directory: Directory::new(answer_wait),
            suspected: Mutex::new(Telling::new(SUSPICION_TOLD_EVERY)),
            connections: AtomicUsize::new(0),
        }
    }

    /// How many suspicions to tell of, if it is time to tell of this one.
    fn suspect(&self, vehicle: VehicleId, reason: Reason, now: Timestamp) -> Option<u32> {
        self.suspected.lock().unwrap_or_else(PoisonError::into_inner).tell((vehicle, reason), now)
    }
}

/// A group that the log refused for now.
pub(super) struct Stuck {
    group: Group,
    done: Completion,
}

impl std::fmt::Debug for Stuck {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stuck").field("bytes", &self.group.bytes()).finish_non_exhaustive()
    }
}

/// The group of a shard that this tick fills, and who waits for it.
#[derive(Debug)]
struct Open {
    group: GroupBuilder,
    waiting: Vec<Waiting>,
}

/// What became of a batch that may enter the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Batch {
    Logged {
        samples: u32,
    },
    /// It shows that two cars send as this one. It is not acknowledged, and stays in the car's queue.
    Cloned(Reason),
}

/// Each time that somebody is told of a suspicion is an entry of the audit log, for ever.
const SUSPICION_TOLD_EVERY: Micros = Micros::HOUR;

/// Events that wait for the twin, beyond which no car is accepted.
pub(super) const NEWS_MAX: usize = 4_096;

/// Lists of waiting messages kept for the next groups.
const SPARE_MAX: usize = 64;

impl Desk {
    pub(super) fn new(
        worker: usize,
        config: &Config,
        backends: Backends,
        shared: Arc<Shared>,
        mailboxes: Mailboxes,
        mailbox: Arc<Mailbox>,
        metrics: Arc<Metrics>,
        runtime: Handle,
    ) -> Self {
        let shards = backends.log.shards();
        let ids = (0..=u8::MAX).take(usize::from(shards.get())).map(ShardId);
        Self {
            worker,
            now: clock::now(),
            limits: config.limits,
            quota: config.quota,
            region: config.region.clone(),
            backends,
            shared,
            mailboxes,
            mailbox,
            metrics,
            runtime,
            reply: Vec::new(),
            stuck: VecDeque::new(),
            messages: 0,
            groups_in_flight: 0,
            news: VecDeque::new(),
            clones: VecDeque::new(),
            shards,
            open: ids.map(|id| Open { group: GroupBuilder::new(id), waiting: Vec::new() }).collect(),
            spare: Vec::new(),
        }
    }

    /// Takes one packet of a car.
    pub(super) fn packet(&mut self, key: Key, car: &mut Car, packet: Packet<'_>) -> ControlFlow<Stop> {
        let event = car.session.handle_packet(self.now.instant, packet, &self.limits, &mut self.reply);
        match event {
            Err(violation) => ControlFlow::Break(Stop::Violation(violation)),
            Ok(None) => ControlFlow::Continue(()),
            Ok(Some(event)) => self.event(key, car, event),
        }
    }

    fn event(&mut self, key: Key, car: &mut Car, event: Event<'_>) -> ControlFlow<Stop> {
        match event {
            Event::Batch { id, lane, payload } => {
                let samples = match self.batch(key, car, id, lane, payload) {
                    Ok(Batch::Logged { samples }) => samples,
                    Ok(Batch::Cloned(reason)) => return self.cloned(car, reason, None),
                    Err(refusal) => {
                        self.reject(car, id, refusal);
                        0
                    }
                };
                return self.charge(car, Cost::batch(payload.len(), samples));
            }
            Event::Report { id, payload } => {
                self.report(key, car, id, payload);
                return self.charge(car, Cost::question(payload.len()));
            }
            Event::Fetch { id, payload } => {
                self.fetch(key, car, id, payload);
                return self.charge(car, Cost::question(payload.len()));
            }
            Event::LinkCode { id, payload } => {
                self.link_code(key, car, id, payload);
                return self.charge(car, Cost::question(payload.len()));
            }
            Event::Pong { payload } => {
                self.pong(key, car, payload)?;
                return self.charge(car, Cost::batch(0, 0));
            }
            Event::Rejected { .. } => {
                self.metrics.refuse(Refusal::Foreign);
                car.session.flush_acks(&mut self.reply);
                return self.charge(car, Cost::batch(0, 0));
            }
            Event::Subscribed => self.ask_again(car),
            Event::Connect(request) => return self.connect(key, car, request),
            Event::Goodbye { with_will } => {
                self.leave(key, car, Cause::Goodbye, with_will);
                return ControlFlow::Break(Stop::Close(Cause::Goodbye));
            }
        }
        ControlFlow::Continue(())
    }

    /// Counts a message, and says whether the next one has to wait.
    fn charge(&mut self, car: &mut Car, cost: Cost) -> ControlFlow<Stop> {
        self.metrics.publishes.add(1);
        car.paused = car.budget.take(&self.quota, self.now.instant, cost);
        if car.paused.is_some() {
            self.metrics.pauses.add(1);
        }
        if car.rests() { ControlFlow::Break(Stop::Rest) } else { ControlFlow::Continue(()) }
    }

    /// Lets the car in at once when the registry answers at once.
    pub(super) fn connect(&mut self, key: Key, car: &mut Car, request: ConnectRequest) -> ControlFlow<Stop> {
        car.vehicle = Some(request.vehicle);
        if car.certificate.as_ref().is_some_and(|certificate| certificate.region != self.region) {
            return self.enter(key, car, &request, Err(Denial::OtherRegion));
        }
        let who = Credentials { vehicle: request.vehicle, certificate: car.certificate.clone() };
        let mail = move |result| Mail::Admitted { key, request, result };
        match self.ask(self.backends.registry.admit(who), mail) {
            Some(result) => self.enter(key, car, &request, result),
            None => {
                car.asking = true;
                ControlFlow::Break(Stop::Rest)
            }
        }
    }

    /// The registry has answered.
    pub(super) fn enter(
        &mut self,
        key: Key,
        car: &mut Car,
        request: &ConnectRequest,
        result: Result<Admission, Denial>,
    ) -> ControlFlow<Stop> {
        car.asking = false;
        let admission = match result {
            Ok(admission) => admission,
            Err(denial) => {
                self.metrics.connects_refused.add(1);
                refuse(denial.reason(), &denial.to_string(), &mut self.reply);
                return ControlFlow::Break(Stop::Close(Cause::Withdrawn));
            }
        };
        let vehicle = request.vehicle;
        let kept = self.claim(key, car, request)?;
        self.metrics.connects.add(1);
        car.shard = self.shards.shard_of(vehicle);
        self.admit(car, admission);
        car.queue = kept.queue;
        if let Some(budget) = kept.budget {
            car.budget = budget;
        }
        self.news.push_back(Connectivity { vehicle, at: self.now.time, change: Change::Connected });
        car.session.accept(self.now.instant, self.now.time, request, &self.limits, &mut self.reply);
        ControlFlow::Continue(())
    }

    /// What the car may do from now on, and until when.
    pub(super) fn admit(&self, car: &mut Car, admission: Admission) {
        let left = |until: Timestamp| {
            let us = u64::try_from(until.since(self.now.time).0).unwrap_or(0);
            self.now.instant.checked_add(Duration::from_micros(us))
        };
        car.valid_until = admission.until.and_then(left);
        car.admission = Some(Arc::new(admission));
    }

    /// Notes that a car is gone, once.
    pub(super) fn leave(&mut self, key: Key, car: &mut Car, cause: Cause, with_will: bool) {
        let Some(vehicle) = car.vehicle else { return };
        let was_in = car.admission.take().is_some();
        self.release(key, car, vehicle, was_in);
        if !was_in {
            return;
        }
        let change = Change::Disconnected { cause, with_will };
        self.news.push_back(Connectivity { vehicle, at: self.now.time, change });
    }

    fn batch(
        &mut self,
        key: Key,
        car: &mut Car,
        id: PacketId,
        lane: Lane,
        payload: &[u8],
    ) -> Result<Batch, Refusal> {
        let admission = car.admission.as_deref().ok_or(Refusal::NotAssigned)?;
        let registry = self.backends.registry.as_ref();
        let checked =
            check_batch(payload, lane, admission, registry, self.now.time, &mut car.known_catalogue)?;
        let Checked { epoch, seq, content } = checked;
        let queue = car.queue.get_or_insert_default();
        match queue.handle_batch(lane, epoch, seq, content, self.now.time) {
            Verdict::Fine => {}
            Verdict::Suspect(reason) => {
                let vehicle = car.vehicle.ok_or(Refusal::NotAssigned)?;
                self.suspect(vehicle, reason, None);
            }
            Verdict::Cloned(reason) => return Ok(Batch::Cloned(reason)),
        }
        let (subject, brand) = (admission.subject, admission.brand);
        let place = usize::from(car.shard.0);
        let open = self.open.get_mut(place).expect("a shard is below the number of shards");
        if !open.group.push(subject, brand, self.now.time, lane, payload) {
            self.submit(place);
            let open = self.open.get_mut(place).expect("a shard is below the number of shards");
            if !open.group.push(subject, brand, self.now.time, lane, payload) {
                // The link's limit is far below a group's.
                return Err(Refusal::Invalid);
            }
        }
        if let Some(open) = self.open.get_mut(place) {
            open.waiting.push((key, id));
        }
        Ok(Batch::Logged { samples: content.samples })
    }

    fn reject(&self, car: &mut Car, id: PacketId, refusal: Refusal) {
        self.metrics.refuse(refusal);
        car.session.rejected(id, refusal.reason(), refusal.text());
    }

    /// Hands this tick's groups to the log.
    pub(super) fn submit_all(&mut self) {
        for place in 0..self.open.len() {
            self.submit(place);
        }
    }

    fn submit(&mut self, place: usize) {
        let Some(open) = self.open.get_mut(place) else { return };
        let Some(group) = open.group.take() else { return };
        let fresh = self.spare.pop().unwrap_or_default();
        let waiting = std::mem::replace(&mut open.waiting, fresh);
        self.metrics.groups.add(1);
        self.metrics.batch_bytes.add(group.bytes());
        self.messages += waiting.len();
        self.groups_in_flight += 1;
        let mailbox = Arc::clone(&self.mailbox);
        let submitted = self.now.instant;
        let span = tracing::debug_span!("log group", batches = group.len(), bytes = group.bytes());
        let done: Completion = Box::new(move |result| {
            // From here to there is what a car waits for.
            drop(span);
            mailbox.post(Mail::Logged { waiting, result: result.map(|_| ()), submitted });
        });
        if self.stuck.is_empty() {
            self.offer(Stuck { group, done });
        } else {
            self.stuck.push_back(Stuck { group, done });
        }
    }

    /// Whether reading must stop until the log has room.
    pub(super) fn is_stuck(&self) -> bool {
        !self.stuck.is_empty()
    }

    /// The log may have room again: offers what waits, oldest first.
    pub(super) fn offer_stuck(&mut self) {
        for _ in 0..self.stuck.len() {
            let Some(stuck) = self.stuck.pop_front() else { return };
            if !self.offer(stuck) {
                return;
            }
        }
    }

    fn offer(&mut self, stuck: Stuck) -> bool {
        let Err(refused) = self.backends.log.submit(stuck.group, stuck.done) else { return true };
        match refused.reason {
            LogError::Full { .. } | LogError::NoSpace { .. } => {
                if matches!(refused.reason, LogError::NoSpace { .. }) {
                    tracing::error!(reason = %refused.reason, "the gateway stops reading");
                }
                self.metrics.stalls.add(1);
                self.stuck.push_front(Stuck { group: refused.group, done: refused.done });
                let (room, mailbox) = (self.backends.log.room(), Arc::clone(&self.mailbox));
                self.runtime.spawn(async move {
                    room.await;
                    mailbox.post(Mail::Room);
                });
                false
            }
            reason @ (LogError::SyncFailed { .. }
            | LogError::Io { .. }
            | LogError::Damaged { .. }
            | LogError::Trimmed { .. }
            | LogError::NoSuchShard { .. }
            | LogError::InUse { .. }
            | LogError::TooLarge { .. }
            | LogError::Closed) => {
                (refused.done)(Err(reason));
                true
            }
        }
    }

    /// Takes back the memory of a list.
    pub(super) fn recycle(&mut self, mut waiting: Vec<Waiting>) {
        waiting.clear();
        if self.spare.len() < SPARE_MAX {
            self.spare.push(waiting);
        }
    }

    /// Tells the twin who came and went, and the quarantine which are two, as far as they have room.
    pub(super) fn send_news(&mut self) {
        hand_on(&mut self.clones, &self.backends.clones);
        hand_on(&mut self.news, &self.backends.connectivity);
    }
}

fn hand_on<T>(queue: &mut VecDeque<T>, to: &mpsc::Sender<T>) {
    while let Some(next) = queue.pop_front() {
        match to.try_send(next) {
            Ok(()) => {}
            Err(mpsc::error::TrySendError::Full(next)) => return queue.push_front(next),
            Err(mpsc::error::TrySendError::Closed(_)) => return queue.clear(),
        }
    }
}
