//! What the tables' columns are, in Arrow's and in Delta's words.

use std::{collections::BTreeMap, sync::Arc};

use arrow::datatypes::{DataType, Field, Fields, Schema, TimeUnit};
use delta_kernel::schema as delta;
use model::DataCategory;
use signals::{Catalogue, Leaf, ScalarType, SignalId};

use crate::Error;

/// The tables of a region. Location alone has a table of its own, so that it can be granted,
/// shared and erased apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TableName {
    Telemetry,
    Location,
}

impl TableName {
    pub const ALL: [Self; 2] = [Self::Telemetry, Self::Location];

    /// Its folder, and its name in SQL.
    pub const fn slug(self) -> &'static str {
        match self {
            Self::Telemetry => "telemetry",
            Self::Location => "location",
        }
    }

    pub const fn index(self) -> usize {
        self as usize
    }

    /// The table that holds a category.
    pub const fn of(category: DataCategory) -> Self {
        match category {
            DataCategory::Location => Self::Location,
            DataCategory::Driving
            | DataCategory::Charging
            | DataCategory::Diagnostics
            | DataCategory::Body
            | DataCategory::Cabin
            | DataCategory::Media
            | DataCategory::Identity
            | DataCategory::Assistance
            | DataCategory::Equipment
            | DataCategory::Tyres => Self::Telemetry,
        }
    }
}

/// The scalar of a column or of a list's items.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ScalarKind {
    /// `DECIMAL(18, s)`.
    Decimal(u8),
    Boolean,
    Text,
}

/// The type of a signal's column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ColumnKind {
    Scalar(ScalarKind),
    List(ScalarKind),
}

/// Names of the columns that every row has.
pub(crate) mod column {
    pub(crate) const BRAND: &str = "brand";
    pub(crate) const DATE: &str = "date";
    pub(crate) const BUCKET: &str = "bucket";
    pub(crate) const SUBJECT: &str = "subject";
    pub(crate) const SOURCE_TIME: &str = "source_time";
    pub(crate) const RECEIVE_TIME: &str = "receive_time";
    pub(crate) const QUEUE_EPOCH: &str = "queue_epoch";
    pub(crate) const LANE: &str = "lane";
    pub(crate) const SEQ: &str = "seq";
    pub(crate) const CAMPAIGN: &str = "campaign";
    pub(crate) const CAMPAIGN_VERSION: &str = "campaign_version";
    pub(crate) const PURPOSE: &str = "purpose";
    pub(crate) const CONSENT_EPOCH: &str = "consent_epoch";
    pub(crate) const CLOCK: &str = "clock";
    pub(crate) const QUALITY: &str = "quality";
}

/// Every precision that we use: what an INT64 holds.
pub(crate) const PRECISION: u8 = 18;

impl ScalarKind {
    fn of(scalar: ScalarType, scale: signals::Scale) -> Self {
        match scalar {
            ScalarType::Boolean => Self::Boolean,
            ScalarType::String => Self::Text,
            ScalarType::Int8
            | ScalarType::Int16
            | ScalarType::Int32
            | ScalarType::Int64
            | ScalarType::Uint8
            | ScalarType::Uint16
            | ScalarType::Uint32
            | ScalarType::Uint64
            | ScalarType::Float
            | ScalarType::Double => Self::Decimal(scale.digits()),
        }
    }

    pub(crate) fn arrow(self) -> DataType {
        match self {
            Self::Decimal(scale) => DataType::Decimal64(PRECISION, scale.cast_signed()),
            Self::Boolean => DataType::Boolean,
            Self::Text => DataType::Utf8,
        }
    }

    fn delta(self) -> delta::DataType {
        match self {
            Self::Decimal(scale) => delta::DataType::decimal(PRECISION, scale)
                .expect("a scale is at most 17, and Delta takes scales up to the precision"),
            Self::Boolean => delta::DataType::BOOLEAN,
            Self::Text => delta::DataType::STRING,
        }
    }

    fn of_delta(data_type: &delta::DataType) -> Option<Self> {
        if *data_type == delta::DataType::BOOLEAN {
            return Some(Self::Boolean);
        }
        if *data_type == delta::DataType::STRING {
            return Some(Self::Text);
        }
        let delta::DataType::Primitive(delta::PrimitiveType::Decimal(decimal)) = data_type else {
            return None;
        };
        (decimal.precision() == PRECISION).then(|| Self::Decimal(decimal.scale()))
    }

    /// What tells a column of this kind from another of the same signal.
    fn suffix(self) -> String {
        match self {
            Self::Decimal(scale) => format!("decimal{scale}"),
            Self::Boolean => "boolean".to_owned(),
            Self::Text => "text".to_owned(),
        }
    }
}

impl ColumnKind {
    pub(crate) fn of(leaf: &Leaf) -> Self {
        match leaf.data_type {
            signals::DataType::Scalar(scalar) => Self::Scalar(ScalarKind::of(scalar, leaf.scale)),
            signals::DataType::Array(scalar) => Self::List(ScalarKind::of(scalar, leaf.scale)),
        }
    }

    pub(crate) fn arrow(self) -> DataType {
        match self {
            Self::Scalar(scalar) => scalar.arrow(),
            Self::List(scalar) => DataType::List(list_item(scalar)),
        }
    }

    fn delta(self) -> delta::DataType {
        match self {
            Self::Scalar(scalar) => scalar.delta(),
            Self::List(scalar) => delta::ArrayType::new(scalar.delta(), true).into(),
        }
    }

    fn of_delta(data_type: &delta::DataType) -> Option<Self> {
        if let delta::DataType::Array(list) = data_type {
            return ScalarKind::of_delta(list.element_type()).map(Self::List);
        }
        ScalarKind::of_delta(data_type).map(Self::Scalar)
    }

    fn suffix(self) -> String {
        match self {
            Self::Scalar(scalar) => scalar.suffix(),
            Self::List(scalar) => format!("list_{}", scalar.suffix()),
        }
    }
}

/// The field of a list's items, named as Parquet and Delta name it.
pub(crate) fn list_item(scalar: ScalarKind) -> Arc<Field> {
    Arc::new(Field::new("element", scalar.arrow(), true))
}

/// The signal columns of a table: names and kinds, sorted by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Columns(BTreeMap<String, ColumnKind>);

impl Columns {
    /// Reads them from a table's schema.
    pub(crate) fn of_delta(table: TableName, schema: &delta::StructType) -> Result<Self, Error> {
        let fixed: Vec<_> = delta_fixed().into_iter().map(|field| field.name().clone()).collect();
        let mut columns = BTreeMap::new();
        for field in schema.fields().filter(|field| !fixed.contains(field.name())) {
            let kind = ColumnKind::of_delta(field.data_type())
                .ok_or_else(|| Error::Column { table: table.slug(), column: field.name().clone() })?;
            columns.insert(field.name().clone(), kind);
        }
        Ok(Self(columns))
    }

    /// The column of a leaf: its path with underscores. A leaf whose type differs from the column
    /// that is there gets a column of its own, since a column's type is fixed for ever; and so does
    /// one whose name differs from a column's in upper and lower case only, which readers take for
    /// the same.
    pub(crate) fn name_of(&self, leaf: &Leaf) -> String {
        let plain = plain_name(leaf);
        let kind = ColumnKind::of(leaf);
        let numbered = format!("{plain}_{}", leaf.id.0);
        let name = if self.is_taken(&plain) { numbered } else { plain };
        match self.0.get(&name) {
            Some(there) if *there != kind => format!("{name}_{}", kind.suffix()),
            Some(_) | None => name,
        }
    }

    /// Whether another column has the name but for upper and lower case.
    fn is_taken(&self, name: &str) -> bool {
        if self.0.contains_key(name) {
            return false;
        }
        let same = |other: &str| other.eq_ignore_ascii_case(name);
        delta_fixed().iter().any(|field| same(field.name())) || self.0.keys().any(|other| same(other))
    }

    pub(crate) fn insert(&mut self, name: String, kind: ColumnKind) {
        self.0.insert(name, kind);
    }

    pub(crate) fn contains(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = (&str, ColumnKind)> {
        self.0.iter().map(|(name, kind)| (name.as_str(), *kind))
    }

    /// The schema of a data file with these columns; partition columns are in its path only.
    pub(crate) fn file_schema(&self) -> Arc<Schema> {
        let fixed = [
            Field::new(column::SUBJECT, DataType::Utf8, true),
            Field::new(column::SOURCE_TIME, timestamp(), true),
            Field::new(column::RECEIVE_TIME, timestamp(), true),
            Field::new(column::QUEUE_EPOCH, DataType::Int64, true),
            Field::new(column::LANE, DataType::Utf8, true),
            Field::new(column::SEQ, DataType::Int64, true),
            Field::new(column::CAMPAIGN, DataType::Int64, true),
            Field::new(column::CAMPAIGN_VERSION, DataType::Int64, true),
            Field::new(column::PURPOSE, DataType::Utf8, true),
            Field::new(column::CONSENT_EPOCH, DataType::Int64, true),
            Field::new(column::CLOCK, DataType::Utf8, true),
            Field::new_map(
                column::QUALITY,
                "key_value",
                Field::new("key", DataType::Utf8, false),
                Field::new("value", DataType::Utf8, true),
                false,
                true,
            ),
        ];
        let signals = self.iter().map(|(name, kind)| Field::new(name, kind.arrow(), true));
        Arc::new(Schema::new(fixed.into_iter().chain(signals).collect::<Fields>()))
    }
}

/// Letters and digits of a path stay, and a point becomes an underscore. Whatever else a catalogue
/// may have in its names, and a point that no name precedes, becomes its code between two
/// underscores and one, so that different paths have different names.
fn plain_name(leaf: &Leaf) -> String {
    let mut name = String::with_capacity(leaf.path.len());
    let mut after_point = true;
    for letter in leaf.path.chars() {
        let point = letter == '.';
        if letter.is_ascii_alphanumeric() {
            name.push(letter);
        } else if point && !after_point {
            name.push('_');
        } else {
            name.push_str(&format!("__{:x}_", u32::from(letter)));
        }
        after_point = point;
    }
    name
}

fn timestamp() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

/// Every field may be null: a field that may not would ask every writer for the `invariants`
/// feature and give readers nothing.
pub(crate) fn delta_fixed() -> Vec<delta::StructField> {
    let quality = delta::MapType::new(delta::DataType::STRING, delta::DataType::STRING, true);
    vec![
        delta::StructField::nullable(column::BRAND, delta::DataType::STRING),
        delta::StructField::nullable(column::DATE, delta::DataType::DATE),
        delta::StructField::nullable(column::BUCKET, delta::DataType::INTEGER),
        delta::StructField::nullable(column::SUBJECT, delta::DataType::STRING),
        delta::StructField::nullable(column::SOURCE_TIME, delta::DataType::TIMESTAMP),
        delta::StructField::nullable(column::RECEIVE_TIME, delta::DataType::TIMESTAMP),
        delta::StructField::nullable(column::QUEUE_EPOCH, delta::DataType::LONG),
        delta::StructField::nullable(column::LANE, delta::DataType::STRING),
        delta::StructField::nullable(column::SEQ, delta::DataType::LONG),
        delta::StructField::nullable(column::CAMPAIGN, delta::DataType::LONG),
        delta::StructField::nullable(column::CAMPAIGN_VERSION, delta::DataType::LONG),
        delta::StructField::nullable(column::PURPOSE, delta::DataType::STRING),
        delta::StructField::nullable(column::CONSENT_EPOCH, delta::DataType::LONG),
        delta::StructField::nullable(column::CLOCK, delta::DataType::STRING),
        delta::StructField::nullable(column::QUALITY, quality),
    ]
}

pub(crate) fn delta_field(name: &str, kind: ColumnKind) -> delta::StructField {
    delta::StructField::nullable(name, kind.delta())
}

/// The columns that signals of a catalogue have in a file.
#[derive(Debug, Default)]
pub(crate) struct Names {
    by_signal: BTreeMap<(u64, SignalId), Option<(String, ColumnKind)>>,
}

impl Names {
    /// Finds a signal's column among a table's, which gets it when it is new.
    pub(crate) fn find(
        &mut self,
        columns: &mut Arc<Columns>,
        catalogue: &Catalogue,
        signal: SignalId,
    ) -> Option<&(String, ColumnKind)> {
        self.by_signal
            .entry((catalogue.hash().0, signal))
            .or_insert_with(|| {
                let leaf = catalogue.by_id(signal)?;
                let (name, kind) = (columns.name_of(leaf), ColumnKind::of(leaf));
                if !columns.contains(&name) {
                    Arc::make_mut(columns).insert(name.clone(), kind);
                }
                Some((name, kind))
            })
            .as_ref()
    }

    /// What [`Names::find`] found before.
    pub(crate) fn known(&self, catalogue: &Catalogue, signal: SignalId) -> Option<&(String, ColumnKind)> {
        self.by_signal.get(&(catalogue.hash().0, signal))?.as_ref()
    }
}

#[cfg(test)]
mod tests;
