//! Many cars on one thread: a steady load, and storms of connections.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use mio::{Events, Interest, Poll, Token};
use model::VehicleId;
use rustls::ClientConfig;

use super::{
    batches,
    car::Car,
    certificates::{Pki, vehicle},
};
use crate::clock;

/// Connections that are being made at once.
const CONNECTING_MAX: usize = 64;

/// No server that works needs longer for anything here.
const PATIENCE: Duration = Duration::from_secs(30);

/// What carries the packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wire {
    Plain,
    Tls,
}

impl Wire {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Tls => "mTLS",
        }
    }
}

/// What was done in how much time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Done {
    pub(super) count: usize,
    pub(super) span: Duration,
    /// From a message's write to its acknowledgement.
    pub(super) latency: Latency,
}

/// Percentiles in milliseconds.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Latency {
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
}

impl Latency {
    fn of(mut spans: Vec<Duration>) -> Self {
        spans.sort_unstable();
        let at = |percent: usize| {
            spans.get(spans.len() * percent / 100).map_or(0.0, |span| span.as_secs_f64() * 1e3)
        };
        Self { p50_ms: at(50), p99_ms: at(99) }
    }
}

/// Cars that each keep a window of messages in flight.
pub(super) struct Load {
    poll: Poll,
    events: Events,
    cars: Vec<Car>,
    window: usize,
    started: bool,
    payloads: Vec<Vec<u8>>,
    scratch: Vec<u8>,
}

impl Load {
    pub(super) fn connect(
        address: SocketAddr,
        wire: Wire,
        pki: &Pki,
        cars: usize,
        window: usize,
    ) -> anyhow::Result<Self> {
        Self::connect_from(address, wire, pki, 0, cars, window)
    }

    /// Connects the cars from a number on, a few at a time.
    pub(super) fn connect_from(
        address: SocketAddr,
        wire: Wire,
        pki: &Pki,
        first: usize,
        count: usize,
        window: usize,
    ) -> anyhow::Result<Self> {
        let payloads = batches::encode()?;
        let events = Events::with_capacity(1_024);
        let poll = Poll::new().context("make an event queue")?;
        let mut load =
            Self { poll, events, cars: Vec::new(), window, started: false, payloads, scratch: Vec::new() };
        let mut connected = 0;
        let deadline = clock::instant() + PATIENCE;
        while connected < count {
            while load.cars.len() < count && load.cars.len() - connected < CONNECTING_MAX {
                let number = first + load.cars.len();
                let config = match wire {
                    Wire::Plain => None,
                    Wire::Tls => Some(pki.client(number, false)?.1),
                };
                let mut car = Car::new(address, vehicle(number), config)?;
                register(&load.poll, &mut car, load.cars.len())?;
                load.cars.push(car);
            }
            load.poll.poll(&mut load.events, Some(Duration::from_millis(100)))?;
            for event in &load.events {
                let Some(car) = load.cars.get_mut(event.token().0) else { continue };
                let before = car.connected;
                car.step(&mut load.scratch)?;
                connected += usize::from(car.connected && !before);
            }
            if clock::instant() > deadline {
                bail!("{connected} of {count} cars were connected in time");
            }
        }
        Ok(load)
    }

    /// Keeps the windows full for a while, and counts the acknowledgements.
    pub(super) fn run(&mut self, span: Duration) -> anyhow::Result<Done> {
        if !self.started {
            self.started = true;
            let now = clock::instant();
            for car in &mut self.cars {
                for _ in 0..self.window {
                    car.publish(now, &self.payloads, &mut self.scratch)?;
                }
            }
        }
        let start = clock::instant();
        let mut spans = Vec::new();
        let mut heard = start;
        let mut now = start;
        loop {
            self.poll.poll(&mut self.events, Some(Duration::from_millis(50)))?;
            for event in &self.events {
                let Some(car) = self.cars.get_mut(event.token().0) else { continue };
                let acknowledged = car.step(&mut self.scratch)?;
                if acknowledged > 0 {
                    now = clock::instant();
                }
                for _ in 0..acknowledged {
                    spans.extend(car.sent().map(|sent| now - sent));
                    car.publish(now, &self.payloads, &mut self.scratch)?;
                }
            }
            now = clock::instant();
            if !self.events.is_empty() {
                heard = now;
            }
            if now - start >= span {
                return Ok(Done { count: spans.len(), span: now - start, latency: Latency::of(spans) });
            }
            if now - heard > PATIENCE {
                bail!("the server acknowledges nothing any more");
            }
        }
    }

    pub(super) fn close(self) {
        for car in self.cars {
            if let Err(error) = car.leave() {
                tracing::debug!("{error:#}");
            }
        }
    }
}

fn register(poll: &Poll, car: &mut Car, place: usize) -> anyhow::Result<()> {
    let interest = Interest::READABLE | Interest::WRITABLE;
    poll.registry().register(car.socket(), Token(place), interest).context("watch a connection")
}

/// Cars that connect, hear CONNACK, leave, and connect again.
pub(super) struct Storm {
    poll: Poll,
    events: Events,
    address: SocketAddr,
    configs: Vec<(VehicleId, Arc<ClientConfig>)>,
    resumed: bool,
    next: usize,
    cars: Vec<Option<Car>>,
    scratch: Vec<u8>,
}

impl Storm {
    pub(super) fn new(address: SocketAddr, pki: &Pki, cars: usize, resumed: bool) -> anyhow::Result<Self> {
        let configs = (0..cars).map(|number| pki.client(number, resumed)).collect::<anyhow::Result<_>>()?;
        Ok(Self {
            poll: Poll::new().context("make an event queue")?,
            events: Events::with_capacity(1_024),
            address,
            configs,
            resumed,
            next: 0,
            cars: (0..CONNECTING_MAX.min(cars / 2)).map(|_| None).collect(),
            scratch: Vec::new(),
        })
    }

    /// Connects for a while, and counts the connections that were accepted.
    pub(super) fn run(&mut self, span: Duration) -> anyhow::Result<Done> {
        let start = clock::instant();
        let mut count = 0;
        let mut full = 0;
        for place in 0..self.cars.len() {
            self.fill(place)?;
        }
        let mut heard: Instant = start;
        loop {
            self.poll.poll(&mut self.events, Some(Duration::from_millis(50)))?;
            let mut accepted = Vec::new();
            for event in &self.events {
                let place = event.token().0;
                let Some(car) = self.cars.get_mut(place).and_then(Option::as_mut) else { continue };
                car.step(&mut self.scratch)?;
                if car.connected {
                    accepted.push(place);
                }
            }
            let now = clock::instant();
            for place in accepted {
                let Some(car) = self.cars.get_mut(place).and_then(Option::take) else { continue };
                full += usize::from(!car.is_resumed());
                count += 1;
                heard = now;
                car.leave()?;
                self.fill(place)?;
            }
            if now - start >= span {
                break;
            }
            if now - heard > PATIENCE {
                bail!("the server accepts nothing any more");
            }
        }
        // Each car's first connection of all is a full one.
        if self.resumed && self.next > 2 * self.configs.len() + count && full > self.configs.len() {
            bail!("{full} of {count} connections were not resumed");
        }
        Ok(Done { count, span: clock::instant() - start, latency: Latency::default() })
    }

    fn fill(&mut self, place: usize) -> anyhow::Result<()> {
        let Some(slot) = self.cars.get_mut(place).filter(|slot| slot.is_none()) else { return Ok(()) };
        let number = self.next % self.configs.len();
        let (vehicle, config) = self.configs.get(number).context("use a car that was made")?;
        self.next += 1;
        let mut car = Car::new(self.address, *vehicle, Some(Arc::clone(config)))?;
        register(&self.poll, &mut car, place)?;
        *slot = Some(car);
        Ok(())
    }
}
