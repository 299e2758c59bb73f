//! The Vehicle Signal Specification (COVESA VSS): catalogues of leaves, and typed values with unit,
//! quality and source time.
//!
//! Invariants, as absences: `signals` never reads a clock, a file or the environment; it knows no
//! bus and no wire format.

mod catalogue;
mod fixed;
mod leaf;
mod value;

pub use catalogue::{Catalogue, CatalogueBuilder};
pub use fixed::{Mantissa, Scale};
pub use leaf::{Leaf, LeafKind, Limits, SignalId};
pub use value::{DataType, Quality, Reading, Sample, ScalarType, Value};

/// Why a catalogue, a path or a value is not usable.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    #[error("unknown signal `{path}`; see `marque vss list` for the catalogue's paths")]
    UnknownPath { path: String },
    #[error("`{path}` stands twice in the catalogue")]
    DuplicatePath { path: String },
    #[error("`{first}` and `{second}` have the same signal id {id}; give one of them a registered id")]
    DuplicateId { id: u32, first: String, second: String },
    #[error("unknown VSS data type `{text}`")]
    DataType { text: String },
    #[error("`{path}`: {problem}")]
    Leaf { path: String, problem: String },
    #[error("a scale is 0 to 17 decimal digits; got {digits}")]
    Scale { digits: u8 },
}
