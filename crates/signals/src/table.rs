//! Tables of leaves: tab-separated text, one row a line, `#` for comments, a header row first. In a
//! cell `\t`, `\n` and `\r` stand for what would end it, `\\` for a backslash, and `\,` for a
//! comma inside an allowed value.

use std::{collections::BTreeMap, sync::Arc};

use crate::{DataType, Error, LEAVES_MAX, Leaf, LeafKind, Limits, Scale, SignalId, Value};

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
    rows.enumerate()
        .map(|(count, (line, cells))| {
            if count >= LEAVES_MAX {
                return Err(Error::TooManyLeaves);
            }
            leaf(&cells).map_err(|problem| Error::Table { table: name.to_owned(), line, problem })
        })
        .collect()
}

/// Writes leaves as [`leaves`] reads them.
pub(crate) fn write<'a>(leaves: impl IntoIterator<Item = &'a Leaf>) -> String {
    let mut text = COLUMNS.join("\t");
    for leaf in leaves {
        let number = |bound: Option<f64>| bound.map(|number| number.to_string()).unwrap_or_default();
        let allowed: Vec<_> = leaf.limits.allowed.iter().map(written_allowed).collect();
        let cells = [
            leaf.id.to_string(),
            escaped(&leaf.path, &[]),
            leaf.kind.slug().to_owned(),
            leaf.data_type.to_string(),
            escaped(leaf.unit.as_deref().unwrap_or_default(), &[]),
            number(leaf.limits.min),
            number(leaf.limits.max),
            allowed.join(","),
            leaf.category.slug().to_owned(),
            leaf.scale.digits().to_string(),
            escaped(&leaf.description, &[]),
        ];
        text.push('\n');
        text.push_str(&cells.join("\t"));
    }
    text.push('\n');
    text
}

/// A text that would read as JSON or as nothing is written as JSON.
fn written_allowed(value: &Value) -> String {
    let text = value.to_string();
    let quoted = matches!(value, Value::Text(_)) && (text.is_empty() || text.trim().starts_with('"'));
    let text = if quoted { serde_json::Value::from(text).to_string() } else { text };
    escaped(&text, &[','])
}

fn escaped(text: &str, also: &[char]) -> String {
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            char if char == '\\' || also.contains(&char) => out.extend(['\\', char]),
            char => out.push(char),
        }
    }
    out
}

fn unescaped(cell: &str) -> Result<String, String> {
    let mut out = String::with_capacity(cell.len());
    let mut chars = cell.chars();
    while let Some(char) = chars.next() {
        if char != '\\' {
            out.push(char);
            continue;
        }
        out.push(match chars.next() {
            Some('t') => '\t',
            Some('n') => '\n',
            Some('r') => '\r',
            Some(same @ ('\\' | ',')) => same,
            Some(_) | None => return Err("a backslash stands before t, n, r, a comma or a backslash".into()),
        });
    }
    Ok(out)
}

/// The parts between commas that no backslash precedes.
fn between_commas(cell: &str) -> impl Iterator<Item = &str> {
    let mut after_backslash = false;
    cell.split(move |char| {
        let ends = char == ',' && !after_backslash;
        after_backslash = char == '\\' && !after_backslash;
        ends
    })
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
        number => match number.parse::<f64>() {
            Ok(bound) if bound.is_finite() => Ok(Some(bound)),
            Ok(_) | Err(_) => Err(format!("`{number}` is not a number")),
        },
    };
    if path.is_empty() {
        return Err("the path is empty".to_owned());
    }
    let mut leaf = Leaf {
        id: SignalId(id.parse().map_err(|_| format!("`{id}` is not an id"))?),
        path: unescaped(path)?.into(),
        kind: kind.parse()?,
        data_type,
        unit: (!unit.is_empty()).then(|| unescaped(unit)).transpose()?.map(Into::into),
        limits: Limits { min: bound(min)?, max: bound(max)?, allowed: Vec::new() },
        category: category.parse().map_err(|error: model::ParseError| error.to_string())?,
        scale: scale
            .parse()
            .map_err(|_| format!("`{scale}` is not a scale"))
            .and_then(|digits| Scale::new(digits).map_err(|error| error.to_string()))?,
        description: unescaped(description)?.into(),
    };
    let element = leaf.element();
    let values = between_commas(allowed).filter(|text| !text.is_empty());
    let values = values.map(|text| element.parse(&unescaped(text)?).map_err(|error| error.to_string()));
    leaf.limits.allowed = values.collect::<Result<_, _>>()?;
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
