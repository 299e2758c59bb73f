//! A simulated car as its brain's source of signals: it steps when its time has come.

use std::{collections::VecDeque, time::Duration};

use brain::provider::{Input, Provider, What};
use bus::BusMessage;
use model::{Micros, Timestamp};

use super::{RunOptions, clock};
use crate::car::Car;

/// A car that is off changes so slowly that it need not be looked at so often.
const OFF_STEPS: i64 = 4;

/// After a pause (a laptop that slept) physics goes on from where it was, not over the gap.
const STEP_MAX: Micros = Micros::from_secs(5);

/// Drives one car and hands its messages to its brain.
#[derive(Debug)]
pub(super) struct SimProvider {
    car: Car,
    step: Micros,
    frame_interval_min: Micros,
    stepped: Timestamp,
    due: Timestamp,
    ready: VecDeque<Input>,
}

impl SimProvider {
    pub(super) fn new(car: Car, options: &RunOptions, index: usize) -> Self {
        let now = clock::now();
        // Cars step one after the other, not all at once: 37 is prime to the thousand.
        let place = i64::try_from(index % 1_000).unwrap_or_default() * 37 % 1_000;
        Self {
            car,
            step: options.step,
            frame_interval_min: options.frame_interval_min,
            stepped: now,
            due: now + Micros(options.step.0 * place / 1_000),
            ready: VecDeque::new(),
        }
    }

    fn advance(&mut self, now: Timestamp) {
        let dt = now.since(self.stepped).clamp(Micros::ZERO, STEP_MAX);
        self.stepped = now;
        self.car.step(now, dt.0 as f64 / 1e6);
        let ready = &mut self.ready;
        self.car.messages(now, self.frame_interval_min, &mut |message| {
            ready.push_back(Input { time: now, what: What::Bus(message) });
        });
        let steps = if self.car.state().on { 1 } else { OFF_STEPS };
        self.due = now.max(self.due) + Micros(self.step.0 * steps);
    }
}

impl Provider for SimProvider {
    async fn next(&mut self) -> Option<Input> {
        loop {
            if let Some(input) = self.ready.pop_front() {
                return Some(input);
            }
            let now = clock::now();
            if now >= self.due {
                self.advance(now);
                continue;
            }
            // Dropped by the brain when something else comes first; `due` stays.
            tokio::time::sleep(self.due.since(now).to_duration().max(Duration::from_millis(1))).await;
        }
    }

    fn try_next(&mut self) -> Option<Input> {
        self.ready.pop_front()
    }

    fn send(&mut self, message: BusMessage) -> bool {
        let now = clock::now();
        if let Some(answer) = self.car.receive(&message) {
            self.ready.push_back(Input { time: now, what: What::Bus(answer) });
        }
        true
    }
}
