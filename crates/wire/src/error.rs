//! Why bytes are refused.

use model::{VehicleId, limits};

/// Why something cannot be encoded or decoded. Each variant says what is wrong with the bytes, never
/// what they say: they may be personal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error(
        "the batch is of format {got}; this release reads format 1, so the car or the platform needs an update"
    )]
    Format { got: u8 },
    #[error("the batch ends early or its lengths do not add up; it was cut or is no batch")]
    Truncated,
    #[error(
        "the batch has {bytes} bytes; at most {} are allowed, so collect less per flush",
        limits::BATCH_BYTES_MAX
    )]
    TooLarge { bytes: usize },
    #[error("the batch's checksum does not match; it was damaged on its way")]
    Checksum,
    #[error("`{field}` is missing or out of range in {message}")]
    Field { message: &'static str, field: &'static str },
    #[error("`{field}` has the unknown value {value} in {message}; the sender is newer than this release")]
    UnknownValue { message: &'static str, field: &'static str, value: i64 },
    #[error("{message} is not valid protobuf: {problem}")]
    Protobuf { message: &'static str, problem: String },
    #[error("{message} has {bytes} bytes; at most {max} are allowed")]
    DocumentTooLarge { message: &'static str, bytes: usize, max: usize },
    #[error("the batch's body does not decompress to the {expected} bytes that its header announces")]
    Compression { expected: u32 },
    #[error("the batch's body is malformed at {place}")]
    Body { place: &'static str },
    #[error("the batch was made with catalogue {batch}, not {ours}; load the catalogue that it names")]
    Catalogue { batch: model::CatalogueHash, ours: model::CatalogueHash },
    #[error("the columns cannot be encoded: {problem}")]
    Columns { problem: &'static str },
}

/// Why an envelope is not applied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    #[error("the envelope has {bytes} bytes; at most {max} are allowed")]
    TooLarge { bytes: usize, max: usize },
    #[error("it is no COSE_Sign1 envelope of format 1: {problem}")]
    Malformed { problem: &'static str },
    #[error("no key {kid} is trusted here; fetch again after the trust roots were updated")]
    UnknownKey { kid: String },
    #[error("the signature does not match; the envelope was changed or signed by another key")]
    Signature,
    #[error("the envelope is for another vehicle than {ours}")]
    Vehicle { ours: VehicleId },
    #[error("the envelope is of kind `{got}`; `{expected}` was expected")]
    Kind { got: &'static str, expected: &'static str },
    #[error("the envelope has version {got}; {have} is applied already, and versions only go up")]
    Version { got: u64, have: u64 },
    #[error("the envelope is not valid yet; if it stays so, the car's clock is wrong")]
    NotYetValid,
    #[error("the envelope has expired; fetch a fresh one")]
    Expired,
    #[error(
        "the key is no Ed25519 key in PKCS#8; make one with `openssl genpkey -algorithm ed25519 -outform DER`"
    )]
    Key,
    #[error("the envelope's content is malformed")]
    Content(#[from] Error),
}
