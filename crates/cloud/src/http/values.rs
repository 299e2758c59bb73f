//! Values of signals as JSON.

use serde_json::{Number, Value as Json};
use signals::Value;

/// Whole numbers stay whole, also beyond what a double holds.
pub(crate) fn json(value: &Value) -> Json {
    match value {
        Value::Bool(value) => Json::Bool(*value),
        Value::Int(value) => Json::Number((*value).into()),
        Value::Uint(value) => Json::Number((*value).into()),
        // Readings are finite.
        Value::Float(value) => Number::from_f64(*value).map_or(Json::Null, Json::Number),
        Value::Text(text) => Json::String(text.to_string()),
        Value::Array(items) => Json::Array(items.iter().map(json).collect()),
    }
}
