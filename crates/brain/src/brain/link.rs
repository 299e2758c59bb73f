//! The car's link to its platform, and the one that takes over with a new certificate.

use std::{future::Future, pin::Pin, sync::Arc};

use ::link::client::{Connection, Event};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::Instant,
};

use crate::connect::Connect;

/// The link at one time.
pub(super) enum Link<C: Connect> {
    Off,
    Waiting { connector: Arc<C>, until: Option<Instant> },
    Connecting { connector: Arc<C>, attempt: Attempt<C::Stream> },
    Up(Box<Up<C>>),
}

pub(super) type Attempt<S> = Pin<Box<dyn Future<Output = Result<Connection<S>, ::link::Error>> + Send>>;

pub(super) struct Up<C: Connect> {
    pub(super) connection: Connection<C::Stream>,
    pub(super) connector: Arc<C>,
    /// The one that takes over.
    pub(super) next: Option<Attempt<C::Stream>>,
}

pub(super) enum LinkEvent<S> {
    Connected(Box<Connection<S>>),
    /// The same car with its new certificate, beside the connection that there is.
    Renewed(Box<Connection<S>>),
    Event(Event),
    Failed(::link::Error),
}

impl<S> LinkEvent<S> {
    pub(super) fn of(event: Result<Event, ::link::Error>) -> Self {
        match event {
            Ok(event) => Self::Event(event),
            Err(error) => Self::Failed(error),
        }
    }
}

impl<C: Connect> Link<C> {
    /// Connects at `at`, or at once.
    pub(super) fn after(connector: Option<Arc<C>>, at: Option<Instant>) -> Self {
        match connector {
            Some(connector) => Self::Waiting { connector, until: at },
            None => Self::Off,
        }
    }

    pub(super) fn connect_at(&self) -> Option<Instant> {
        match self {
            Self::Waiting { until, .. } => *until,
            Self::Off | Self::Connecting { .. } | Self::Up(_) => None,
        }
    }

    pub(super) fn connect_when_due(&mut self, now: Instant) {
        let Self::Waiting { connector, until } = self else { return };
        if until.is_some_and(|until| until > now) {
            return;
        }
        let connector = Arc::clone(connector);
        let attempt = dial(&connector);
        *self = Self::Connecting { connector, attempt };
    }

    /// What the link tells next. Dropping the future loses nothing.
    pub(super) async fn next(&mut self) -> LinkEvent<C::Stream> {
        match self {
            Self::Off | Self::Waiting { .. } => std::future::pending().await,
            Self::Connecting { attempt, .. } => match attempt.await {
                Ok(connection) => LinkEvent::Connected(Box::new(connection)),
                Err(error) => LinkEvent::Failed(error),
            },
            Self::Up(up) => up.next().await,
        }
    }
}

fn dial<C: Connect>(connector: &Arc<C>) -> Attempt<C::Stream> {
    let dialled = Arc::clone(connector);
    Box::pin(async move { dialled.connect().await })
}

impl<C: Connect> Up<C>
where
    C::Stream: AsyncRead + AsyncWrite + Unpin,
{
    /// Also brings up the connection that takes over; until it is there this one goes on.
    pub(super) async fn next(&mut self) -> LinkEvent<C::Stream> {
        loop {
            let Some(attempt) = &mut self.next else {
                tokio::select! {
                    biased;
                    event = self.connection.next() => return LinkEvent::of(event),
                    () = self.connector.renewed() => {
                        self.connection.hand_over();
                        self.next = Some(dial(&self.connector));
                    }
                }
                continue;
            };
            let connected = tokio::select! {
                biased;
                connected = attempt => connected,
                event = self.connection.next() => return LinkEvent::of(event),
            };
            self.next = None;
            match connected {
                Ok(connection) => return LinkEvent::Renewed(Box::new(connection)),
                Err(error) => {
                    self.connection.keep();
                    tracing::warn!(%error, "no connection with the new certificate yet");
                }
            }
        }
    }

    pub(super) async fn close(self) -> Result<(), ::link::Error> {
        self.connection.close().await
    }
}
