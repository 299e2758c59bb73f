//! What the signal routes say.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema, openapi};

use crate::words::{CategorySlug, PurposeSlug, Time};

/// What the signals are used for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct SignalsQuery {
    /// What the data is used for; `fleet-management` when absent.
    #[param(inline)]
    #[expect(dead_code, reason = "the gate reads it; here it is a name that is known")]
    pub purpose: Option<PurposeSlug>,
}

/// The latest value of every signal that the caller may see. Also `data` of the stream's event `snapshot`.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({ "items": [{
    "path": "Vehicle.Speed", "unit": "km/h", "data_type": "float", "category": "driving",
    "value": 47.3, "quality": "good",
    "source_time": "2026-11-23T08:15:30.250000Z", "receive_time": "2026-11-23T08:15:30.400000Z"
}], "withheld": ["location"] }))]
pub(crate) struct Signals {
    /// In the order of their paths.
    pub items: Vec<SignalItem>,
    /// Categories that the car has values of, but the owner has not granted for the purpose.
    pub withheld: Vec<CategorySlug>,
}

/// `data` of the stream's event `signals`: what changed since the event before.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({ "items": [{
    "path": "Vehicle.Speed", "unit": "km/h", "data_type": "float", "category": "driving",
    "value": 47.5, "quality": "good",
    "source_time": "2026-11-23T08:15:31.250000Z", "receive_time": "2026-11-23T08:15:31.400000Z"
}] }))]
pub(crate) struct SignalChanges {
    pub items: Vec<SignalItem>,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct SignalItem {
    pub path: String,
    pub unit: Option<String>,
    /// VSS's name of the data type.
    pub data_type: String,
    pub category: CategorySlug,
    /// Null when the quality is `not-available`.
    #[schema(schema_with = signal_value)]
    pub value: Value,
    pub quality: QualitySlug,
    /// When the car's source measured it.
    pub source_time: Time,
    /// When the platform received it.
    pub receive_time: Time,
}

/// How far a value can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum QualitySlug {
    Good,
    Stale,
    OutOfRange,
    NotAvailable,
}

impl From<signals::Quality> for QualitySlug {
    fn from(quality: signals::Quality) -> Self {
        match quality {
            signals::Quality::Good => Self::Good,
            signals::Quality::Stale => Self::Stale,
            signals::Quality::OutOfRange => Self::OutOfRange,
            signals::Quality::NotAvailable => Self::NotAvailable,
        }
    }
}

/// Any value of a leaf: a number, a boolean, a text, an array of one of these, or null.
pub(crate) fn signal_value() -> openapi::RefOr<openapi::Schema> {
    use openapi::{ObjectBuilder, Type, schema::ArrayBuilder};
    openapi::OneOfBuilder::new()
        .item(scalar())
        .item(ArrayBuilder::new().items(scalar()))
        .item(ObjectBuilder::new().schema_type(Type::Null))
        .into()
}

/// A number, a boolean or a text.
pub(crate) fn scalar() -> openapi::schema::Object {
    use openapi::{ObjectBuilder, Type, schema::SchemaType};
    let types = SchemaType::from_iter([Type::Number, Type::Boolean, Type::String]);
    ObjectBuilder::new().schema_type(types).build()
}
