//! The platform: gateway, shard owners, HTTP API, workers.

pub mod http;
pub mod owner;
