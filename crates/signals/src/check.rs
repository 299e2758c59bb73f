//! From what a source says to a reading that a leaf may hold: type, limits, allowed values.

use std::sync::Arc;

use model::{Timestamp, limits::TEXT_BYTES_MAX};

use crate::{DataType, Error, Leaf, Quality, Reading, ScalarType, Value};

/// Elements of an array value. The longest arrays of VSS are cell voltages of a traction battery.
pub const ARRAY_LEN_MAX: usize = 1_024;

impl Leaf {
    /// A reading from a number in the leaf's unit, as a bus decodes it.
    ///
    /// Integers are rounded to the nearest. A number beyond type, limits or the leaf's decimal
    /// scale is out of range and kept as it came; a number that is not finite is not available.
    pub fn read_number(&self, number: f64, source_time: Timestamp) -> Reading {
        if !number.is_finite() {
            return Reading::not_available(source_time);
        }
        let (DataType::Scalar(scalar) | DataType::Array(scalar)) = self.data_type;
        let value = match scalar {
            ScalarType::Boolean if number == 0.0 => Value::Bool(false),
            ScalarType::Boolean if number == 1.0 => Value::Bool(true),
            ScalarType::Boolean | ScalarType::Float | ScalarType::Double => Value::Float(number),
            ScalarType::Int8 | ScalarType::Int16 | ScalarType::Int32 | ScalarType::Int64 => signed(number),
            ScalarType::Uint8 | ScalarType::Uint16 | ScalarType::Uint32 | ScalarType::Uint64 => {
                unsigned(number)
            }
            ScalarType::String => Value::Text(number.to_string().into()),
        };
        self.read(value, source_time)
    }

    /// A reading from a text, such as a name that a profile maps a raw number to.
    pub fn read_text(&self, text: &str, source_time: Timestamp) -> Reading {
        match self.parse(text) {
            Ok(value) => self.read(value, source_time),
            Err(_) => {
                let reading = Reading::good(Value::Text(bounded(text)), source_time);
                Reading { quality: Quality::OutOfRange, ..reading }
            }
        }
    }

    /// A reading from a value: good, or out of range with the value kept.
    pub fn read(&self, value: Value, source_time: Timestamp) -> Reading {
        let quality = self.check(&value);
        Reading { value: Some(value), quality, source_time }
    }

    /// [`Quality::Good`] when the leaf may hold the value, else [`Quality::OutOfRange`].
    pub fn check(&self, value: &Value) -> Quality {
        let fits = match (self.data_type, value) {
            (DataType::Scalar(scalar), value) => self.holds(scalar, value),
            (DataType::Array(scalar), Value::Array(elements)) => {
                elements.len() <= ARRAY_LEN_MAX && elements.iter().all(|element| self.holds(scalar, element))
            }
            (DataType::Array(_), _) => false,
        };
        if fits { Quality::Good } else { Quality::OutOfRange }
    }

    /// Makes a value into the variant that the leaf's type asks for (a JSON `3` into a float, a
    /// whole float into an integer), or says why it cannot.
    pub fn coerce(&self, value: Value) -> Result<Value, Error> {
        match self.data_type {
            DataType::Scalar(scalar) => coerce_scalar(scalar, value).map_err(|problem| self.problem(problem)),
            DataType::Array(scalar) => {
                let Value::Array(elements) = value else {
                    return Err(self.problem(format!("holds {}; give a list", self.data_type)));
                };
                let elements: Result<Vec<_>, _> =
                    elements.iter().map(|element| coerce_scalar(scalar, element.clone())).collect();
                Ok(Value::Array(elements.map_err(|problem| self.problem(problem))?.into()))
            }
        }
    }

    /// Whether the value names a person or the car itself and must never be sent up, whatever a
    /// campaign asks: the VIN and the licence plate.
    pub fn stays_in_car(&self) -> bool {
        const IN_CAR_ONLY: [&str; 2] =
            ["Vehicle.VehicleIdentification.VIN", "Vehicle.VehicleIdentification.LicensePlate"];
        IN_CAR_ONLY.contains(&&*self.path)
    }

    fn holds(&self, scalar: ScalarType, value: &Value) -> bool {
        let of_type = match (scalar, value) {
            (ScalarType::Boolean, Value::Bool(_)) => return true,
            (ScalarType::String, Value::Text(text)) => {
                return text.len() <= TEXT_BYTES_MAX && self.allows(value);
            }
            (ScalarType::Float | ScalarType::Double, Value::Float(number)) => number.is_finite(),
            (_, Value::Int(number)) => in_range(scalar, i128::from(*number)),
            (_, Value::Uint(number)) => in_range(scalar, i128::from(*number)),
            (_, Value::Bool(_) | Value::Float(_) | Value::Text(_) | Value::Array(_)) => false,
        };
        let Some(number) = value.as_f64() else { return false };
        of_type
            && self.limits.min.is_none_or(|min| number >= min)
            && self.limits.max.is_none_or(|max| number <= max)
            && self.scale.mantissa(number).is_some()
            && self.allows(value)
    }

    fn allows(&self, value: &Value) -> bool {
        self.limits.allowed.is_empty() || self.limits.allowed.contains(value)
    }

    fn problem(&self, problem: String) -> Error {
        Error::Leaf { path: self.path.to_string(), problem }
    }
}

fn in_range(scalar: ScalarType, number: i128) -> bool {
    scalar.integer_range().is_some_and(|(min, max)| (min..=max).contains(&number))
}

/// The first [`TEXT_BYTES_MAX`] bytes, cut between characters.
fn bounded(text: &str) -> Arc<str> {
    let end = (0..=TEXT_BYTES_MAX.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    text.get(..end.unwrap_or(0)).unwrap_or_default().into()
}

#[expect(clippy::cast_possible_truncation, reason = "compared with the range of i64 before")]
fn signed(number: f64) -> Value {
    let rounded = number.round();
    // 2^63 itself is not an i64, and the largest double below it is.
    if (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&rounded) {
        Value::Int(rounded as i64)
    } else {
        Value::Float(number)
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "compared with the range of u64 before"
)]
fn unsigned(number: f64) -> Value {
    let rounded = number.round();
    if rounded < 0.0 {
        signed(number)
    } else if rounded < 18_446_744_073_709_551_616.0 {
        Value::Uint(rounded as u64)
    } else {
        Value::Float(number)
    }
}

fn coerce_scalar(scalar: ScalarType, value: Value) -> Result<Value, String> {
    let refuse = |value: &Value| Err(format!("holds {}, which {value} is not", scalar.name()));
    match (scalar, &value) {
        (ScalarType::Boolean, Value::Bool(_)) | (ScalarType::String, Value::Text(_)) => Ok(value),
        (ScalarType::Boolean | ScalarType::String, _) => refuse(&value),
        (_, Value::Bool(_) | Value::Text(_) | Value::Array(_)) => refuse(&value),
        (ScalarType::Float | ScalarType::Double, Value::Float(_) | Value::Int(_) | Value::Uint(_)) => {
            match value.as_f64() {
                Some(number) if number.is_finite() => Ok(Value::Float(number)),
                Some(_) | None => refuse(&value),
            }
        }
        (integer, Value::Int(number)) => {
            integer_of(integer, i128::from(*number)).map_or_else(|| refuse(&value), Ok)
        }
        (integer, Value::Uint(number)) => {
            integer_of(integer, i128::from(*number)).map_or_else(|| refuse(&value), Ok)
        }
        (integer, Value::Float(number)) => {
            // Whole doubles up to 2^53 stand for one integer; beyond, the text was not exact.
            if number.fract() != 0.0 || number.abs() > 9_007_199_254_740_992.0 {
                return refuse(&value);
            }
            match signed(*number) {
                Value::Int(number) => {
                    integer_of(integer, i128::from(number)).map_or_else(|| refuse(&value), Ok)
                }
                Value::Bool(_) | Value::Uint(_) | Value::Float(_) | Value::Text(_) | Value::Array(_) => {
                    refuse(&value)
                }
            }
        }
    }
}

/// The integer in its type's variant, if the type holds it.
fn integer_of(scalar: ScalarType, number: i128) -> Option<Value> {
    let (min, max) = scalar.integer_range()?;
    if !(min..=max).contains(&number) {
        return None;
    }
    if min < 0 {
        i64::try_from(number).ok().map(Value::Int)
    } else {
        u64::try_from(number).ok().map(Value::Uint)
    }
}

#[cfg(test)]
mod tests;
