//! The shipped tables: tab-separated text, one row a line, `#` for comments, a header row first.

use std::{collections::BTreeMap, sync::Arc};

use crate::{DataType, Error, Leaf, LeafKind, Limits, Scale, SignalId};

const COLUMNS: [&str; 11] =
    ["id", "path", "kind", "datatype", "unit", "min", "max", "allowed", "category", "scale", "description"];

/// Reads leaves from a table with the columns above. Allowed values are separated by commas.
pub(crate) fn leaves(name: &str, text: &str) -> Result<Vec<Leaf>, Error> {
    let mut rows = rows(text);
    let header = rows.next().map(|(_, cells)| cells).unwrap_or_default();
    if header != COLUMNS {
        return Err(Error::Table {
            table: name.to_owned(),
            line: 1,
            problem: "the header row is wrong".to_owned(),
        });
    }
    rows.map(|(line, cells)| {
        leaf(&cells).map_err(|problem| Error::Table { table: name.to_owned(), line, problem })
    })
    .collect()
}

/// Reads pairs of an old path and the path that it has now.
pub(crate) fn aliases(name: &str, text: &str) -> Result<BTreeMap<Arc<str>, Arc<str>>, Error> {
    rows(text)
        .skip(1)
        .map(|(line, cells)| match cells.as_slice() {
            [old, new, _since] => Ok((Arc::from(*old), Arc::from(*new))),
            _ => Err(Error::Table {
                table: name.to_owned(),
                line,
                problem: "a row is alias, path, since".to_owned(),
            }),
        })
        .collect()
}

fn rows(text: &str) -> impl Iterator<Item = (usize, Vec<&str>)> {
    text.lines()
        .enumerate()
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
        .map(|(index, line)| (index + 1, line.split('\t').collect()))
}

fn leaf(cells: &[&str]) -> Result<Leaf, String> {
    let [id, path, kind, data_type, unit, min, max, allowed, category, scale, description] = cells else {
        return Err(format!("{} cells instead of {}", cells.len(), COLUMNS.len()));
    };
    let data_type: DataType = data_type.parse().map_err(|error: Error| error.to_string())?;
    let bound = |text: &str| match text {
        "" => Ok(None),
        number => number.parse().map(Some).map_err(|_| format!("`{number}` is not a number")),
    };
    let mut leaf = Leaf {
        id: SignalId(id.parse().map_err(|_| format!("`{id}` is not an id"))?),
        path: Arc::from(*path),
        kind: kind.parse()?,
        data_type,
        unit: (!unit.is_empty()).then(|| Arc::from(*unit)),
        limits: Limits { min: bound(min)?, max: bound(max)?, allowed: Vec::new() },
        category: category.parse().map_err(|error: model::ParseError| error.to_string())?,
        scale: scale
            .parse()
            .map_err(|_| format!("`{scale}` is not a scale"))
            .and_then(|digits| Scale::new(digits).map_err(|error| error.to_string()))?,
        description: Arc::from(*description),
    };
    let element = leaf.element();
    let values = allowed.split(',').filter(|text| !text.is_empty()).map(|text| element.parse(text));
    leaf.limits.allowed = values.collect::<Result<_, _>>().map_err(|error| error.to_string())?;
    Ok(leaf)
}

impl Leaf {
    /// The same leaf as a scalar: what allowed values of an array look like.
    pub(crate) fn element(&self) -> Self {
        let (DataType::Scalar(scalar) | DataType::Array(scalar)) = self.data_type;
        Self { data_type: DataType::Scalar(scalar), ..self.clone() }
    }
}

impl std::str::FromStr for LeafKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.slug() == text)
            .ok_or_else(|| format!("`{text}` is none of sensor, actuator, attribute"))
    }
}

impl LeafKind {
    pub const ALL: [Self; 3] = [Self::Sensor, Self::Actuator, Self::Attribute];

    /// How VSS spells it.
    pub const fn slug(self) -> &'static str {
        match self {
            Self::Sensor => "sensor",
            Self::Actuator => "actuator",
            Self::Attribute => "attribute",
        }
    }
}
