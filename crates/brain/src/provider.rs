//! Where signals come from: a bus, a recording, a simulator in the same process.

mod channel;
mod replay;
mod udp;

use std::future::Future;

use bus::profile::BusMessage;
use model::Timestamp;
use signals::Sample;

pub use channel::{ChannelProvider, ChannelSender, channel};
pub use replay::ReplayProvider;
pub use udp::UdpProvider;

/// What a provider hands in, with the time at which it was seen.
#[derive(Debug, Clone, PartialEq)]
pub struct Input {
    pub time: Timestamp,
    pub what: What,
}

/// A message of the car's network, or signals that need no decoding.
#[derive(Debug, Clone, PartialEq)]
pub enum What {
    Bus(BusMessage),
    Samples(Vec<Sample>),
}

/// A source of signals. When it ends, its signals become stale and the car goes on without it.
pub trait Provider: Send {
    /// Waits for what comes next; `None` when the source has ended. Dropping the future loses
    /// nothing.
    fn next(&mut self) -> impl Future<Output = Option<Input>> + Send;

    /// What is there already, so that many messages cost one turn of the car's loop.
    fn try_next(&mut self) -> Option<Input> {
        None
    }

    /// Puts a message on the car's network: a diagnostic question or an actuator's target. A source
    /// that cannot, such as a recording, drops it and says `false`.
    fn send(&mut self, message: BusMessage) -> bool;

    /// Whether messages come when they were seen. A recording at full speed says no: then the
    /// messages' own times drive the car, not the clock.
    fn is_live(&self) -> bool {
        true
    }
}

/// A car without sources, such as one that only serves what apps publish.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoProvider;

impl Provider for NoProvider {
    async fn next(&mut self) -> Option<Input> {
        std::future::pending().await
    }

    fn send(&mut self, _message: BusMessage) -> bool {
        false
    }
}

#[cfg(test)]
mod tests;
