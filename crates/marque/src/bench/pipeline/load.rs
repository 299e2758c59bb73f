//! The cars of both sides: each sends its own messages in order, a window of them in flight.

use std::{net::SocketAddr, time::Duration};

use anyhow::{Context as _, bail};
use mio::{Events, Interest, Poll, Token};

use super::feed::Feed;
use crate::{
    bench::gateway::{car::Car, certificates::vehicle},
    clock,
};

/// Connections that are being made at once.
const CONNECTING_MAX: usize = 64;

/// No server that works is silent for longer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Cars that are connected.
pub(super) struct Load {
    poll: Poll,
    events: Events,
    cars: Vec<Sender>,
    window: usize,
    scratch: Vec<u8>,
}

struct Sender {
    car: Car,
    sent: usize,
    acknowledged: usize,
}

impl Load {
    /// Connects so many cars.
    pub(super) fn connect(address: SocketAddr, cars: usize, window: usize) -> anyhow::Result<Self> {
        let poll = Poll::new().context("make an event queue")?;
        let events = Events::with_capacity(1_024);
        let mut load = Self { poll, events, cars: Vec::new(), window: window.max(1), scratch: Vec::new() };
        let mut connected = 0;
        let deadline = clock::instant() + PATIENCE;
        while connected < cars {
            while load.cars.len() < cars && load.cars.len() - connected < CONNECTING_MAX {
                let place = load.cars.len();
                let mut car = Car::new(address, vehicle(place), None)?;
                let interest = Interest::READABLE | Interest::WRITABLE;
                let registered = load.poll.registry().register(car.socket(), Token(place), interest);
                registered.context("watch a connection")?;
                load.cars.push(Sender { car, sent: 0, acknowledged: 0 });
            }
            load.poll.poll(&mut load.events, Some(Duration::from_millis(100)))?;
            for event in &load.events {
                let Some(sender) = load.cars.get_mut(event.token().0) else { continue };
                let before = sender.car.connected;
                sender.car.step(&mut load.scratch)?;
                connected += usize::from(sender.car.connected && !before);
            }
            if clock::instant() > deadline {
                bail!("{connected} of {cars} cars were connected in time");
            }
        }
        Ok(load)
    }

    /// Sends each car's messages up to a number; returns when the last of them is acknowledged.
    pub(super) fn publish(&mut self, feed: &Feed, until: usize) -> anyhow::Result<()> {
        let mut waiting = 0;
        for (place, sender) in self.cars.iter_mut().enumerate() {
            waiting += until.saturating_sub(sender.acknowledged);
            sender.fill(place, self.window, feed, until, &mut self.scratch)?;
        }
        let mut heard = clock::instant();
        while waiting > 0 {
            self.poll.poll(&mut self.events, Some(Duration::from_millis(50)))?;
            for event in &self.events {
                let place = event.token().0;
                let Some(sender) = self.cars.get_mut(place) else { continue };
                let acknowledged = sender.car.step(&mut self.scratch)?;
                sender.acknowledged += acknowledged;
                waiting = waiting.saturating_sub(acknowledged);
                sender.fill(place, self.window, feed, until, &mut self.scratch)?;
            }
            let now = clock::instant();
            if !self.events.is_empty() {
                heard = now;
            } else if now - heard > PATIENCE {
                bail!("the server acknowledges nothing any more; {waiting} messages wait");
            }
        }
        Ok(())
    }

    pub(super) fn close(self) {
        for sender in self.cars {
            if let Err(error) = sender.car.leave() {
                tracing::debug!("{error:#}");
            }
        }
    }
}

impl Sender {
    fn fill(
        &mut self,
        place: usize,
        window: usize,
        feed: &Feed,
        until: usize,
        scratch: &mut Vec<u8>,
    ) -> anyhow::Result<()> {
        while self.sent < until && self.sent - self.acknowledged < window {
            let message = feed.message(place, self.sent).context("the message was made before")?;
            self.car.send(message, scratch)?;
            self.sent += 1;
        }
        Ok(())
    }
}
