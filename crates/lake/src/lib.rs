//! What the platform keeps of a car's data: the durable log that a PUBACK stands on, a live buffer
//! of recent rows, Parquet files in Delta tables, and history queries over all of it as one.
//!
//! Invariants, as absences: `lake` never reads a clock or the environment (time comes in with each
//! call), knows no VIN and no vehicle id, and acknowledges nothing that is not on disk.

mod buffer;
mod chunk;
mod error;
mod history;
pub mod log;
mod schema;
mod states;
mod table;

pub use buffer::Cut;
pub use chunk::{Batch, Chunk, Place, bucket_of, day_of};
pub use error::Error;
pub use history::{HistoryColumn, HistoryPage, HistoryQuery, HistoryRow, ReadCount, Reduce, Reduction};
pub use schema::{ColumnKind, TableName};
pub use states::States;
pub use table::{Compaction, DataFile, Lake, LakeOptions, Table};

#[cfg(test)]
mod tests;
