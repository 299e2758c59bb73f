//! A telemetry batch: a header that a gateway reads, and columns that the shard's owner reads.

mod body;
mod column;
mod frame;
mod header;
mod ints;

pub use body::{BadColumn, ColumnProblem, Decoded, Decoder, Encoder, decode_columns, encode_batch};
pub use frame::{BodyRef, announce_dropped, parse_header};
pub use header::{BatchHeader, BatchMeta, Encoding, SeqRange};
pub(crate) use header::{lane_code, lane_from, purpose_from, ranges_from, ranges_to_pb, unknown};

/// The largest magnitude of an integer in a body: 18 digits, so that differences of differences
/// still fit 64 bits.
const INTEGER_MAX: i64 = 999_999_999_999_999_999;

#[cfg(test)]
mod tests;
