//! Simulated cars and drivers: physics and roads inside, real bus frames outside.
//!
//! [`Car`] is pure and deterministic: the same seed and the same steps give the same frames. What it
//! sends is encoded with its architecture's profile, so that every simulated car is decoded from its
//! own bus, as a real one is.
//!
//! Invariants, as absences: nothing but [`run`] reads a clock, opens a socket or writes a file.

mod body;
mod car;
mod driver;
mod fleet;
mod noise;
mod powertrain;
mod routes;
pub mod run;
mod sensors;
mod track;

pub use body::{Body, Weather};
pub use car::{Car, State};
pub use driver::{Demand, Driver, Indicate, Phase};
pub use fleet::{CarSpec, Fleet, FleetOptions, Persona};
pub use noise::Noise;
pub use powertrain::{Output, Powertrain};
pub use routes::Place;
pub use track::{Position, Track};
