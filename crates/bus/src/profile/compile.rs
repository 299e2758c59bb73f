//! Resolves a profile's text: names to frames and leaves, units to conversions, texts to expressions.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use signals::{Catalogue, Conversion, DataType, Expr, Leaf, Quality, ScalarType, Unit, Value};

use super::{
    Frame, Origin,
    builtin::extension,
    encode_rule::{EncodeRule, Recipe},
    file::{EncodeFile, ExtensionFile, MapFile, MapSignal, ProfileFile},
    layout,
    route::{Convert, Route, Source},
};
use crate::{Database, Message};

/// A leaf that is computed from several signals, whenever the frame of the first of them comes.
#[derive(Debug, Clone)]
pub(super) struct Formula {
    pub leaf: Arc<Leaf>,
    pub expr: Expr,
    pub inputs: Vec<Source>,
}

/// Everything that a file says about CAN, resolved.
#[derive(Debug)]
pub(super) struct Resolved {
    pub database: Database,
    pub frames: Vec<Frame>,
    pub routes: Vec<Route>,
    pub formulas: Vec<Formula>,
    pub targets: Vec<Route>,
    pub rules: Vec<EncodeRule>,
    /// The leaves that encode rules read, by place.
    pub slots: Vec<Arc<Leaf>>,
    /// Mapped paths that the catalogue does not have.
    pub unknown_paths: Vec<Arc<str>>,
}

/// Adds the extensions' frames and maps that the architecture does not have itself.
pub(super) fn with_extensions(file: &mut ProfileFile) -> Result<(), String> {
    for name in file.profile.extensions.clone() {
        let text = extension(&name).ok_or_else(|| format!("unknown extension `{name}`"))?;
        let extension: ExtensionFile =
            toml::from_str(text).map_err(|error| format!("extension `{name}`: {error}"))?;
        file.frame.extend(extension.frame);
        for (path, map) in extension.map {
            file.map.entry(path).or_insert(map);
        }
        for (path, map) in extension.target {
            file.target.entry(path).or_insert(map);
        }
        for (source, rule) in extension.encode {
            file.encode.entry(source).or_insert(rule);
        }
    }
    let mut used: BTreeSet<String> =
        file.map.values().chain(file.target.values()).flat_map(frames_of).collect();
    // A frame of the architecture's own sources stays: it is a fact even where nothing maps it.
    used.extend(file.frame.iter().filter(|frame| frame.origin != "marque").map(|frame| frame.name.clone()));
    file.frame.retain(|frame| used.contains(&frame.name));
    file.encode.retain(|source, _| source.split_once('.').is_some_and(|(frame, _)| used.contains(frame)));
    Ok(())
}

fn frames_of(map: &MapFile) -> Vec<String> {
    let names = match map {
        MapFile::Expression(text) => Expr::parse(text).map(|expr| expr.inputs().to_vec()).unwrap_or_default(),
        MapFile::Signal(signal) => vec![signal.from.as_str().into()],
    };
    names.iter().filter_map(|name| name.split_once('.')).map(|(frame, _)| frame.to_owned()).collect()
}

/// Resolves a file whose frames are its own, or those of a database that came from outside.
pub(super) fn resolve(
    file: &ProfileFile,
    external: Option<&Database>,
    catalogue: &Catalogue,
) -> Result<Resolved, String> {
    let (frames, messages) = match external {
        Some(database) => external_frames(file, database),
        None => {
            let layouts = file.frame.iter().map(layout::frame);
            layouts.collect::<Result<Vec<_>, _>>()?.into_iter().unzip()
        }
    };
    let database = Database::new(messages).map_err(|error| error.to_string())?;
    let mut resolved = Resolved {
        database,
        frames,
        routes: Vec::new(),
        formulas: Vec::new(),
        targets: Vec::new(),
        rules: Vec::new(),
        slots: Vec::new(),
        unknown_paths: Vec::new(),
    };
    for (path, map) in &file.map {
        let Some(leaf) = catalogue.by_path(path) else {
            resolved.unknown_paths.push(path.as_str().into());
            continue;
        };
        resolved.add_map(leaf, map).map_err(|problem| format!("`{path}`: {problem}"))?;
    }
    // Each frame finds its entries as a run, and rules refer to routes by place.
    resolved.routes.sort_by_key(|route| route.source);
    resolved.formulas.sort_by_key(Formula::frame);
    for (path, map) in &file.target {
        let Some(leaf) = catalogue.by_path(path) else { continue };
        let Some(signal) = single(map) else {
            return Err(format!("target `{path}`: name one signal of a command frame"));
        };
        let route = resolved.route(leaf, &signal).map_err(|problem| format!("target `{path}`: {problem}"))?;
        resolved.targets.push(route);
    }
    if external.is_none() {
        resolved.add_rules(&file.encode, catalogue)?;
    }
    Ok(resolved)
}

fn external_frames(file: &ProfileFile, database: &Database) -> (Vec<Frame>, Vec<Message>) {
    let channel = file.external.as_ref().and_then(|external| external.channel);
    let frame = |message: &Message| Frame {
        name: Arc::clone(message.name()),
        origin: Origin::External,
        channel,
        cycle: model::Micros::ZERO,
        not_available: vec![None; message.signals().len()],
        counter: None,
    };
    database.messages().iter().map(|message| (frame(message), message.clone())).unzip()
}

/// A map that names just one signal.
fn single(map: &MapFile) -> Option<MapSignal> {
    match map {
        MapFile::Signal(signal) => Some(signal.clone()),
        MapFile::Expression(text) => is_name(text).then(|| MapSignal {
            from: text.clone(),
            unit: None,
            times: None,
            plus: None,
            na: None,
            values: BTreeMap::new(),
        }),
    }
}

fn is_name(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '.')
}

impl Resolved {
    pub(super) fn source(&self, name: &str) -> Result<Source, String> {
        let (frame, signal) =
            name.split_once('.').ok_or_else(|| format!("`{name}` is not written FRAME.SIGNAL"))?;
        let message = self.database.messages().iter().position(|message| **message.name() == *frame);
        let message = message.ok_or_else(|| format!("there is no frame `{frame}`"))?;
        let found = self.database.messages()[message].signal(signal);
        let (signal, _) = found.ok_or_else(|| format!("frame `{frame}` has no signal `{signal}`"))?;
        Ok(Source { frame: message, signal })
    }

    fn add_map(&mut self, leaf: &Arc<Leaf>, map: &MapFile) -> Result<(), String> {
        if let Some(signal) = single(map) {
            let route = self.route(leaf, &signal)?;
            self.routes.push(route);
            return Ok(());
        }
        let MapFile::Expression(text) = map else { return Ok(()) };
        let expr = Expr::parse(text).map_err(|error| error.to_string())?;
        let inputs = expr.inputs().iter().map(|name| self.source(name)).collect::<Result<Vec<_>, _>>()?;
        if inputs.is_empty() {
            return Err("an expression names at least one FRAME.SIGNAL".to_owned());
        }
        self.formulas.push(Formula { leaf: Arc::clone(leaf), expr, inputs });
        Ok(())
    }

    fn route(&self, leaf: &Arc<Leaf>, map: &MapSignal) -> Result<Route, String> {
        let source = self.source(&map.from)?;
        let signal = &self.database.messages()[source.frame].signals()[source.signal];
        let of_frame = self.frames[source.frame].not_available[source.signal];
        let of_map = map.na.map(|bits| signal.coding.extend(bits & signal.coding.mask()));
        let convert = if map.values.is_empty() {
            let unit = map.unit.as_deref().unwrap_or(&signal.unit);
            Convert::Linear(linear(leaf, unit, map.times, map.plus)?)
        } else {
            table(leaf, &map.values)?
        };
        Ok(Route { leaf: Arc::clone(leaf), source, not_available: [of_frame, of_map], convert })
    }

    fn slot(&mut self, leaf: &Arc<Leaf>) -> usize {
        if let Some(slot) = self.slots.iter().position(|known| known.id == leaf.id) {
            return slot;
        }
        self.slots.push(Arc::clone(leaf));
        self.slots.len() - 1
    }

    /// A path that another release of VSS has.
    fn note_unknown(&mut self, path: &str) {
        if !self.unknown_paths.iter().any(|known| **known == *path) {
            self.unknown_paths.push(path.into());
        }
    }

    /// How each source signal that a map reads is made, so that a car can be simulated.
    fn add_rules(
        &mut self,
        encode: &BTreeMap<String, EncodeFile>,
        catalogue: &Catalogue,
    ) -> Result<(), String> {
        for (name, rule) in encode {
            let source = self.source(name).map_err(|problem| format!("encode: {problem}"))?;
            let recipe = match rule {
                EncodeFile::Number(number) => Recipe::Constant(*number),
                EncodeFile::Expression(text) => {
                    let expr = Expr::parse(text).map_err(|error| format!("encode `{name}`: {error}"))?;
                    let mut slots = Vec::new();
                    for path in expr.inputs() {
                        slots.push(catalogue.by_path(path).map(|leaf| self.slot(leaf)));
                        if slots.last() == Some(&None) {
                            self.note_unknown(path);
                        }
                    }
                    Recipe::Expression { expr, slots }
                }
            };
            self.rules.push(EncodeRule { source, recipe });
        }
        for index in 0..self.routes.len() {
            let source = self.routes[index].source;
            if encode.contains_key(&self.name_of(source)) {
                continue;
            }
            if self.rules.iter().any(|rule| rule.source == source) {
                return Err(format!(
                    "`{}` feeds several signals; say under [encode] how it is made",
                    self.name_of(source)
                ));
            }
            let leaf = Arc::clone(&self.routes[index].leaf);
            let slot = self.slot(&leaf);
            self.rules.push(EncodeRule { source, recipe: Recipe::Inverse { route: index, slot } });
        }
        let inputs: Vec<_> = self.formulas.iter().flat_map(|formula| &formula.inputs).copied().collect();
        for source in inputs {
            if self.rules.iter().any(|rule| rule.source == source) {
                continue;
            }
            if self.unknown_paths.is_empty() {
                return Err(format!("say under [encode] how `{}` is made", self.name_of(source)));
            }
            // A path that the catalogue lacks would say how: the car does not say it.
            let expr = Expr::parse("null").map_err(|error| error.to_string())?;
            let recipe = Recipe::Expression { expr, slots: Vec::new() };
            self.rules.push(EncodeRule { source, recipe });
        }
        self.rules.sort_by_key(|rule| rule.source);
        Ok(())
    }

    fn name_of(&self, source: Source) -> String {
        let message = &self.database.messages()[source.frame];
        format!("{}.{}", message.name(), message.signals()[source.signal].name)
    }
}

fn linear(leaf: &Leaf, unit: &str, times: Option<f64>, plus: Option<f64>) -> Result<Conversion, String> {
    let number = match leaf.data_type {
        DataType::Scalar(ScalarType::String) | DataType::Array(_) => false,
        DataType::Scalar(_) => true,
    };
    if !number {
        return Err(format!("holds {}; give `values` for the raw numbers", leaf.data_type));
    }
    let of_unit = match (&leaf.unit, unit) {
        (_, "") | (None, _) => Conversion::IDENTITY,
        (Some(target), unit) => Unit::conversion(unit, target).map_err(|error| error.to_string())?,
    };
    let (times, plus) = (times.unwrap_or(1.0), plus.unwrap_or(0.0));
    if times == 0.0 || !times.is_finite() || !plus.is_finite() {
        return Err("`times` is a number other than zero and `plus` a number".to_owned());
    }
    Ok(Conversion { factor: of_unit.factor * times, offset: of_unit.factor * plus + of_unit.offset })
}

fn table(leaf: &Leaf, values: &BTreeMap<String, toml::Value>) -> Result<Convert, String> {
    let mut rows = Vec::new();
    let mut other = None;
    for (raw, value) in values {
        let value = leaf_value(leaf, value)?;
        if raw == "*" {
            other = Some(value);
            continue;
        }
        let key = raw.parse().map_err(|_| format!("`{raw}` is no raw number; `*` stands for all others"))?;
        rows.push((key, value));
    }
    rows.sort_by_key(|(key, _)| *key);
    Ok(Convert::Table { rows: rows.into(), other })
}

fn leaf_value(leaf: &Leaf, value: &toml::Value) -> Result<Value, String> {
    let value = match value {
        toml::Value::Boolean(value) => Value::Bool(*value),
        toml::Value::Integer(value) => Value::Int(*value),
        toml::Value::Float(value) => Value::Float(*value),
        toml::Value::String(text) => Value::from(text.as_str()),
        toml::Value::Datetime(_) | toml::Value::Array(_) | toml::Value::Table(_) => {
            return Err("a value is a boolean, a number or a text".to_owned());
        }
    };
    let value = leaf.coerce(value).map_err(|error| error.to_string())?;
    match leaf.check(&value) {
        Quality::Good => Ok(value),
        Quality::Stale | Quality::OutOfRange | Quality::NotAvailable => {
            Err(format!("does not take {value}; see the catalogue for its limits and allowed values"))
        }
    }
}
