//! What the server allows a car; CONNACK announces it.

use std::time::Duration;

/// Limits of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// From the first byte of a connection to CONNECT.
    pub connect_timeout: Duration,
    /// A car that asks for more, or for none, is told to use this: a lost car is noticed in time.
    pub keep_alive_s_max: u16,
    /// Messages that wait for their PUBACK.
    pub receive_maximum: u16,
    /// A packet with its header.
    pub packet_bytes_max: usize,
}

impl Limits {
    /// A car has five topics; the rest is room for topics to come.
    pub const TOPIC_ALIAS_MAX: u16 = 16;

    /// Topic, identifiers and properties around the largest batch.
    const PUBLISH_HEAD_BYTES_MAX: usize = 1_024;
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            keep_alive_s_max: 300,
            receive_maximum: model::limits::RECEIVE_MAXIMUM,
            packet_bytes_max: model::limits::BATCH_BYTES_MAX + Self::PUBLISH_HEAD_BYTES_MAX,
        }
    }
}
