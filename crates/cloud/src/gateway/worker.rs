//! The event loop of a worker: sockets in, the desk's decisions, sockets out.

mod intake;
mod mail;
mod output;

use std::{
    collections::VecDeque,
    io,
    net::TcpListener as StdListener,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::{Duration, Instant},
};

use link::{Frames, server::Session};
use mio::{
    Events, Interest, Poll, Token, Waker,
    net::{TcpListener, TcpStream},
};
use model::ShardId;

use super::{
    Config, Transport,
    backend::Cause,
    clock,
    connection::{Car, Connection, Phase, Slots, Waiting, Written},
    desk::{Desk, NEWS_MAX},
    directory::Key,
    quota::{Budget, Cost, Quota},
    tls::Tls,
};
use crate::words::Network;

const LISTENER: Token = Token(usize::MAX);
const WAKER: Token = Token(usize::MAX - 1);

/// Events taken from the kernel at once.
const EVENTS_MAX: usize = 1_024;

/// How often timers are looked at; they are all seconds long.
const TIMER_TICK: Duration = Duration::from_millis(100);

/// Connections accepted in one tick, so that a storm of them leaves time for the others.
const ACCEPTS_PER_TICK: usize = 64;

/// From here on a worker is busy: it rests until the tick is [`BUSY_TICK`] long, so that the next
/// one finds more messages a read, a group, a sync and a write.
const BUSY_MESSAGES: usize = 8;

/// Cars are tens of milliseconds away, so one more costs nobody anything; below it, the kernel's work
/// per wake-up outweighs ours per message.
const BUSY_TICK: Duration = Duration::from_millis(1);

/// How long a connection may take to read our last words.
const LINGER: Duration = Duration::from_secs(1);

/// The poll of a worker and what wakes it.
pub(super) fn poll() -> io::Result<(Poll, Waker)> {
    let poll = Poll::new()?;
    let waker = Waker::new(poll.registry(), WAKER)?;
    Ok((poll, waker))
}

/// A thread's share of the gateway.
#[derive(Debug)]
pub(super) struct Worker {
    poll: Poll,
    listener: Option<TcpListener>,
    config: Config,
    desk: Desk,
    slots: Slots,
    buffers: Buffers,
    /// Connections that have something to write at the end of this tick.
    dirty: Vec<Key>,
    /// Connections whose sockets may hold more than was read, each once.
    readable: VecDeque<Key>,
    acceptable: bool,
    /// What is left of the connections that may come now.
    door: Budget,
    next_timers: Instant,
    draining: Option<Instant>,
    due: Vec<Key>,
}

/// Shared by all connections of a worker, so that an idle one has none.
#[derive(Debug)]
struct Buffers {
    read: Vec<u8>,
    plain: Vec<u8>,
    cipher: Vec<u8>,
}

impl Worker {
    pub(super) fn new(poll: Poll, listener: StdListener, config: Config, desk: Desk) -> io::Result<Self> {
        let mut listener = TcpListener::from_std(listener);
        poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
        let next_timers = desk.now.instant;
        Ok(Self {
            poll,
            listener: Some(listener),
            desk,
            slots: Slots::default(),
            buffers: Buffers { read: vec![0; intake::READ_BYTES], plain: Vec::new(), cipher: Vec::new() },
            dirty: Vec::new(),
            readable: VecDeque::new(),
            acceptable: false,
            door: Budget::full(&door(&config), next_timers),
            next_timers,
            draining: None,
            due: Vec::new(),
            config,
        })
    }

    /// Runs until the gateway is shut down.
    pub(super) fn run(mut self) {
        let runtime = self.desk.runtime.clone();
        // Backends may be polled here, and expect the runtime's timers and sockets.
        let _guard = runtime.enter();
        let mut events = Events::with_capacity(EVENTS_MAX);
        let mut letters = Vec::new();
        loop {
            let timeout = self.timeout();
            if let Err(error) = self.poll.poll(&mut events, Some(timeout))
                && error.kind() != io::ErrorKind::Interrupted
            {
                tracing::error!(%error, "a gateway worker ends: it cannot wait for its sockets");
                return;
            }
            self.desk.mailbox.work();
            self.desk.now = clock::now();
            self.desk.mailbox.collect(&mut letters);
            for letter in letters.drain(..) {
                self.open_mail(letter);
            }
            for event in &events {
                match event.token() {
                    LISTENER => self.acceptable = true,
                    WAKER => {}
                    Token(slot) => {
                        self.socket_event(
                            slot,
                            event.is_readable() || event.is_read_closed(),
                            event.is_writable(),
                        );
                    }
                }
            }
            if self.end_of_tick() {
                return;
            }
            self.rest();
        }
    }

    /// Lets messages gather while there are many.
    fn rest(&mut self) {
        if std::mem::take(&mut self.desk.messages) < BUSY_MESSAGES {
            return;
        }
        let spent = clock::now().instant.saturating_duration_since(self.desk.now.instant);
        if let Some(left) = BUSY_TICK.checked_sub(spent) {
            std::thread::sleep(left);
        }
    }

    /// How long the worker may sleep.
    fn timeout(&self) -> Duration {
        let busy = (!self.readable.is_empty() && !self.desk.is_stuck())
            || (self.acceptable && self.may_accept())
            || !self.desk.mailbox.rest();
        if busy { Duration::ZERO } else { TIMER_TICK }
    }

    fn socket_event(&mut self, slot: usize, readable: bool, writable: bool) {
        let Some(key) = self.slots.key_of(slot) else { return };
        if writable {
            self.send_unsent(key);
        }
        if readable {
            self.read(key);
        }
    }

    /// Says whether the worker is done for good.
    fn end_of_tick(&mut self) -> bool {
        for _ in 0..self.readable.len() {
            if self.desk.is_stuck() {
                break;
            }
            let Some(key) = self.readable.pop_front() else { break };
            if let Some(connection) = self.slots.get_mut(key) {
                connection.readable = false;
            }
            self.read(key);
        }
        self.accept();
        // First the log, so that the disk works while acknowledgements are written.
        self.desk.submit_all();
        self.flush();
        if self.desk.now.instant >= self.next_timers {
            self.next_timers = self.desk.now.instant + TIMER_TICK;
            // After a failure to accept, no event tells when it would succeed.
            self.acceptable = self.listener.is_some();
            self.timers();
        }
        self.desk.send_news();
        self.draining.is_some_and(|until| self.drain(until))
    }

    fn may_accept(&self) -> bool {
        self.listener.is_some()
            && !self.desk.is_stuck()
            && self.desk.news.len().max(self.desk.clones.len()) < NEWS_MAX
    }

    fn accept(&mut self) {
        for _ in 0..ACCEPTS_PER_TICK {
            if !self.acceptable || !self.may_accept() {
                return;
            }
            let Some(listener) = &self.listener else { return };
            match listener.accept() {
                Ok((socket, address)) => {
                    self.welcome(socket, Network::of(address.ip()));
                    if self
                        .door
                        .take(&door(&self.config), self.desk.now.instant, Cost::connection())
                        .is_some()
                    {
                        // The kernel keeps the others; the timers look again.
                        self.desk.metrics.accept_pauses.add(1);
                        self.acceptable = false;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.acceptable = false,
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(error) => {
                    // Out of file descriptors, most likely; the timers try again.
                    tracing::warn!(%error, "a connection was not accepted");
                    self.acceptable = false;
                }
            }
        }
    }

    fn welcome(&mut self, mut socket: TcpStream, network: Network) {
        let open = self.desk.shared.connections.load(Relaxed);
        self.desk.metrics.connections_accepted.add(1);
        if open >= self.config.connections_max {
            self.desk.metrics.connections_rejected.add(1);
            return;
        }
        let now = self.desk.now.instant;
        let (tls, phase) = match &self.config.transport {
            Transport::PlainLoopback => (None, Phase::Open),
            Transport::Tls(config) => match Tls::new(Arc::clone(config)) {
                Ok(tls) => {
                    (Some(Box::new(tls)), Phase::Handshake { until: now + self.config.handshake_timeout })
                }
                Err(error) => return tracing::error!(%error, "TLS does not start"),
            },
        };
        let key = self.slots.next_key();
        let token = Token(usize::try_from(key.slot).unwrap_or(0));
        let interest = Interest::READABLE | Interest::WRITABLE;
        if let Err(error) = self.poll.registry().register(&mut socket, token, interest) {
            return tracing::error!(%error, "a connection cannot be watched");
        }
        let car = Car {
            session: Session::new(now, None, &self.desk.limits),
            frames: Frames::new(),
            vehicle: None,
            certificate: None,
            shard: ShardId(0),
            admission: None,
            known_catalogue: None,
            asking: false,
            questions: 0,
            budget: Budget::full(&self.desk.quota, now),
            paused: None,
            valid_until: None,
            network,
            claimed: false,
            waiting: None,
            pinged: None,
            queue: None,
        };
        let unsent = Vec::new();
        let connection = Connection { socket, tls, car, phase, unsent, readable: false, dirty: false };
        let key = self.slots.insert(Box::new(connection));
        self.desk.shared.connections.fetch_add(1, Relaxed);
        self.desk.metrics.connections.add(1);
        // The first bytes have often come with the connection.
        self.read(key);
    }

    /// Looks for cars that are silent, handshakes that hang, and last words that nobody reads.
    fn timers(&mut self) {
        let now = self.desk.now.instant;
        let mut due = std::mem::take(&mut self.due);
        self.slots.take_due(now, &mut due);
        for key in due.drain(..) {
            let Some(mut connection) = self.slots.take(key) else { continue };
            match connection.phase {
                Phase::Handshake { until } if now >= until => {
                    self.desk.metrics.handshakes_failed.add(1);
                    self.drop_connection(key, connection, Cause::Silent);
                }
                Phase::Lingering { until } if now >= until => {
                    self.drop_connection(key, connection, Cause::Lost)
                }
                Phase::Handshake { .. } | Phase::Lingering { .. } => self.slots.put(key, connection),
                Phase::Open if connection.car.valid_until.is_some_and(|until| until <= now) => {
                    self.dismiss(key, connection, Cause::Withdrawn);
                }
                Phase::Open if is_due(connection.car.waiting, now) => {
                    self.desk.look_again(key, &mut connection.car);
                    self.slots.put(key, connection);
                }
                Phase::Open
                    if self.desk.is_stuck() || connection.car.paused.is_some_and(|until| now < until) =>
                {
                    // Nothing is read, so the silence is ours.
                    connection.car.session.restart_keep_alive(now);
                    self.slots.put(key, connection);
                }
                Phase::Open if connection.car.paused.is_some_and(|until| until <= now) => {
                    connection.car.paused = None;
                    connection.car.session.restart_keep_alive(now);
                    self.desk.reply.clear();
                    self.resume(key, connection);
                }
                Phase::Open => {
                    self.desk.reply.clear();
                    let over = connection.car.session.handle_timeout(now, &mut self.desk.reply).is_some();
                    if over {
                        self.desk.metrics.keep_alive_timeouts.add(1);
                        self.say_goodbye(key, connection, Cause::Silent);
                    } else {
                        self.slots.put(key, connection);
                    }
                }
            }
        }
        self.due = due;
    }

    /// Forgets a connection and closes its socket.
    fn drop_connection(&mut self, key: Key, mut connection: Box<Connection>, cause: Cause) {
        let with_will = connection.car.session.has_will();
        self.desk.leave(key, &mut connection.car, cause, with_will);
        if let Err(error) = self.poll.registry().deregister(&mut connection.socket) {
            tracing::trace!(%error, "deregister");
        }
        self.slots.remove(key);
        self.desk.shared.connections.fetch_sub(1, Relaxed);
        self.desk.metrics.connections.sub(1);
    }

    /// Nothing more is read; ends when the log has answered and every car has its goodbye.
    fn drain(&mut self, until: Instant) -> bool {
        let waiting = self.desk.groups_in_flight > 0;
        let late = self.desk.now.instant >= until;
        if waiting && !late {
            return false;
        }
        for key in self.slots.keys() {
            let open = self
                .slots
                .get_mut(key)
                .is_some_and(|connection| !matches!(connection.phase, Phase::Lingering { .. }));
            if open && let Some(connection) = self.slots.take(key) {
                self.dismiss(key, connection, Cause::Shutdown);
            }
        }
        self.desk.send_news();
        self.slots.len() == 0 || late
    }

    fn begin_shutdown(&mut self) {
        self.draining.get_or_insert(self.desk.now.instant + self.config.drain_timeout);
        self.acceptable = false;
        if let Some(mut listener) = self.listener.take()
            && let Err(error) = self.poll.registry().deregister(&mut listener)
        {
            tracing::trace!(%error, "deregister");
        }
    }

    fn send_unsent(&mut self, key: Key) {
        let Some(mut connection) = self.slots.take(key) else { return };
        if connection.unsent.is_empty() {
            return self.slots.put(key, connection);
        }
        match connection.send_unsent() {
            Written::Never(cause) => self.drop_connection(key, connection, cause),
            Written::All if matches!(connection.phase, Phase::Lingering { .. }) => {
                connection.finish();
                self.slots.put(key, connection);
            }
            Written::All | Written::Some => self.slots.put(key, connection),
        }
    }
}

fn is_due(waiting: Option<Waiting>, now: Instant) -> bool {
    waiting.and_then(|waiting| waiting.until).is_some_and(|until| until <= now)
}

/// Connections are counted as a car's messages are.
fn door(config: &Config) -> Quota {
    Quota { messages: config.accepts, ..Quota::UNLIMITED }
}
