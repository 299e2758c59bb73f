//! The car: signal providers, broker, queue and agents.

pub mod queue;
