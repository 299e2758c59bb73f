//! Reads a VSS catalogue from vspec JSON, the nested form of the official releases.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

use crate::{
    Catalogue, CatalogueBuilder, DataType, Error, Leaf, LeafKind, Limits, SignalId,
    core::Registry,
    defaults::{category_of, scale_of},
};

/// The largest file read; the largest release so far has 0.7 MB.
pub const VSPEC_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Leaves in one catalogue; the largest release so far has 1,367.
pub const LEAVES_MAX: usize = 16_384;

/// A catalogue read from a file.
#[derive(Debug, Clone)]
pub struct Vspec {
    pub catalogue: Catalogue,
    /// Leaves that the file types otherwise than the registry does. The registry's definition
    /// stands, since a signal has one type, unit and scale for ever.
    pub redefined: Vec<Redefined>,
}

/// A leaf that the file and the registry define differently.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redefined {
    /// As the file spells it.
    pub path: String,
    /// `float km`
    pub in_file: String,
    /// `uint32 m`
    pub registered: String,
}

impl Vspec {
    /// Reads vspec JSON. Leaves that the registry knows, by this or an older path, take its id,
    /// path, type, unit, category and scale; the others take a hashed id, a category by their path
    /// and a scale by their unit. The overlay's leaves are added.
    pub fn read(text: &str) -> Result<Self, Error> {
        if text.len() > VSPEC_BYTES_MAX {
            return Err(Error::VspecTooLarge { bytes: text.len() });
        }
        let json: Json =
            serde_json::from_str(text).map_err(|error| Error::VspecJson { problem: error.to_string() })?;
        let Json::Object(roots) = json else {
            return Err(Error::VspecJson { problem: "the file is not an object of branches".to_owned() });
        };
        let mut reader = Reader::default();
        for (name, node) in &roots {
            reader.node(name, node)?;
        }
        reader.finish()
    }
}

#[derive(Default)]
struct Reader {
    /// By canonical path; the flag says that the file itself used that path.
    leaves: BTreeMap<String, (Leaf, bool)>,
    redefined: Vec<Redefined>,
}

impl Reader {
    fn node(&mut self, path: &str, node: &Json) -> Result<(), Error> {
        let Json::Object(fields) = node else {
            return Err(problem(path, "is not an object"));
        };
        if text(fields, "type", path)? != Some("branch") {
            return self.leaf(path, fields);
        }
        match fields.get("children") {
            None => Ok(()),
            Some(Json::Object(children)) => {
                children.iter().try_for_each(|(name, child)| self.node(&format!("{path}.{name}"), child))
            }
            Some(_) => Err(problem(path, "`children` is not an object")),
        }
    }

    fn leaf(&mut self, path: &str, fields: &Map<String, Json>) -> Result<(), Error> {
        let leaf = read_leaf(path, fields)?;
        let Some(registered) = Registry::shipped().leaf(path) else {
            self.leaves.insert(path.to_owned(), (leaf, true));
            return self.bounded();
        };
        let by_own_path = &*registered.path == path;
        let same = leaf.data_type == registered.data_type && same_unit(&leaf, registered);
        if !same {
            self.redefined.push(Redefined {
                path: path.to_owned(),
                in_file: type_and_unit(&leaf),
                registered: type_and_unit(registered),
            });
        }
        let limits = if same { leaf.limits } else { registered.limits.clone() };
        let leaf = Leaf { limits, ..registered.clone() };
        let known = self.leaves.get(&*leaf.path).is_some_and(|(_, own)| *own);
        if by_own_path || !known {
            self.leaves.insert(leaf.path.to_string(), (leaf, by_own_path));
        }
        self.bounded()
    }

    fn bounded(&self) -> Result<(), Error> {
        if self.leaves.len() > LEAVES_MAX { Err(Error::TooManyLeaves) } else { Ok(()) }
    }

    fn finish(mut self) -> Result<Vspec, Error> {
        for leaf in Registry::shipped().overlay() {
            self.leaves.entry(leaf.path.to_string()).or_insert_with(|| (leaf.clone(), true));
        }
        let mut builder = CatalogueBuilder::default();
        for (leaf, _) in self.leaves.into_values() {
            builder.add(leaf);
        }
        Ok(Vspec { catalogue: builder.build()?, redefined: self.redefined })
    }
}

fn read_leaf(path: &str, fields: &Map<String, Json>) -> Result<Leaf, Error> {
    let kind = text(fields, "type", path)?.ok_or_else(|| problem(path, "has no `type`"))?;
    let kind: LeafKind = kind.parse().map_err(|reason: String| problem(path, &reason))?;
    let data_type = text(fields, "datatype", path)?.ok_or_else(|| problem(path, "has no `datatype`"))?;
    let data_type: DataType = data_type.parse().map_err(|error: Error| problem(path, &error.to_string()))?;
    let unit = text(fields, "unit", path)?;
    let mut leaf = Leaf {
        id: SignalId::hashed(path),
        path: path.into(),
        kind,
        data_type,
        unit: unit.map(Into::into),
        limits: Limits {
            min: number(fields, "min", path)?,
            max: number(fields, "max", path)?,
            allowed: Vec::new(),
        },
        category: category_of(path),
        scale: scale_of(data_type, unit),
        description: text(fields, "description", path)?.unwrap_or_default().into(),
    };
    let element = leaf.element();
    leaf.limits.allowed = match fields.get("allowed") {
        None => Vec::new(),
        Some(Json::Array(values)) => values
            .iter()
            .map(|value| match value.as_str() {
                Some(text) => element.parse(text),
                None => element.parse(&value.to_string()),
            })
            .collect::<Result<_, _>>()?,
        Some(_) => return Err(problem(path, "`allowed` is not a list")),
    };
    Ok(leaf)
}

fn same_unit(a: &Leaf, b: &Leaf) -> bool {
    let canonical = |unit: Option<&str>| {
        unit.map(|name| crate::Unit::named(name).map_or_else(|| name.to_owned(), |unit| unit.name.to_owned()))
    };
    canonical(a.unit.as_deref()) == canonical(b.unit.as_deref())
}

fn type_and_unit(leaf: &Leaf) -> String {
    match &leaf.unit {
        Some(unit) => format!("{} {unit}", leaf.data_type),
        None => leaf.data_type.to_string(),
    }
}

fn text<'a>(fields: &'a Map<String, Json>, name: &str, path: &str) -> Result<Option<&'a str>, Error> {
    match fields.get(name) {
        None | Some(Json::Null) => Ok(None),
        Some(Json::String(text)) => Ok(Some(text)),
        Some(_) => Err(problem(path, &format!("`{name}` is not a text"))),
    }
}

fn number(fields: &Map<String, Json>, name: &str, path: &str) -> Result<Option<f64>, Error> {
    match fields.get(name) {
        None | Some(Json::Null) => Ok(None),
        Some(value) => {
            value.as_f64().map(Some).ok_or_else(|| problem(path, &format!("`{name}` is not a number")))
        }
    }
}

fn problem(path: &str, problem: &str) -> Error {
    Error::Leaf { path: path.to_owned(), problem: problem.to_owned() }
}

#[cfg(test)]
mod tests;
