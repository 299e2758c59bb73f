//! Limits that both sides of the link must agree on, each with its reason.
//!
//! A limit that only one crate knows stands in that crate.

use crate::Micros;

/// A batch on the wire. 10 s of 1,000 signals at 10 Hz compress to about 150 kB; a gateway buffers
/// one batch per connection in flight.
pub const BATCH_BYTES_MAX: usize = 256 * 1024;

/// A batch after decompression: what a hostile 256 KiB may cost the shard's owner in memory.
pub const BATCH_RAW_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Samples in a batch, checked against the header before a column is allocated.
pub const BATCH_SAMPLES_MAX: u32 = 200_000;

/// Columns in a batch: more than any VSS release has leaves.
pub const BATCH_COLUMNS_MAX: u32 = 4_096;

/// Bytes of one text value; VSS texts are names and codes.
pub const TEXT_BYTES_MAX: usize = 4_096;

/// Batches in flight per car, announced as MQTT's receive maximum. Ten batches of 10 s each let a
/// car catch up at far above real time without the gateway holding more than 2.5 MB for it.
pub const RECEIVE_MAXIMUM: u16 = 20;

/// How far before receipt a source time may lie and still choose the partition's date.
pub const SOURCE_AGE_MAX: Micros = Micros(30 * Micros::DAY.0);

/// How far after receipt a source time may lie and still choose the partition's date.
pub const SOURCE_LEAD_MAX: Micros = Micros::MINUTE;

/// A desired-state document; a campaign of 1,000 signals takes about 60 kB.
pub const DOCUMENT_BYTES_MAX: usize = 256 * 1024;
