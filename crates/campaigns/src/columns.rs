//! Samples as columns: how they leave a collector, travel and arrive.

use std::{fmt::Write as _, sync::Arc};

use model::{Timestamp, limits::TEXT_BYTES_MAX};
use signals::{DataType, Leaf, Mantissa, Quality, ScalarType, SignalId, Value};

/// The magnitude that a `DECIMAL(18, s)` holds.
const MANTISSA_MAX: i64 = 999_999_999_999_999_999;

/// How far back a dictionary is searched; beyond it, repeating a text is cheaper than looking.
const DICTIONARY_SEARCH_MAX: usize = 64;

/// Columns that share their times: each has one entry for every time.
#[derive(Debug, Clone, PartialEq)]
pub struct RowGroup {
    /// Strictly increasing.
    pub times: Vec<Timestamp>,
    /// Sorted by signal, each signal once.
    pub columns: Vec<Column>,
}

impl RowGroup {
    pub fn samples(&self) -> usize {
        self.times.len() * self.columns.len()
    }
}

/// The values of one signal.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    pub signal: SignalId,
    pub data: ColumnData,
    /// What is not good, sorted by row, each row once.
    pub exceptions: Vec<Exception>,
}

/// A row whose quality is not good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exception {
    pub row: u32,
    /// Never [`Quality::Good`].
    pub quality: Quality,
    /// What the value was when the column cannot hold it; the column then repeats its last value.
    pub raw: Option<Arc<str>>,
}

/// Values by row. Which variant a signal has follows from its leaf's data type.
#[derive(Debug, Clone, PartialEq)]
pub enum ColumnData {
    /// Numbers, as mantissas at the leaf's scale, at most 18 digits.
    Fixed(Vec<Mantissa>),
    Bool(Vec<bool>),
    Text(TextColumn),
    Array(ArrayColumn),
}

/// Texts by way of a dictionary.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TextColumn {
    pub dictionary: Vec<Arc<str>>,
    /// For each row a place in the dictionary.
    pub index: Vec<u32>,
}

/// Arrays: row `i` is `items[ends[i - 1]..ends[i]]`.
#[derive(Debug, Clone, PartialEq)]
pub struct ArrayColumn {
    pub ends: Vec<u32>,
    /// Never an array itself: VSS has no arrays of arrays.
    pub items: Box<ColumnData>,
}

impl TextColumn {
    pub fn get(&self, row: usize) -> Option<&Arc<str>> {
        let place = *self.index.get(row)?;
        self.dictionary.get(usize::try_from(place).ok()?)
    }

    fn push(&mut self, text: &Arc<str>) {
        let place = self.place_of(text);
        self.index.push(place);
    }

    /// The place of a text in the dictionary, which gets it when it is new.
    pub fn place_of(&mut self, text: &Arc<str>) -> u32 {
        let recent = self.dictionary.len().saturating_sub(DICTIONARY_SEARCH_MAX);
        let known = self.dictionary.iter().skip(recent).position(|entry| entry == text);
        let place = known.map_or(self.dictionary.len(), |place| recent + place);
        if place == self.dictionary.len() {
            self.dictionary.push(Arc::clone(text));
        }
        index_u32(place)
    }
}

impl ColumnData {
    /// Without rows, of the kind that the data type asks for.
    pub fn for_type(data_type: DataType) -> Self {
        match data_type {
            DataType::Scalar(scalar) => Self::for_scalar(scalar),
            DataType::Array(scalar) => {
                Self::Array(ArrayColumn { ends: Vec::new(), items: Box::new(Self::for_scalar(scalar)) })
            }
        }
    }

    fn for_scalar(scalar: ScalarType) -> Self {
        match scalar {
            ScalarType::Boolean => Self::Bool(Vec::new()),
            ScalarType::String => Self::Text(TextColumn::default()),
            ScalarType::Int8
            | ScalarType::Int16
            | ScalarType::Int32
            | ScalarType::Int64
            | ScalarType::Uint8
            | ScalarType::Uint16
            | ScalarType::Uint32
            | ScalarType::Uint64
            | ScalarType::Float
            | ScalarType::Double => Self::Fixed(Vec::new()),
        }
    }

    /// How many rows it has.
    pub fn len(&self) -> usize {
        match self {
            Self::Fixed(values) => values.len(),
            Self::Bool(values) => values.len(),
            Self::Text(text) => text.index.len(),
            Self::Array(array) => array.ends.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn reserve(&mut self, rows: usize) {
        match self {
            Self::Fixed(values) => values.reserve_exact(rows),
            Self::Bool(values) => values.reserve_exact(rows),
            Self::Text(text) => text.index.reserve_exact(rows),
            Self::Array(array) => array.ends.reserve_exact(rows),
        }
    }

    /// The value of a row as the leaf types it; `None` past the end or when the column is not of
    /// the leaf's type.
    pub fn value(&self, leaf: &Leaf, row: usize) -> Option<Value> {
        let (DataType::Scalar(scalar) | DataType::Array(scalar)) = leaf.data_type;
        match self {
            Self::Fixed(values) => number(leaf, scalar, *values.get(row)?),
            Self::Bool(values) => values.get(row).copied().map(Value::Bool),
            Self::Text(text) => text.get(row).cloned().map(Value::Text),
            Self::Array(array) => {
                let end = usize::try_from(*array.ends.get(row)?).ok()?;
                let start = match row.checked_sub(1) {
                    Some(before) => usize::try_from(*array.ends.get(before)?).ok()?,
                    None => 0,
                };
                let items: Option<Vec<_>> = (start..end).map(|item| array.items.value(leaf, item)).collect();
                Some(Value::Array(items?.into()))
            }
        }
    }

    /// Adds a row; false when the value is not of the column's kind or does not fit.
    fn try_push(&mut self, leaf: &Leaf, value: &Value) -> bool {
        match self {
            Self::Fixed(values) => match mantissa(leaf, value) {
                Some(mantissa) => values.push(mantissa),
                None => return false,
            },
            Self::Bool(values) => match value {
                Value::Bool(value) => values.push(*value),
                Value::Int(_) | Value::Uint(_) | Value::Float(_) | Value::Text(_) | Value::Array(_) => {
                    return false;
                }
            },
            Self::Text(texts) => match value {
                Value::Text(text) if text.len() <= TEXT_BYTES_MAX => texts.push(text),
                Value::Text(_)
                | Value::Bool(_)
                | Value::Int(_)
                | Value::Uint(_)
                | Value::Float(_)
                | Value::Array(_) => return false,
            },
            Self::Array(array) => match value {
                Value::Array(items) => return array.try_push(leaf, items),
                Value::Bool(_) | Value::Int(_) | Value::Uint(_) | Value::Float(_) | Value::Text(_) => {
                    return false;
                }
            },
        }
        true
    }

    /// Adds a row that stands for no value, as cheap to encode as can be.
    fn push_placeholder(&mut self) {
        match self {
            Self::Fixed(values) => values.push(values.last().copied().unwrap_or(0)),
            Self::Bool(values) => values.push(values.last().copied().unwrap_or(false)),
            Self::Text(text) => match text.index.last() {
                Some(place) => text.index.push(*place),
                None => text.push(&"".into()),
            },
            Self::Array(array) => array.ends.push(array.ends.last().copied().unwrap_or(0)),
        }
    }

    fn truncate(&mut self, rows: usize) {
        match self {
            Self::Fixed(values) => values.truncate(rows),
            Self::Bool(values) => values.truncate(rows),
            Self::Text(text) => text.index.truncate(rows),
            Self::Array(array) => array.ends.truncate(rows),
        }
    }
}

impl ArrayColumn {
    fn try_push(&mut self, leaf: &Leaf, items: &[Value]) -> bool {
        let before = self.items.len();
        if !items.iter().all(|item| self.items.try_push(leaf, item)) {
            self.items.truncate(before);
            return false;
        }
        self.ends.push(index_u32(self.items.len()));
        true
    }
}

impl Column {
    /// Without rows.
    pub fn new(leaf: &Leaf) -> Self {
        Self { signal: leaf.id, data: ColumnData::for_type(leaf.data_type), exceptions: Vec::new() }
    }

    /// Adds a row. A value that the column cannot hold is out of range, with its text kept.
    pub fn push(&mut self, leaf: &Leaf, value: Option<&Value>, quality: Quality) {
        let row = index_u32(self.data.len());
        let Some(value) = value else {
            self.data.push_placeholder();
            self.exceptions.push(Exception { row, quality: Quality::NotAvailable, raw: None });
            return;
        };
        let fits = self.data.try_push(leaf, value);
        if !fits {
            self.data.push_placeholder();
            let raw = Some(raw_text(value));
            self.exceptions.push(Exception { row, quality: Quality::OutOfRange, raw });
        } else if quality != Quality::Good {
            self.exceptions.push(Exception { row, quality, raw: None });
        }
    }

    /// What a row says: a value unless it is not available, and its quality.
    pub fn get(&self, leaf: &Leaf, row: usize) -> Option<(Option<Value>, Quality)> {
        let exception = self
            .exceptions
            .binary_search_by_key(&index_u32(row), |exception| exception.row)
            .ok()
            .map(|place| &self.exceptions[place]);
        let value = self.data.value(leaf, row)?;
        Some(match exception {
            None => (Some(value), Quality::Good),
            Some(Exception { quality: Quality::NotAvailable, .. }) => (None, Quality::NotAvailable),
            Some(Exception { quality, raw: None, .. }) => (Some(value), *quality),
            Some(Exception { quality, raw: Some(raw), .. }) => (Some(parse_raw(leaf, raw)), *quality),
        })
    }
}

fn number(leaf: &Leaf, scalar: ScalarType, mantissa: Mantissa) -> Option<Value> {
    let whole = || mantissa.checked_div(10_i64.checked_pow(u32::from(leaf.scale.digits()))?);
    match scalar {
        ScalarType::Int8 | ScalarType::Int16 | ScalarType::Int32 | ScalarType::Int64 => {
            whole().map(Value::Int)
        }
        ScalarType::Uint8 | ScalarType::Uint16 | ScalarType::Uint32 | ScalarType::Uint64 => {
            // Out-of-range readings may be negative where the type is not.
            whole().map(|number| u64::try_from(number).map_or(Value::Int(number), Value::Uint))
        }
        ScalarType::Float | ScalarType::Double => Some(Value::Float(leaf.scale.number(mantissa))),
        ScalarType::Boolean | ScalarType::String => None,
    }
}

/// Integers are scaled exactly: a double would round beyond 2^53.
fn mantissa(leaf: &Leaf, value: &Value) -> Option<Mantissa> {
    let factor = || 10_i64.checked_pow(u32::from(leaf.scale.digits()));
    let scaled = match value {
        Value::Int(number) => number.checked_mul(factor()?)?,
        Value::Uint(number) => i64::try_from(*number).ok()?.checked_mul(factor()?)?,
        Value::Float(number) => leaf.scale.mantissa(*number)?,
        Value::Bool(_) | Value::Text(_) | Value::Array(_) => return None,
    };
    (-MANTISSA_MAX..=MANTISSA_MAX).contains(&scaled).then_some(scaled)
}

/// A value as text, cut to what may travel.
fn raw_text(value: &Value) -> Arc<str> {
    let mut text = String::new();
    write_raw(&mut text, value);
    let mut end = text.len().min(TEXT_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    text.into()
}

fn write_raw(text: &mut String, value: &Value) {
    let written = match value {
        Value::Bool(value) => write!(text, "{value}"),
        Value::Int(value) => write!(text, "{value}"),
        Value::Uint(value) => write!(text, "{value}"),
        Value::Float(value) => write!(text, "{value:?}"),
        Value::Text(value) => write!(text, "{value}"),
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                text.push_str(if index == 0 { "[" } else { "," });
                write_raw(text, item);
            }
            write!(text, "]")
        }
    };
    written.expect("writing to a String does not fail");
}

fn parse_raw(leaf: &Leaf, raw: &Arc<str>) -> Value {
    let number = match leaf.data_type {
        DataType::Scalar(scalar) if scalar.is_number() => raw
            .parse()
            .map(Value::Uint)
            .or_else(|_| raw.parse().map(Value::Int))
            .or_else(|_| raw.parse().map(Value::Float))
            .ok(),
        DataType::Scalar(_) | DataType::Array(_) => None,
    };
    number.unwrap_or_else(|| Value::Text(Arc::clone(raw)))
}

fn index_u32(index: usize) -> u32 {
    u32::try_from(index).expect("limits keep rows and dictionaries far below 2^32")
}

#[cfg(test)]
mod tests;
