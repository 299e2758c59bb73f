//! What can be wrong with frames, databases and encoded values.

use model::Micros;

use crate::{CanId, uds::NegativeCode};

/// Why bytes, a database or a value cannot be used on a bus.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    #[error("`{text}` is no CAN id; write 3 hexadecimal digits (to 7FF) or 8 (to 1FFFFFFF)")]
    Id { text: String },
    #[error("a frame carries 0 to 8 bytes, or 12, 16, 20, 24, 32, 48 or 64 as CAN FD; got {len}")]
    FrameLength { len: usize },
    #[error(
        "a signal of {length} bits from bit {start_bit} does not fit 1 to 64 bits within 64 bytes; \
         correct its start bit, length or byte order"
    )]
    Placement { start_bit: u16, length: u8 },
    #[error("a float has 32 or 64 bits; got {length}")]
    FloatLength { length: u8 },
    #[error("factor {factor} and offset {offset} must be finite and the factor not zero")]
    Linear { factor: f64, offset: f64 },
    #[error("{value} does not fit the signal, which takes {min} to {max}")]
    OutOfRange { value: f64, min: f64, max: f64 },
    #[error("the signal needs {needed} bytes; the frame has {len}")]
    Short { needed: usize, len: usize },
    #[error("message `{message}`: {problem}")]
    Message { message: String, problem: String },
    #[error("CAN id {id} stands twice in the database: `{first}` and `{second}`")]
    DuplicateId { id: CanId, first: String, second: String },
    #[error("message `{message}` has no signal `{signal}`")]
    UnknownSignal { message: String, signal: String },
    #[error("message `{message}`, signal `{signal}`: {source}")]
    Encode { message: String, signal: String, source: Box<Error> },
    #[error("message `{message}`: {first} and {second} cannot be in one frame; encode two frames")]
    Multiplex { message: String, first: String, second: String },
    #[error("this is no DBC file: {problem}")]
    Dbc { problem: String },
    #[error("line {line} of the log: {problem}")]
    Log { line: u64, problem: String },
    #[error("ISO-TP: {problem}")]
    IsoTp { problem: &'static str },
    #[error("ISO-TP: a message of {len} bytes is over the limit of {max}")]
    IsoTpLength { len: usize, max: usize },
    #[error("ISO-TP: frame {expected} was to come, {got} came; a frame was lost")]
    IsoTpSequence { expected: u8, got: u8 },
    #[error("ISO-TP: the peer was silent for {waited}")]
    IsoTpTimeout { waited: Micros },
    #[error("ISO-TP: the peer does not take the message of {len} bytes")]
    IsoTpRefused { len: usize },
    #[error("diagnostics: {problem}")]
    Diagnostic { problem: &'static str },
    #[error("OBD parameter {number:02X} is not known, and the response does not say where it ends")]
    UnknownPid { number: u8 },
    #[error("the ECU refused service {service:02X}: {code}")]
    Refused { service: u8, code: NegativeCode },
    #[error("profile `{profile}`: {problem}")]
    Profile { profile: String, problem: String },
    #[error("this is no zonal datagram: {problem}")]
    Datagram { problem: String },
}
