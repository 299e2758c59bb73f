//! The shard owner: reads the durable log, and makes twins and history of it.

pub mod twin;
pub mod watermarks;
