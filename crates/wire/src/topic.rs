//! MQTT topics, the only place that spells them.

use model::{Lane, VehicleId};

use crate::Kind;

/// A topic under a car's own prefix `v1/<vehicle id>/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Topic {
    /// Up, QoS 1: a batch.
    Up(Lane),
    /// Up, QoS 1: a [`crate::Report`].
    Report,
    /// Up, QoS 1: a [`crate::Fetch`].
    Fetch,
    /// Up, QoS 1: a [`crate::LinkCode`].
    LinkCode,
    /// Up, QoS 0: what came with [`Topic::Ping`], as it came.
    Pong,
    /// Down, QoS 0: an envelope.
    Down(Kind),
    /// Down, QoS 0, empty: something newer exists, so fetch.
    Hint,
    /// Down, QoS 0: a [`crate::Notice`].
    Notice,
    /// Down, QoS 0: [`crate::AccessNotice`]s that the car has not.
    Access,
    /// Down, QoS 0, at most [`PING_BYTES_MAX`] bytes: another connection of this car waits; answer at once.
    Ping,
}

/// What a ping carries and its answer repeats.
pub const PING_BYTES_MAX: usize = 16;

impl Topic {
    pub fn of(self, vehicle: VehicleId) -> String {
        match self {
            Self::Up(lane) => format!("v1/{vehicle}/up/{lane}"),
            Self::Report => format!("v1/{vehicle}/report"),
            Self::Fetch => format!("v1/{vehicle}/fetch"),
            Self::LinkCode => format!("v1/{vehicle}/link-code"),
            Self::Pong => format!("v1/{vehicle}/pong"),
            Self::Down(kind) => format!("v1/{vehicle}/down/{}", kind.slug()),
            Self::Hint => format!("v1/{vehicle}/down/hint"),
            Self::Notice => format!("v1/{vehicle}/down/notice"),
            Self::Access => format!("v1/{vehicle}/down/access"),
            Self::Ping => format!("v1/{vehicle}/down/ping"),
        }
    }

    /// Reads a topic without allocating; `None` when it is none of ours.
    pub fn parse(topic: &str) -> Option<(VehicleId, Self)> {
        let (vehicle, rest) = topic.strip_prefix("v1/")?.split_once('/')?;
        let vehicle = vehicle.parse().ok()?;
        let topic = match rest.split_once('/') {
            Some(("up", lane)) => Self::Up(lane.parse().ok()?),
            Some(("down", "hint")) => Self::Hint,
            Some(("down", "notice")) => Self::Notice,
            Some(("down", "access")) => Self::Access,
            Some(("down", "ping")) => Self::Ping,
            Some(("down", kind)) => Self::Down(Kind::from_slug(kind)?),
            Some(_) => return None,
            None if rest == "report" => Self::Report,
            None if rest == "fetch" => Self::Fetch,
            None if rest == "link-code" => Self::LinkCode,
            None if rest == "pong" => Self::Pong,
            None => return None,
        };
        Some((vehicle, topic))
    }
}

/// What a car may subscribe to.
pub fn down_filter(vehicle: VehicleId) -> String {
    format!("v1/{vehicle}/down/#")
}
