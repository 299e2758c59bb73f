//! What the history route says.

use serde::{
    Deserialize, Serialize, Serializer,
    ser::{SerializeSeq, SerializeTuple},
};
use signals::Value;
use utoipa::{IntoParams, ToSchema, openapi};

use crate::{
    http::signals::types::signal_value,
    owner::HistoryRow,
    words::{CategorySlug, PurposeSlug, Time, rfc3339},
};

/// Which part of a car's history to read.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct HistoryQuery {
    /// Paths, separated by commas; at most 64.
    #[param(
        min_length = 1,
        example = "Vehicle.Speed,Vehicle.Powertrain.TractionBattery.StateOfCharge.Current"
    )]
    pub signals: String,
    /// The first source time.
    #[param(inline)]
    pub from: Time,
    /// The source time that the answer ends before; now when absent.
    #[param(inline)]
    pub to: Option<Time>,
    /// Reduces to one row an interval: `PT10S` (ISO 8601) or `10s`. Raw rows when absent.
    #[param(example = "PT10S")]
    pub interval: Option<String>,
    /// How to reduce, separated by commas: `min`, `max`, `mean`, `last`. `mean` when absent.
    #[param(example = "min,max,mean")]
    pub reduce: Option<String>,
    /// What the data is used for; `fleet-management` when absent.
    #[param(inline)]
    #[expect(dead_code, reason = "the gate reads it; here it is a name that is known")]
    pub purpose: Option<PurposeSlug>,
    /// Rows of a page; 1,000 when absent.
    #[param(minimum = 1, maximum = 10_000)]
    pub limit: Option<u32>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
}

/// Rows in the order of their times. `rows[i][0]` is the time, `rows[i][1 + j]` the value of `columns[j]`.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "columns": [{ "path": "Vehicle.Speed", "unit": "km/h", "reduce": "mean" }],
    "rows": [["2026-11-23T08:15:30.000000Z", 47.3], ["2026-11-23T08:15:40.000000Z", 48.1]],
    "withheld": [],
    "next_cursor": null
}))]
pub(crate) struct HistoryPage {
    pub columns: Vec<HistoryColumn>,
    #[schema(schema_with = rows)]
    pub rows: Rows,
    /// Categories of the asked signals that the owner has not granted for the purpose; they have no column.
    pub withheld: Vec<CategorySlug>,
    pub next_cursor: Option<String>,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct HistoryColumn {
    pub path: String,
    pub unit: Option<String>,
    /// Null for raw values.
    pub reduce: Option<Reduce>,
}

/// How the values of an interval become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Reduce {
    Min,
    Max,
    Mean,
    Last,
}

/// Rows as they come from the lake; written without a JSON tree, since a page has up to 640,000 values.
#[derive(Debug)]
pub(crate) struct Rows(pub Vec<HistoryRow>);

struct Row<'a>(&'a HistoryRow);
struct Cell<'a>(Option<&'a Value>);

impl Serialize for Rows {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(Row))
    }
}

impl Serialize for Row<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut row = serializer.serialize_tuple(1 + self.0.values.len())?;
        row.serialize_element(&rfc3339(self.0.time))?;
        for value in &self.0.values {
            row.serialize_element(&Cell(value.as_ref()))?;
        }
        row.end()
    }
}

impl Serialize for Cell<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            None => serializer.serialize_unit(),
            Some(Value::Bool(value)) => serializer.serialize_bool(*value),
            Some(Value::Int(value)) => serializer.serialize_i64(*value),
            Some(Value::Uint(value)) => serializer.serialize_u64(*value),
            Some(Value::Float(value)) => serializer.serialize_f64(*value),
            Some(Value::Text(text)) => serializer.serialize_str(text),
            Some(Value::Array(items)) => {
                let mut list = serializer.serialize_seq(Some(items.len()))?;
                for item in items.iter() {
                    list.serialize_element(&Cell(Some(item)))?;
                }
                list.end()
            }
        }
    }
}

fn rows() -> openapi::RefOr<openapi::Schema> {
    let row = openapi::schema::ArrayBuilder::new().items(signal_value());
    openapi::schema::ArrayBuilder::new().items(row).into()
}
