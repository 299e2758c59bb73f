//! The car: signal providers, broker, queue and agents.
//!
//! - [`broker`]: every signal's latest current and target value, and who follows it.
//! - [`provider`]: where signals come from; frames go through the car's architecture profile.
//! - [`ShownCode`]: what proves that somebody sits in the car, and who got access by it.
//! - [`queue`]: batches wait on disk until the platform has them.
//! - [`Core`]: all of a car but its sockets; it is told the time. [`Brain`] runs it.
//!
//! Invariants, as absences: nothing waits for the cloud; no sample enters a batch, and none leaves
//! the queue, that consent does not allow at that moment; the clock is read in [`clock`] alone.

mod access;
mod agents;
mod backoff;
mod brain;
pub mod broker;
mod catalogues;
pub mod clock;
mod clock_state;
mod config;
mod connect;
mod core;
mod desired;
pub mod enrolment;
mod identity;
pub mod keystore;
mod observer;
pub mod provider;
pub mod queue;
mod shared;
mod stats;
#[cfg(test)]
mod testcloud;

use std::{net::SocketAddr, path::PathBuf};

pub use self::core::Core;
pub use access::{CodeError, CodeState, ShownCode};
pub use agents::renew::Renewal;
pub use backoff::BackoffLimits;
pub use brain::{Brain, Handle};
pub use config::Config;
pub use connect::{Connect, TlsConnect};
pub use identity::{desired_key, desired_keys, vehicle_urn};
pub use observer::BatchObserver;
pub use shared::Shared;
pub use stats::{Counter, Snapshot, Stats};

/// Why a car cannot run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Queue(#[from] queue::QueueError),
    #[error(transparent)]
    Enrolment(#[from] enrolment::EnrolError),
    #[error("cannot open the log {}; does the file exist?", path.display())]
    Log { path: PathBuf, source: std::io::Error },
    #[error("cannot listen on UDP {address}; is the port taken?")]
    Udp { address: SocketAddr, source: std::io::Error },
    #[error(
        "the certificate names no vehicle; it needs a SAN URI `urn:marque:vehicle:<region>:<vehicle id>`"
    )]
    Identity,
    #[error("line {line} is no Ed25519 public key; write each as 64 hexadecimal digits")]
    DesiredKey { line: usize },
    #[error("`{address}` is no address of the cloud; give HOST:PORT")]
    Address { address: String },
}
