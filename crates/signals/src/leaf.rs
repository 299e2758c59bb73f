//! A leaf of the signal tree and what it may hold.

use std::{fmt, sync::Arc};

use model::DataCategory;

use crate::{DataType, Scale, Value};

/// Names a signal for ever, on the wire and in snapshots, while VSS renames its path.
///
/// Ids below 2^31 are registered in `registry.tsv`, which only grows; leaves of other catalogues
/// take an id above it, the upper half of the 64-bit FNV-1a hash of the path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SignalId(pub u32);

impl fmt::Display for SignalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What can be done with a leaf.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LeafKind {
    /// Read only; changes.
    Sensor,
    /// Has a current and a target value.
    Actuator,
    /// Read only; the same for the car's life or until it is serviced.
    Attribute,
}

/// The values that a leaf may hold beyond what its data type says.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Limits {
    pub min: Option<f64>,
    pub max: Option<f64>,
    /// Empty when every value of the type is allowed.
    pub allowed: Vec<Value>,
}

/// A leaf of a catalogue.
#[derive(Debug, Clone, PartialEq)]
pub struct Leaf {
    pub id: SignalId,
    /// The full path with dots: `Vehicle.Speed`.
    pub path: Arc<str>,
    pub kind: LeafKind,
    pub data_type: DataType,
    /// VSS's name of the unit (`km/h`, `percent`).
    pub unit: Option<Arc<str>>,
    pub limits: Limits,
    pub category: DataCategory,
    /// The decimal scale of numbers; zero for leaves that hold none.
    pub scale: Scale,
    pub description: Arc<str>,
}
