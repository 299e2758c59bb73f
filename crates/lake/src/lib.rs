//! What the platform keeps of a car's data: the durable log that a PUBACK stands on, a live buffer
//! of recent rows, Parquet files in Delta tables, and history queries over all of it as one.
//!
//! Invariants, as absences: `lake` never reads a clock or the environment (time comes in with each
//! call), knows no VIN and no vehicle id, and acknowledges nothing that is not on disk.

pub mod log;
