//! The session between car and cloud over MQTT 5 (OASIS standard, 7 March 2019).
//!
//! - [`codec`]: packets from and into bytes, strict, without copies.
//! - [`Frames`]: packets out of a stream that cuts them anywhere.
//! - [`server::Session`] and [`client::Session`]: what each side may do and must answer.
//! - [`client::Connection`]: the tokio driver of the car. The cloud's driver is its gateway.
//! - [`tls`]: the configuration of both ends. The topics are spelt in [`wire::topic`].
//!
//! Invariants, as absences: but for [`client::Connection`] nothing here reads a clock or a socket;
//! no packet makes a session allocate more than the limits announced; what a batch holds is never
//! looked at.

pub mod client;
pub mod codec;
pub mod est;
mod frames;
pub mod server;
pub mod tls;

pub use codec::{Packet, PacketId, ReasonCode, Violation};
pub use frames::Frames;

/// The user property of CONNACK that tells the server's time, in microseconds since 1970-01-01T00:00:00Z.
pub const TIME_US: &str = "time_us";

/// Why the link does not work. It tells the person at this end what to do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the other side broke MQTT: {0}")]
    Violation(#[from] Violation),
    #[error("cannot reach the other side; is its address right and its port open?")]
    Io(#[from] std::io::Error),
    #[error("TLS is not configured right; check that certificates and keys belong together")]
    Tls(#[from] rustls::Error),
    #[error("no {what} in the PEM given; expected a `-----BEGIN` block of it")]
    Pem { what: &'static str },
    #[error("the list of trusted client authorities does not work: {0}")]
    Verifier(#[from] rustls::server::VerifierBuilderError),
    #[error("the server refused the connection: {reason} {text}")]
    Refused { reason: ReasonCode, text: String },
    #[error("the server ended the connection: {reason} {text}")]
    Disconnected { reason: ReasonCode, text: String },
    #[error("the connection was closed by the other side without a word")]
    Closed,
    #[error("the other side was silent for too long")]
    Silent,
}
