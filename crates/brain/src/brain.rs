//! The car's loop: a core, a source of signals and a link, in one task.
//!
//! Nothing in it waits for the cloud: without a link batches go to the queue, and connecting is one
//! of the things that the loop waits for at the same time.

use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use consent::DriverMode;
use link::client::{Connection, Event};
use model::Timestamp;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::watch,
    time::sleep,
};

use crate::{
    Config, Error,
    agents::uplink::Uplink,
    backoff::Backoff,
    broker::Broker,
    clock::Clock,
    connect::Connect,
    core::Core,
    provider::{Input, Provider},
};

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
}

/// What apps in the car have of it.
#[derive(Debug, Clone)]
pub struct Handle {
    broker: Arc<Broker>,
    mode: watch::Sender<DriverMode>,
}

impl Handle {
    pub fn broker(&self) -> &Arc<Broker> {
        &self.broker
    }

    /// The driver's privacy mode; it takes effect at once, and is kept for the next start.
    pub fn set_mode(&self, mode: DriverMode) {
        self.mode.send_replace(mode);
    }
}

impl<C: Connect, P: Provider> Brain<C, P> {
    /// Opens the car's folder. Without a connector the car never connects.
    pub fn open(config: Config, connector: Option<C>, provider: P) -> Result<Self, Error> {
        let core = Core::open(&config)?;
        let mode = watch::Sender::new(core.mode());
        Ok(Self { config, core, connector: connector.map(Arc::new), provider, mode })
    }

    pub fn handle(&self) -> Handle {
        Handle { broker: Arc::clone(self.core.broker()), mode: self.mode.clone() }
    }

    /// Runs until `shutdown`, or until the source has ended where the configuration says so. Then
    /// sends what it can within the grace, and closes the queue.
    pub fn run(
        self,
        shutdown: impl Future<Output = ()> + Send,
    ) -> impl Future<Output = Result<(), Error>> + Send {
        let Self { config, core, connector, provider, mode } = self;
        let backoff = Backoff::new(config.backoff, config.vehicle);
        let link = Link::after(connector, None);
        let uplink = Uplink::new();
        // In a box, and before the future begins: a future holds a copy of what it moves for each
        // place that it is moved to.
        let mut running = Box::new(Running {
            clock: config.clock,
            seen: (config.clock)(),
            core,
            provider,
            source_ended: false,
            link,
            uplink,
            backoff,
            mode: mode.subscribe(),
            grace: config.grace.to_duration(),
            end_with_source: config.end_with_source,
        });
        async move {
            running.turn_until(std::pin::pin!(shutdown)).await?;
            Box::pin(running.stop()).await
        }
    }
}

/// What a turn of the loop was woken by.
enum Woken<S> {
    Shutdown,
    Link(LinkEvent<S>),
    Input(Option<Input>),
    Mode(DriverMode),
    Due,
}

struct Running<C: Connect, P> {
    clock: Clock,
    /// The time of the latest input.
    seen: Timestamp,
    core: Core,
    provider: P,
    source_ended: bool,
    link: Link<C>,
    uplink: Uplink,
    backoff: Backoff,
    mode: watch::Receiver<DriverMode>,
    grace: Duration,
    end_with_source: bool,
}

impl<C: Connect, P: Provider> Running<C, P> {
    async fn turn_until(
        &mut self,
        mut shutdown: Pin<&mut (impl Future<Output = ()> + Send)>,
    ) -> Result<(), Error> {
        loop {
            self.work()?;
            if self.end_with_source && self.source_ended && self.has_sent_all() {
                return Ok(());
            }
            let wait = self.next_deadline().map(|deadline| deadline.since((self.clock)()).to_duration());
            let woken = tokio::select! {
                biased;
                () = &mut shutdown => Woken::Shutdown,
                event = self.link.next() => Woken::Link(event),
                mode = changed(&mut self.mode) => Woken::Mode(mode),
                input = self.provider.next(), if !self.source_ended => Woken::Input(input),
                () = self.core.apps_active() => Woken::Due,
                () = sleep(wait.unwrap_or_default()), if wait.is_some() => Woken::Due,
            };
            match woken {
                Woken::Shutdown => return Ok(()),
                Woken::Link(event) => self.handle_link(event)?,
                Woken::Input(input) => self.take(input),
                Woken::Mode(mode) => self.core.set_mode(mode),
                Woken::Due => {}
            }
        }
    }

    /// Sends what it can, then closes.
    async fn stop(mut self: Box<Self>) -> Result<(), Error> {
        // The time stands still from here, so that nothing new falls due while the queue empties.
        let now = self.now();
        self.core.flush(now);
        let drained = tokio::time::timeout(self.grace, self.drain()).await;
        if !matches!(drained, Ok(Ok(()))) {
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
        core.close(now)
    }

    async fn drain(&mut self) -> Result<(), Error> {
        while let Link::Up(up) = &mut self.link {
            self.uplink.fill(&mut up.connection, &mut self.core, (self.clock)())?;
            if self.is_settled() {
                return Ok(());
            }
            let event = self.link.next().await;
            self.handle_link(event)?;
        }
        Ok(())
    }

    /// The time that drives collecting: the clock, or a recording's own time.
    fn now(&self) -> Timestamp {
        if self.provider.is_live() { (self.clock)() } else { self.seen }
    }

    fn work(&mut self) -> Result<(), Error> {
        let now = self.now();
        self.core.poll(now);
        while let Some(message) = self.core.poll_bus(now) {
            self.provider.send(message);
        }
        self.link.connect_when_due((self.clock)());
        if let Link::Up(up) = &mut self.link {
            self.uplink.fill(&mut up.connection, &mut self.core, (self.clock)())?;
        }
        Ok(())
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

    fn handle_link(&mut self, event: LinkEvent<C::Stream>) -> Result<(), Error> {
        let (connector, error) = match event {
            LinkEvent::Connected(connection) => {
                self.uplink.connected(&mut self.core);
                let Link::Connecting { connector, .. } = std::mem::replace(&mut self.link, Link::Off) else {
                    return Ok(());
                };
                self.link = Link::Up(Box::new(Up { connection: *connection, connector }));
                return Ok(());
            }
            LinkEvent::Event(event) => {
                if self.uplink.handle(event, &mut self.core, (self.clock)())? {
                    self.backoff.reset();
                }
                return Ok(());
            }
            LinkEvent::Failed(error) => match std::mem::replace(&mut self.link, Link::Off) {
                Link::Connecting { connector, .. } => {
                    self.core.shared().stats.connect_failures.add(1);
                    (connector, error)
                }
                Link::Up(up) => {
                    self.uplink.disconnected(&mut self.core);
                    (up.connector, error)
                }
                Link::Waiting { connector, .. } => (connector, error),
                Link::Off => return Ok(()),
            },
        };
        let wait = self.backoff.next_wait();
        tracing::info!(%error, wait_ms = wait.0 / 1_000, "no link to the cloud");
        self.link = Link::after(Some(connector), Some((self.clock)() + wait));
        Ok(())
    }

    /// By the clock. A recording's own deadlines come with its messages.
    fn next_deadline(&self) -> Option<Timestamp> {
        let core = if self.provider.is_live() { self.core.next_deadline() } else { None };
        [core, self.link.connect_at()].into_iter().flatten().min()
    }

    /// Whether there is nothing to wait for any more; without a connector there never was.
    fn has_sent_all(&self) -> bool {
        matches!(self.link, Link::Off) || self.is_settled()
    }

    fn is_settled(&self) -> bool {
        self.uplink.is_idle() && self.core.queue().is_empty()
    }
}

/// The link at one time.
enum Link<C: Connect> {
    Off,
    Waiting { connector: Arc<C>, until: Timestamp },
    Connecting { connector: Arc<C>, attempt: Attempt<C::Stream> },
    Up(Box<Up<C>>),
}

type Attempt<S> = Pin<Box<dyn Future<Output = Result<Connection<S>, link::Error>> + Send>>;

struct Up<C: Connect> {
    connection: Connection<C::Stream>,
    connector: Arc<C>,
}

enum LinkEvent<S> {
    Connected(Box<Connection<S>>),
    Event(Event),
    Failed(link::Error),
}

impl<C: Connect> Link<C> {
    /// Connects at `at`, or at once.
    fn after(connector: Option<Arc<C>>, at: Option<Timestamp>) -> Self {
        match connector {
            Some(connector) => Self::Waiting { connector, until: at.unwrap_or(Timestamp::MIN) },
            None => Self::Off,
        }
    }

    fn connect_at(&self) -> Option<Timestamp> {
        match self {
            Self::Waiting { until, .. } => Some(*until),
            Self::Off | Self::Connecting { .. } | Self::Up(_) => None,
        }
    }

    fn connect_when_due(&mut self, now: Timestamp) {
        let Self::Waiting { connector, until } = self else { return };
        if *until > now {
            return;
        }
        let connector = Arc::clone(connector);
        let dialled = Arc::clone(&connector);
        let attempt = Box::pin(async move { dialled.connect().await });
        *self = Self::Connecting { connector, attempt };
    }

    /// What the link tells next. Dropping the future loses nothing.
    async fn next(&mut self) -> LinkEvent<C::Stream> {
        match self {
            Self::Off | Self::Waiting { .. } => std::future::pending().await,
            Self::Connecting { attempt, .. } => match attempt.await {
                Ok(connection) => LinkEvent::Connected(Box::new(connection)),
                Err(error) => LinkEvent::Failed(error),
            },
            Self::Up(up) => match up.connection.next().await {
                Ok(event) => LinkEvent::Event(event),
                Err(error) => LinkEvent::Failed(error),
            },
        }
    }
}

impl<C: Connect> Up<C>
where
    C::Stream: AsyncRead + AsyncWrite + Unpin,
{
    async fn close(self) -> Result<(), link::Error> {
        self.connection.close().await
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
