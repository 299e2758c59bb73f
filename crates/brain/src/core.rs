//! A car without its sockets: messages of the bus in, batches in the queue out.
//!
//! It is told the time with each call, and it never waits. [`crate::Brain`] runs it against a clock,
//! a source and a link; a simulator may run it by itself.

use std::sync::Arc;

use bus::profile::{BusMessage, DiagnosticPoller, Profile, ProfileDecoder};
use campaigns::Permissions;
use consent::DriverMode;
use model::{CatalogueHash, Lane, Micros, QueueEpoch, Seq, Timestamp};
use signals::{Catalogue, Sample};
use wire::{ClockState, Kind, Report};

use crate::{
    BatchObserver, Config, Error, Shared,
    access::{Codes, Notices},
    agents::{collect::Collect, report},
    broker::{Broker, Subscription},
    catalogues::Catalogues,
    desired::{Change, Desired},
    provider::{Input, What},
    queue::{Key, Queue},
};

/// Targets that may wait to be put on the bus; people move actuators one at a time.
const TARGETS_MAX: usize = 64;

/// By more than this the clock goes back only when it is set.
const CLOCK_STEP_BACK: Micros = Micros::SECOND;

/// One car's state.
#[derive(Debug)]
pub struct Core {
    software: Arc<str>,
    shared: Arc<Shared>,
    observer: Option<Arc<dyn BatchObserver>>,
    broker: Arc<Broker>,
    network: Option<Network>,
    desired: Desired,
    permissions: Permissions,
    collect: Collect,
    queue: Queue,
    catalogues: Catalogues,
    codes: Codes,
    notices: Notices,
    /// The latest time that was told.
    now: Timestamp,
    /// By lane: batches before these may hold what is not allowed any more.
    check_before: [(QueueEpoch, Seq); Lane::ALL.len()],
    decoded: Vec<Sample>,
}

/// The car's own network.
#[derive(Debug)]
struct Network {
    profile: Arc<Profile>,
    decoder: ProfileDecoder,
    diagnostics: Option<DiagnosticPoller>,
    targets: Subscription,
}

impl Core {
    /// Opens the car's folder and takes up where it stopped.
    pub fn open(config: &Config) -> Result<Self, Error> {
        let now = (config.clock)();
        let broker = Arc::new(Broker::new(Arc::clone(&config.catalogue), config.clock));
        let catalogues = Catalogues::open(&config.catalogues_dir, &config.catalogue);
        let queue = Queue::open(&config.data_dir.join("queue"), config.queue, now);
        let desired = Desired::open(
            &config.data_dir,
            config.vehicle,
            Arc::clone(&config.keys),
            Arc::clone(&config.catalogue),
            Arc::clone(&config.shared),
            now,
        );
        let permissions = desired.permissions();
        let plan = Arc::clone(desired.plan());
        let shared = Arc::clone(&config.shared);
        let mut collect = Collect::new(&broker, plan, permissions, config.phase, shared)
            .observed_by(config.observer.clone());
        collect.set_clock_state(config.clock_state.unwrap_or_default());
        let network = config.profile.as_ref().map(|profile| Network::new(profile, &broker, now));
        let mut core = Self {
            software: Arc::clone(&config.software),
            shared: Arc::clone(&config.shared),
            observer: config.observer.clone(),
            broker,
            network,
            desired,
            permissions,
            collect,
            queue,
            catalogues,
            codes: Codes::new(config.region.as_ref(), config.clock),
            notices: Notices::open(&config.data_dir),
            now,
            check_before: [(QueueEpoch(0), Seq(0)); Lane::ALL.len()],
            decoded: Vec::new(),
        };
        // What waits was collected before this start, maybe under other grants.
        core.check_all_queued();
        Ok(core)
    }

    pub fn broker(&self) -> &Arc<Broker> {
        &self.broker
    }

    pub fn queue(&self) -> &Queue {
        &self.queue
    }

    pub fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    pub(crate) fn codes(&self) -> &Codes {
        &self.codes
    }

    pub(crate) fn notices(&self) -> &Notices {
        &self.notices
    }

    pub(crate) fn observer(&self) -> Option<&dyn BatchObserver> {
        self.observer.as_deref()
    }

    /// What consent allows now.
    pub fn permissions(&self) -> Permissions {
        self.permissions
    }

    pub fn mode(&self) -> DriverMode {
        self.desired.mode()
    }

    /// How far the clock behind the times that are told can be trusted; batches say it from now on. Before it is called,
    /// it is what the configuration says.
    pub fn set_clock_state(&mut self, state: ClockState) {
        self.collect.set_clock_state(state);
    }

    /// Takes what a source hands in. Call [`Core::poll`] when there is no more at once.
    pub fn handle(&mut self, input: Input) {
        match input.what {
            What::Bus(message) => self.handle_bus(&message, input.time),
            What::Samples(samples) => {
                self.shared.stats.samples_published.add(samples.len() as u64);
                self.broker.publish_seen(input.time, samples);
            }
        }
    }

    /// Takes a message of the car's network that came at `now`.
    pub fn handle_bus(&mut self, message: &BusMessage, now: Timestamp) {
        let stats = &self.shared.stats;
        stats.bus_messages.add(1);
        let Some(network) = &mut self.network else { return };
        if let Err(error) = network.decode(message, now, &mut self.decoded) {
            stats.bad_messages.add(1);
            tracing::debug!(%error, "a message of the car's network cannot be read");
        }
        stats.samples_published.add(self.decoded.len() as u64);
        self.broker.publish_seen(now, self.decoded.drain(..));
    }

    /// Does what is due: signals that grew stale, batches that are full or old enough.
    pub fn poll(&mut self, now: Timestamp) {
        self.notice_step_back(now);
        self.queue.begin(now);
        self.desired.keep_again(now);
        if let Some(network) = &mut self.network {
            let emit = &mut |sample| self.decoded.push(sample);
            network.decoder.poll(now, emit);
            if let Some(diagnostics) = &mut network.diagnostics {
                diagnostics.expire(now, emit);
            }
            self.broker.publish_seen(now, self.decoded.drain(..));
        }
        self.collect.poll(now, &mut self.queue);
    }

    /// A clock that went back leaves nothing waiting for a time that will not come for years, and no
    /// value that is newer than all that follow.
    fn notice_step_back(&mut self, now: Timestamp) {
        if now >= self.now - CLOCK_STEP_BACK {
            self.now = self.now.max(now);
            return;
        }
        tracing::info!(seconds = self.now.since(now).0 / 1_000_000, "the clock went back");
        self.now = now;
        self.broker.set_back(now);
        if let Some(network) = &mut self.network {
            network.decoder.set_back(now);
            if let Some(diagnostics) = &mut network.diagnostics {
                diagnostics.set_back(now);
            }
        }
    }

    /// The next message to put on the car's network: a diagnostic question or an actuator's target.
    pub fn poll_bus(&mut self, now: Timestamp) -> Option<BusMessage> {
        let network = self.network.as_mut()?;
        while let Some(target) = network.targets.try_next() {
            if let Some(message) = network.target(&target, now) {
                return Some(message);
            }
        }
        network.diagnostics.as_mut()?.poll(now).map(BusMessage::Can)
    }

    /// When [`Core::poll`] next has something to do, if nothing comes until then.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        let network = self.network.as_ref();
        let stale = network.and_then(|network| network.decoder.next_deadline());
        let ask = network.and_then(|network| network.diagnostics.as_ref()?.next_deadline());
        [stale, ask, self.collect.next_deadline()].into_iter().flatten().min()
    }

    /// Waits until an app has published something that is collected, or has set a target: then
    /// there is something to poll for. Dropping the future loses nothing.
    pub async fn apps_active(&self) {
        let Some(network) = &self.network else { return self.collect.waiting().await };
        tokio::select! {
            () = self.collect.waiting() => {}
            () = network.targets.waiting() => {}
        }
    }

    /// The source of signals has ended: its values are stale from now on.
    pub fn source_ended(&mut self, now: Timestamp) {
        if let Some(network) = &self.network {
            self.broker.mark_stale(network.profile.signals().map(|(signal, _)| signal), now);
        }
        self.collect.flush(now, &mut self.queue);
    }

    /// Sets the driver's privacy mode. It wins over every grant, also for what waits in the queue.
    /// Gives whether it is kept for the next start; if not, keeping it is tried again now and then.
    pub fn set_mode(&mut self, mode: DriverMode) -> bool {
        let kept = self.desired.set_mode(mode);
        self.renew_permissions();
        kept
    }

    /// Queues all that waits and closes the queue, so that the next start goes on from here.
    pub fn close(mut self, now: Timestamp) -> Result<(), Error> {
        self.collect.flush(now, &mut self.queue);
        Ok(self.queue.close()?)
    }

    pub(crate) fn flush(&mut self, now: Timestamp) {
        self.collect.flush(now, &mut self.queue);
    }

    pub(crate) fn queue_mut(&mut self) -> &mut Queue {
        &mut self.queue
    }

    pub(crate) fn desired(&self) -> &Desired {
        &self.desired
    }

    /// Takes a desired document that came down.
    pub(crate) fn take_document(&mut self, kind: Kind, envelope: &[u8], now: Timestamp) -> Change {
        let change = self.desired.take(kind, envelope, now);
        match change {
            Change::Plan => self.collect.set_plan(now, &self.broker, Arc::clone(self.desired.plan())),
            Change::Consent => self.renew_permissions(),
            Change::Refused | Change::Nothing => {}
        }
        change
    }

    pub(crate) fn report(&self, now: Timestamp) -> Report {
        let profile = self.network.as_ref().map(|network| &network.profile);
        report::report(now, &self.software, &self.desired, profile, &self.queue)
    }

    /// The catalogue that a queued batch names.
    pub(crate) fn catalogue_of(&mut self, hash: CatalogueHash) -> Option<Arc<Catalogue>> {
        self.catalogues.get(hash)
    }

    /// Whether a batch was made before the consent was narrowed.
    pub(crate) fn must_check(&self, key: Key) -> bool {
        (key.epoch, key.seq) < self.check_before[key.lane.index()]
    }

    fn renew_permissions(&mut self) {
        self.permissions = self.desired.permissions();
        self.collect.set_permissions(self.permissions);
        self.check_all_queued();
    }

    fn check_all_queued(&mut self) {
        self.check_before = Lane::ALL.map(|lane| {
            let next = self.queue.next_key(lane);
            (next.epoch, next.seq)
        });
    }
}

impl Network {
    fn new(profile: &Arc<Profile>, broker: &Broker, now: Timestamp) -> Self {
        let asks = !profile.diagnostics().is_empty();
        Self {
            profile: Arc::clone(profile),
            decoder: profile.decoder(),
            diagnostics: asks.then(|| DiagnosticPoller::new(Arc::clone(profile), now)),
            targets: broker.subscribe_targets(TARGETS_MAX),
        }
    }

    fn decode(
        &mut self,
        message: &BusMessage,
        now: Timestamp,
        decoded: &mut Vec<Sample>,
    ) -> Result<(), bus::Error> {
        let emit = &mut |sample| decoded.push(sample);
        if let (BusMessage::Can(frame), Some(diagnostics)) = (message, &mut self.diagnostics) {
            diagnostics.handle_frame(frame, emit);
        }
        self.decoder.handle(message, now, emit)
    }

    fn target(&self, target: &Sample, now: Timestamp) -> Option<BusMessage> {
        let value = target.reading.value.as_ref()?;
        match self.profile.target(target.signal, value, now) {
            Ok(message) => Some(message),
            Err(error) => {
                tracing::warn!(%error, signal = %target.signal, "a target cannot be put on the car's network");
                None
            }
        }
    }
}

#[cfg(test)]
mod tests;
