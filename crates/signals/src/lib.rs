//! The Vehicle Signal Specification (COVESA VSS): catalogues of leaves, and typed values with unit,
//! quality and source time.
//!
//! Invariants, as absences: `signals` never reads a clock, a file or the environment; it knows no
//! bus and no wire format.

mod catalogue;
mod check;
mod core;
mod defaults;
pub mod expr;
mod fixed;
mod leaf;
mod table;
mod text;
mod unit;
mod value;
mod vspec;

pub use catalogue::{CATALOGUE_BYTES_MAX, Catalogue, CatalogueBuilder};
pub use check::ARRAY_LEN_MAX;
pub use expr::Expr;
pub use fixed::{Mantissa, Scale};
pub use leaf::{Leaf, LeafKind, Limits, SignalId};
pub use unit::{Conversion, Dimension, Unit};
pub use value::{DataType, Quality, Reading, Sample, ScalarType, Value};
pub use vspec::{LEAVES_MAX, Redefined, VSPEC_BYTES_MAX, Vspec};

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
    #[error("unknown unit `{unit}`; use VSS's name, such as `km/h`, `Celsius` or `percent`")]
    UnknownUnit { unit: String },
    #[error("`{from}` cannot be turned into `{to}`: they measure different things")]
    UnitDimension { from: String, to: String },
    #[error("{table}, line {line}: {problem}")]
    Table { table: String, line: usize, problem: String },
    #[error("not an encoded catalogue: {problem}")]
    Encoded { problem: String },
    #[error("not a vspec JSON file: {problem}; export one with `vspec export json`")]
    VspecJson { problem: String },
    #[error("the vspec file has {bytes} bytes; at most {VSPEC_BYTES_MAX} are read")]
    VspecTooLarge { bytes: usize },
    #[error("the catalogue has more than {LEAVES_MAX} leaves; drop branches that the car does not have")]
    TooManyLeaves,
}
