//! Values as VSS types them, and readings: a value with its quality and source time.

use std::{fmt, str::FromStr, sync::Arc};

use model::Timestamp;

use crate::{Error, SignalId};

/// The scalar data types of VSS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ScalarType {
    Boolean,
    Int8,
    Int16,
    Int32,
    Int64,
    Uint8,
    Uint16,
    Uint32,
    Uint64,
    Float,
    Double,
    String,
}

impl ScalarType {
    pub const ALL: [Self; 12] = [
        Self::Boolean,
        Self::Int8,
        Self::Int16,
        Self::Int32,
        Self::Int64,
        Self::Uint8,
        Self::Uint16,
        Self::Uint32,
        Self::Uint64,
        Self::Float,
        Self::Double,
        Self::String,
    ];

    /// How VSS spells it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Boolean => "boolean",
            Self::Int8 => "int8",
            Self::Int16 => "int16",
            Self::Int32 => "int32",
            Self::Int64 => "int64",
            Self::Uint8 => "uint8",
            Self::Uint16 => "uint16",
            Self::Uint32 => "uint32",
            Self::Uint64 => "uint64",
            Self::Float => "float",
            Self::Double => "double",
            Self::String => "string",
        }
    }

    /// The least and greatest value of an integer type.
    pub const fn integer_range(self) -> Option<(i128, i128)> {
        match self {
            Self::Int8 => Some((i8::MIN as i128, i8::MAX as i128)),
            Self::Int16 => Some((i16::MIN as i128, i16::MAX as i128)),
            Self::Int32 => Some((i32::MIN as i128, i32::MAX as i128)),
            Self::Int64 => Some((i64::MIN as i128, i64::MAX as i128)),
            Self::Uint8 => Some((0, u8::MAX as i128)),
            Self::Uint16 => Some((0, u16::MAX as i128)),
            Self::Uint32 => Some((0, u32::MAX as i128)),
            Self::Uint64 => Some((0, u64::MAX as i128)),
            Self::Boolean | Self::Float | Self::Double | Self::String => None,
        }
    }

    pub const fn is_number(self) -> bool {
        !matches!(self, Self::Boolean | Self::String)
    }
}

/// A leaf's data type: a scalar, or an array of one (`uint8[]`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DataType {
    Scalar(ScalarType),
    Array(ScalarType),
}

impl fmt::Display for DataType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scalar(scalar) => f.write_str(scalar.name()),
            Self::Array(scalar) => write!(f, "{}[]", scalar.name()),
        }
    }
}

impl FromStr for DataType {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let (name, array) = match text.strip_suffix("[]") {
            Some(name) => (name, true),
            None => (text, false),
        };
        let scalar = ScalarType::ALL
            .into_iter()
            .find(|scalar| scalar.name() == name)
            .ok_or_else(|| Error::DataType { text: text.to_owned() })?;
        Ok(if array { Self::Array(scalar) } else { Self::Scalar(scalar) })
    }
}

/// A value of a leaf, in the leaf's unit. Which variant a leaf takes follows from its data type.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Bool(bool),
    /// `int8` to `int64`.
    Int(i64),
    /// `uint8` to `uint64`.
    Uint(u64),
    /// `float` and `double`; always finite.
    Float(f64),
    Text(Arc<str>),
    Array(Arc<[Value]>),
}

impl Value {
    /// The number, if it is one; a boolean is 0 or 1.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Bool(value) => Some(f64::from(u8::from(*value))),
            Self::Int(value) => Some(*value as f64),
            Self::Uint(value) => Some(*value as f64),
            Self::Float(value) => Some(*value),
            Self::Text(_) | Self::Array(_) => None,
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

/// How far a reading can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Quality {
    Good,
    /// Older than the signal's source should leave it.
    Stale,
    /// Decoded, but outside of the leaf's limits; the value is kept as it came.
    OutOfRange,
    /// The car has no source for it, or the source says that it has no value now.
    NotAvailable,
}

impl Quality {
    pub const ALL: [Self; 4] = [Self::Good, Self::Stale, Self::OutOfRange, Self::NotAvailable];

    pub const fn slug(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Stale => "stale",
            Self::OutOfRange => "out-of-range",
            Self::NotAvailable => "not-available",
        }
    }
}

/// What a source said of a signal at one time. `value` is `None` only when the quality is
/// [`Quality::NotAvailable`].
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    pub value: Option<Value>,
    pub quality: Quality,
    /// When the source measured it, not when it was decoded or received.
    pub source_time: Timestamp,
}

impl Reading {
    pub fn good(value: Value, source_time: Timestamp) -> Self {
        Self { value: Some(value), quality: Quality::Good, source_time }
    }

    pub fn not_available(source_time: Timestamp) -> Self {
        Self { value: None, quality: Quality::NotAvailable, source_time }
    }
}

/// A reading of a signal.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    pub signal: SignalId,
    pub reading: Reading,
}
