//! The car's side of a connection: a pure state machine, and its driver for tokio.

mod connection;
mod server_time;
mod session;

pub use connection::{Connection, Event, Options};
pub use server_time::ServerTime;
pub use session::{NotSent, Session, SessionEvent};

#[cfg(test)]
mod tests;
