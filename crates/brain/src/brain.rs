//! The car's loop: a core, a source of signals and a link, in one task.
//!
//! Nothing in it waits for the cloud: without a link batches go to the queue, and connecting is one
//! of the things that the loop waits for at the same time.

use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use ::link::{Error as LinkError, ReasonCode, client::ServerTime};
use consent::DriverMode;
use model::Timestamp;
use possession::CodeKind;
use tokio::{sync::watch, time::sleep};
use wire::{AccessNotice, ClockState};

use crate::{
    CodeError, Config, Error, ShownCode,
    access::Codes,
    agents::uplink::Uplink,
    backoff::Backoff,
    broker::Broker,
    clock::{Clock, monotonic},
    clock_state::clock_state,
    connect::Connect,
    core::Core,
    provider::{Input, Provider},
};

use link::{Link, LinkEvent, Up};

mod link;

/// Inputs taken in one turn, so that a flood on the bus cannot keep the link from its turn.
const INPUTS_PER_TURN: usize = 256;

/// A car that is ready to run.
#[derive(Debug)]
pub struct Brain<C, P> {
    config: Config,
    core: Core,
    connector: Option<Arc<C>>,
    provider: P,
    mode: watch::Sender<DriverMode>,
    unkept: watch::Sender<bool>,
}

/// What apps in the car have of it.
#[derive(Debug, Clone)]
pub struct Handle {
    broker: Arc<Broker>,
    mode: watch::Sender<DriverMode>,
    unkept: watch::Sender<bool>,
    codes: Codes,
    notices: watch::Receiver<Arc<[AccessNotice]>>,
}

impl Handle {
    pub fn broker(&self) -> &Arc<Broker> {
        &self.broker
    }

    /// The driver's privacy mode; it takes effect at once, and is kept for the next start if the disk
    /// takes it: see [`Handle::is_mode_unkept`].
    pub fn set_mode(&self, mode: DriverMode) {
        self.mode.send_replace(mode);
    }

    /// Whether the disk did not take the latest mode: the driver should know that the next start may
    /// not have it. Changes are seen too.
    pub fn is_mode_unkept(&self) -> watch::Receiver<bool> {
        self.unkept.subscribe()
    }

    /// Shows a code that proves to the platform that somebody sits in the car; a code before it ends.
    pub fn show_code(&self, kind: CodeKind) -> Result<ShownCode, CodeError> {
        self.codes.show(kind)
    }

    /// The code that was shown last, with what the platform says of it. Changes are seen too.
    pub fn shown_code(&self) -> watch::Receiver<Option<ShownCode>> {
        self.codes.subscribe()
    }

    /// Who got access to the car since it has its owner, the oldest first. Changes are seen too.
    pub fn access_notices(&self) -> watch::Receiver<Arc<[AccessNotice]>> {
        self.notices.clone()
    }
}

impl<C: Connect, P: Provider> Brain<C, P> {
    /// Opens the car's folder. Without a connector the car never connects.
    pub fn open(config: Config, connector: Option<C>, provider: P) -> Result<Self, Error> {
        let core = Core::open(&config)?;
        let mode = watch::Sender::new(core.mode());
        let unkept = watch::Sender::new(false);
        Ok(Self { config, core, connector: connector.map(Arc::new), provider, mode, unkept })
    }

    pub fn handle(&self) -> Handle {
        Handle {
            broker: Arc::clone(self.core.broker()),
            mode: self.mode.clone(),
            unkept: self.unkept.clone(),
            codes: self.core.codes().clone(),
            notices: self.core.notices().subscribe(),
        }
    }

    /// Runs until `shutdown`, or until the source has ended where the configuration says so. Then
    /// sends what it can within the grace, and closes the queue.
    pub fn run(
        self,
        shutdown: impl Future<Output = ()> + Send,
    ) -> impl Future<Output = Result<(), Error>> + Send {
        let Self { config, core, connector, provider, mode, unkept } = self;
        let backoff = Backoff::new(config.backoff, config.vehicle);
        let link = Link::after(connector, None);
        let uplink = Uplink::new();
        // In a box, and before the future begins: a future holds a copy of what it moves for each
        // place that it is moved to.
        let mut running = Box::new(Running {
            clock: config.clock,
            clock_state: config.clock_state,
            heard: None,
            seen: (config.clock)(),
            codes: core.codes().subscribe(),
            core,
            provider,
            source_ended: false,
            link,
            uplink,
            backoff,
            mode: mode.subscribe(),
            unkept,
            grace: config.grace.to_duration(),
            end_with_source: config.end_with_source,
        });
        async move {
            running.turn_until(std::pin::pin!(shutdown)).await;
            Box::pin(running.stop()).await;
            Ok(())
        }
    }
}

/// What a turn of the loop was woken by.
enum Woken<S> {
    Shutdown,
    Link(LinkEvent<S>),
    Input(Option<Input>),
    Mode(DriverMode),
    /// Another code is shown, or something is due.
    Due,
}

struct Running<C: Connect, P> {
    clock: Clock,
    /// How far the clock can be trusted, where the configuration says it.
    clock_state: Option<ClockState>,
    /// What the platform said last that the time is.
    heard: Option<ServerTime>,
    /// The time of the latest input.
    seen: Timestamp,
    core: Core,
    provider: P,
    source_ended: bool,
    link: Link<C>,
    uplink: Uplink,
    backoff: Backoff,
    mode: watch::Receiver<DriverMode>,
    codes: watch::Receiver<Option<ShownCode>>,
    unkept: watch::Sender<bool>,
    grace: Duration,
    end_with_source: bool,
}

impl<C: Connect, P: Provider> Running<C, P> {
    async fn turn_until(&mut self, mut shutdown: Pin<&mut (impl Future<Output = ()> + Send)>) {
        loop {
            self.work();
            if self.end_with_source && self.source_ended && self.has_sent_all() {
                return;
            }
            let wait = self.next_wait();
            let woken = tokio::select! {
                biased;
                () = &mut shutdown => Woken::Shutdown,
                event = self.link.next() => Woken::Link(event),
                mode = changed(&mut self.mode) => Woken::Mode(mode),
                input = self.provider.next(), if !self.source_ended => Woken::Input(input),
                () = self.core.apps_active() => Woken::Due,
                // The core holds the other end.
                _ = self.codes.changed() => Woken::Due,
                () = sleep(wait.unwrap_or_default()), if wait.is_some() => Woken::Due,
            };
            match woken {
                Woken::Shutdown => return,
                Woken::Link(event) => self.handle_link(event),
                Woken::Input(input) => self.take(input),
                Woken::Mode(mode) => self.set_mode(mode),
                Woken::Due => {}
            }
        }
    }

    /// Sends what it can, then closes.
    async fn stop(mut self: Box<Self>) {
        // A mode that was set right before the end counts too.
        let mode = *self.mode.borrow();
        if mode != self.core.mode() {
            self.set_mode(mode);
        }
        // The time stands still from here, so that nothing new falls due while the queue empties.
        let now = self.now();
        self.core.set_clock_state(self.clock_state());
        self.core.flush(now);
        let drained = tokio::time::timeout(self.grace, self.drain()).await;
        if drained.is_err() {
            tracing::info!(
                waiting = self.core.queue().counters().batches,
                "stopping with batches in the queue"
            );
        }
        let Self { core, link, grace, .. } = *self;
        if let Link::Up(up) = link {
            // The platform notices a connection that is cut as well.
            drop(tokio::time::timeout(grace, up.close()).await);
        }
        if let Err(error) = core.close(now) {
            tracing::error!(%error, "the queue is not closed in order; the next start begins a new epoch");
        }
    }

    /// Waits for a link that is coming up, but not for one that is to be tried later.
    async fn drain(&mut self) {
        loop {
            match &mut self.link {
                Link::Up(up) => self.uplink.fill(&mut up.connection, &mut self.core, (self.clock)()),
                Link::Connecting { .. } => {}
                Link::Off | Link::Waiting { .. } => return,
            }
            if self.is_settled() {
                return;
            }
            let event = self.link.next().await;
            self.handle_link(event);
        }
    }

    fn set_mode(&mut self, mode: DriverMode) {
        let kept = self.core.set_mode(mode);
        self.unkept.send_replace(!kept);
    }

    /// The time that drives collecting: the clock, or a recording's own time.
    fn now(&self) -> Timestamp {
        if self.provider.is_live() { (self.clock)() } else { self.seen }
    }

    /// What batches say of their times' clock. A recording's times are nobody's here.
    fn clock_state(&self) -> ClockState {
        match self.clock_state {
            Some(known) => known,
            None if self.provider.is_live() => {
                clock_state(self.heard, (self.clock)(), monotonic().into_std())
            }
            None => ClockState::Unknown,
        }
    }

    fn work(&mut self) {
        let now = self.now();
        self.core.set_clock_state(self.clock_state());
        self.core.poll(now);
        while let Some(message) = self.core.poll_bus(now) {
            if !self.provider.send(message) {
                self.core.shared().stats.bus_messages_unsent.add(1);
            }
        }
        self.link.connect_when_due(monotonic());
        if let Link::Up(up) = &mut self.link {
            self.uplink.fill(&mut up.connection, &mut self.core, (self.clock)());
        }
    }

    fn take(&mut self, input: Option<Input>) {
        let mut next = input;
        for _ in 0..INPUTS_PER_TURN {
            let Some(input) = next else {
                self.source_ended = true;
                let now = self.now();
                self.core.source_ended(now);
                tracing::info!("the source of signals has ended");
                return;
            };
            self.seen = self.seen.max(input.time);
            self.core.handle(input);
            // A recording runs ahead of the clock: what is due by its time is due now.
            if !self.provider.is_live() {
                self.core.poll(self.seen);
            }
            match self.provider.try_next() {
                Some(input) => next = Some(input),
                None => return,
            }
        }
        if let Some(input) = next {
            self.seen = self.seen.max(input.time);
            self.core.handle(input);
        }
    }

    fn handle_link(&mut self, event: LinkEvent<C::Stream>) {
        let (connector, error) = match event {
            LinkEvent::Connected(connection) => {
                self.uplink.connected(&mut self.core);
                self.hear_time(connection.server_time());
                let Link::Connecting { connector, .. } = std::mem::replace(&mut self.link, Link::Off) else {
                    return;
                };
                self.link = Link::Up(Box::new(Up { connection: *connection, connector, next: None }));
                return;
            }
            LinkEvent::Renewed(connection) => {
                if let Link::Up(up) = &mut self.link {
                    // What the old one had in flight goes again; the platform stores it once.
                    self.uplink.disconnected(&mut self.core);
                    up.connection = *connection;
                    self.uplink.connected(&mut self.core);
                }
                return;
            }
            LinkEvent::Event(event) => {
                if self.uplink.handle(event, &mut self.core, (self.clock)()) {
                    self.backoff.reset();
                }
                return;
            }
            LinkEvent::Failed(error) => match std::mem::replace(&mut self.link, Link::Off) {
                Link::Connecting { connector, .. } => {
                    self.core.shared().stats.connect_failures.add(1);
                    (connector, error)
                }
                Link::Up(up) => {
                    self.uplink.disconnected(&mut self.core);
                    let Up { connector, next, .. } = *up;
                    if let Some(attempt) = next {
                        // The platform ended the old one because the new one is there.
                        self.link = Link::Connecting { connector, attempt };
                        return;
                    }
                    (connector, error)
                }
                Link::Waiting { connector, .. } => (connector, error),
                Link::Off => return,
            },
        };
        let is_turn_of_another = matches!(error, LinkError::Refused { reason: ReasonCode::ServerBusy, .. });
        let wait = if is_turn_of_another { self.backoff.wait_for_turn() } else { self.backoff.next_wait() };
        tracing::info!(%error, wait_ms = wait.0 / 1_000, "no link to the cloud");
        self.link = Link::after(Some(connector), Some(monotonic() + wait.to_duration()));
    }

    fn hear_time(&mut self, time: Option<ServerTime>) {
        self.heard = time.or(self.heard);
        if self.clock_state() == ClockState::FreeRunning {
            tracing::warn!("the car's clock is off the platform's; batches say so until it is right");
        }
    }

    /// How long there is nothing to do. A recording's own deadlines come with its messages.
    fn next_wait(&self) -> Option<Duration> {
        let core = if self.provider.is_live() { self.core.next_deadline() } else { None };
        let core = core.map(|deadline| deadline.since((self.clock)()).to_duration());
        let link = self.link.connect_at().map(|at| at.saturating_duration_since(monotonic()));
        [core, link].into_iter().flatten().min()
    }

    /// Whether there is nothing to wait for any more; without a connector there never was.
    fn has_sent_all(&self) -> bool {
        matches!(self.link, Link::Off) || self.is_settled()
    }

    fn is_settled(&self) -> bool {
        self.uplink.is_idle() && self.core.queue().is_empty()
    }
}

/// The driver's next mode; never when the handles are gone.
async fn changed(mode: &mut watch::Receiver<DriverMode>) -> DriverMode {
    match mode.changed().await {
        Ok(()) => *mode.borrow_and_update(),
        Err(_) => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests;
