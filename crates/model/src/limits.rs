//! Limits that both sides of the link must agree on, each with its reason.
//!
//! A limit that only one crate knows stands in that crate.

use crate::{Micros, Timestamp};

/// A batch on the wire. 10 s of 1,000 signals at 10 Hz compress to about 150 kB; a gateway buffers
/// one batch per connection in flight.
pub const BATCH_BYTES_MAX: usize = 256 * 1024;

/// A batch after decompression: what a hostile 256 KiB may cost the shard's owner in memory.
pub const BATCH_RAW_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Samples in a batch, checked against the header before a column is allocated.
pub const BATCH_SAMPLES_MAX: u32 = 200_000;

/// Columns in a batch: more than any VSS release has leaves.
pub const BATCH_COLUMNS_MAX: u32 = 4_096;

/// The highest number of a batch within its lane: whole in a double, as JSON has numbers, and so far
/// from the end of 64 bits that sums of numbers stay whole. A batch each millisecond takes 285,000
/// years to it.
pub const SEQ_MAX: u64 = (1 << 53) - 1;

/// Source times lie from here on: 1970-01-01T00:00:00Z. What is before is the time of no car.
pub const SOURCE_TIME_MIN: Timestamp = Timestamp(0);

/// Source times lie up to here: 9999-12-31T23:59:59.999Z. Dates after it have five digits in their
/// year, which readers of tables do not all know.
pub const SOURCE_TIME_MAX: Timestamp = Timestamp(253_402_300_799_999_000);

/// Bytes of one text value; VSS texts are names and codes.
pub const TEXT_BYTES_MAX: usize = 4_096;

/// Batches in flight per car, announced as MQTT's receive maximum. Twenty batches of 10 s each let a
/// car catch up at far above real time without the gateway holding more than 5 MiB for it.
pub const RECEIVE_MAXIMUM: u16 = 20;

/// How far before receipt a source time may lie and still choose the partition's date.
pub const SOURCE_AGE_MAX: Micros = Micros(30 * Micros::DAY.0);

/// How far after receipt a source time may lie and still choose the partition's date.
pub const SOURCE_LEAD_MAX: Micros = Micros::MINUTE;

/// A desired-state document; a campaign of 1,000 signals takes about 60 kB.
pub const DOCUMENT_BYTES_MAX: usize = 256 * 1024;
