//! What a car's buses say: CAN frames, DBC databases, ISO-TP, UDS and OBD, and the architecture
//! profiles that turn frames into signals and back.
//!
//! Bytes come in, values go out, and the other way round. Invariants, as absences: `bus` opens no
//! socket and no device, reads no file and no clock, and never panics on what a bus or a log says.

mod coding;
mod database;
pub mod dbc;
mod error;
mod frame;
pub mod isotp;
pub mod log;
mod message;
pub mod obd;
pub mod profile;
pub mod uds;

pub use coding::{ByteOrder, Number, SignalCoding};
pub use database::Database;
pub use error::Error;
pub use frame::{CanFrame, CanId, FRAME_BYTES_MAX, FrameKind};
pub use message::{Decoded, Message, NoSeal, Seal, Selector, Signal};
pub use profile::BusMessage;

#[cfg(test)]
mod testdata;
