//! Values as text: JSON's spelling, without quotes around a single text.

use std::fmt;

use crate::{DataType, Error, Leaf, ScalarType, Value};

impl Leaf {
    /// A value of the leaf's type from text: `12.5`, `true`, `OPEN` or `"OPEN"`, `[1, 2]`.
    ///
    /// Limits and allowed values are not looked at; [`Leaf::check`] does that.
    pub fn parse(&self, text: &str) -> Result<Value, Error> {
        let scalar_text = matches!(self.data_type, DataType::Scalar(ScalarType::String));
        let trimmed = text.trim();
        if scalar_text && !trimmed.starts_with('"') {
            return Ok(Value::from(text));
        }
        let json: serde_json::Value = serde_json::from_str(trimmed).map_err(|_| Error::Leaf {
            path: self.path.to_string(),
            problem: format!("`{}` is not {}", shortened(trimmed), self.data_type),
        })?;
        // serde_json's fast float parser may be off by one bit; the standard library's is exact.
        if let (true, Ok(number)) = (json.is_f64(), trimmed.parse()) {
            return self.coerce(Value::Float(number));
        }
        let value = from_json(&json).ok_or_else(|| Error::Leaf {
            path: self.path.to_string(),
            problem: format!("holds {}, not null or an object", self.data_type),
        })?;
        self.coerce(value)
    }
}

/// JSON's spelling; a text stands without quotes unless it is in an array.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Bool(_) | Self::Int(_) | Self::Uint(_) | Self::Float(_) | Self::Array(_) => {
                write!(f, "{}", to_json(self))
            }
        }
    }
}

fn from_json(json: &serde_json::Value) -> Option<Value> {
    match json {
        serde_json::Value::Null | serde_json::Value::Object(_) => None,
        serde_json::Value::Bool(value) => Some(Value::Bool(*value)),
        serde_json::Value::Number(number) => {
            if let Some(value) = number.as_u64() {
                return Some(Value::Uint(value));
            }
            if let Some(value) = number.as_i64() {
                return Some(Value::Int(value));
            }
            number.as_f64().map(Value::Float)
        }
        serde_json::Value::String(text) => Some(Value::from(text.as_str())),
        serde_json::Value::Array(elements) => {
            let elements: Option<Vec<_>> = elements
                .iter()
                .map(|element| if element.is_array() { None } else { from_json(element) })
                .collect();
            Some(Value::Array(elements?.into()))
        }
    }
}

fn to_json(value: &Value) -> serde_json::Value {
    match value {
        Value::Bool(value) => (*value).into(),
        Value::Int(value) => (*value).into(),
        Value::Uint(value) => (*value).into(),
        Value::Float(value) => (*value).into(),
        Value::Text(text) => (&**text).into(),
        Value::Array(elements) => elements.iter().map(to_json).collect(),
    }
}

/// Keeps a hostile text out of an error message.
fn shortened(text: &str) -> String {
    text.chars().take(40).collect()
}
