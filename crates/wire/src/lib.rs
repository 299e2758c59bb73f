//! What travels between car and cloud: telemetry batches, signed desired state, reports.
//!
//! The only conversions between wire and domain types stand here. `docs/wire.md` is the format's
//! specification.
//!
//! Invariants, as absences: `wire` never reads a clock, draws no randomness, and allocates nothing
//! that it has not first compared with a limit. Decoders panic on no input.

mod access;
mod batch;
mod documents;
mod envelope;
mod error;
mod messages;
mod pb;
pub mod topic;

pub use access::{
    ACCESS_NOTICES_MAX, AccessNotice, AccessNoticeKind, LinkCode, decode_access_notices, decode_link_code,
    encode_access_notices, encode_link_code,
};
pub use batch::{
    BadColumn, BatchHeader, BatchMeta, BodyRef, ColumnProblem, Decoded, Decoder, Encoder, Encoding, SeqRange,
    announce_dropped, decode_columns, encode_batch, parse_header,
};
pub use campaigns::{ArrayColumn, Column, ColumnData, Exception, RowGroup, TextColumn};
pub use documents::{ConsentDocument, decode_campaigns, decode_consent, encode_campaigns, encode_consent};
pub use envelope::{Envelope, Expected, KeyId, Kind, SigningKey, VerifyingKeys};
pub use error::{EnvelopeError, Error};
pub use messages::{
    Applied, BadColumnNotice, Fetch, Notice, QueueReport, RefusedBatch, Report, decode_fetch, decode_notice,
    decode_report, encode_fetch, encode_notice, encode_report,
};
pub use model::ClockState;

#[cfg(test)]
mod tests;
