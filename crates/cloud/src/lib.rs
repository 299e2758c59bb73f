//! The platform: gateway, shard owners, HTTP API, workers.

pub mod accounts;
pub mod audit;
pub mod catalogues;
pub mod clock;
pub mod config;
pub mod desired;
pub mod documents;
pub mod enrolment;
mod errors;
pub mod est;
pub mod gateway;
pub mod http;
mod limits;
pub mod metrics;
pub mod outbox;
pub mod owner;
pub mod ownership;
pub mod people;
pub mod pki;
pub mod platform;
pub mod presence;
pub mod quarantine;
pub mod registry;
pub mod seal;
pub mod services;
mod task;
pub mod words;
