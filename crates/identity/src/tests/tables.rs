//! The tables of expectations, as they stand in `tests/expectations/`.

use std::collections::{BTreeMap, BTreeSet};

use model::Purpose;

use crate::{Action, Condition, Function, Profile, ResourceKind, Trait};

macro_rules! file {
    ($name:literal) => {
        include_str!(concat!("../../tests/expectations/", $name, ".csv"))
    };
}

/// A column of the table: who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Column {
    Function(Function),
    Service,
    Car,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    No,
    Tenant,
    Linked,
    Own,
}

/// What one cell says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cell {
    pub(crate) scope: Scope,
    pub(crate) step_up: bool,
}

#[derive(Debug)]
pub(crate) struct Tables {
    pub(crate) cells: BTreeMap<(Action, Column), Cell>,
    pub(crate) conditions: BTreeMap<Action, Vec<Condition>>,
    pub(crate) purposes: BTreeMap<Column, Vec<Purpose>>,
    pub(crate) profiles: BTreeSet<(Action, Profile)>,
    pub(crate) brands: BTreeMap<ResourceKind, String>,
}

impl Column {
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        Function::ALL.map(Self::Function).into_iter().chain([Self::Service, Self::Car])
    }

    pub(crate) fn slug(self) -> &'static str {
        match self {
            Self::Function(function) => function.slug(),
            Self::Service => "service",
            Self::Car => "car",
        }
    }
}

impl Tables {
    pub(crate) fn read() -> Self {
        let expected = rows(file!("expectations"));
        let cells = expected.iter().flat_map(|row| {
            let action: Action = row["action"].parse().unwrap();
            Column::all().map(move |column| ((action, column), cell(&row[column.slug()])))
        });
        let purposes = rows(file!("purposes"));
        let purposes = purposes.iter().map(|row| {
            let column = Column::all().find(|column| column.slug() == row["function"]).unwrap();
            (column, Purpose::ALL.into_iter().filter(|purpose| row[purpose.slug()] == "yes").collect())
        });
        let mut conditions: BTreeMap<Action, Vec<Condition>> = BTreeMap::new();
        for row in rows(file!("conditions")) {
            let condition = row["condition"].parse().unwrap();
            conditions.entry(row["action"].parse().unwrap()).or_default().push(condition);
        }
        let mut profiles = BTreeSet::new();
        for row in rows(file!("services")) {
            let granted = Profile::ALL.into_iter().filter(|profile| row[profile.slug()] == "yes");
            profiles.extend(granted.map(|profile| (row["action"].parse::<Action>().unwrap(), profile)));
        }
        let kinds = rows(file!("resources"));
        let brands = kinds.iter().map(|row| (row["resource"].parse().unwrap(), row["brands"].clone()));
        Self {
            cells: cells.collect(),
            conditions,
            purposes: purposes.collect(),
            profiles,
            brands: brands.collect(),
        }
    }
}

impl Tables {
    /// Whether every person may do it with what is the own, whatever the functions.
    pub(crate) fn is_everybodys(&self, action: Action) -> bool {
        let own = |function| self.cells[&(action, Column::Function(function))].scope == Scope::Own;
        Function::ALL.into_iter().all(own)
    }
}

/// What the table marks of an action.
#[derive(Debug, Clone, Copy)]
pub(super) struct Marks {
    pub(super) personal_data: bool,
    pub(super) privileged: bool,
}

pub(super) fn marks() -> Vec<(Action, Marks)> {
    let marks = |row: &BTreeMap<String, String>| {
        let says = |name: &str| row[name] == "yes";
        let marks = Marks { personal_data: says("personal_data"), privileged: says("privileged") };
        (row["action"].parse().unwrap(), marks)
    };
    rows(file!("actions")).iter().map(marks).collect()
}

/// The routes of a cell, and whether the action is asked within a route of another action.
fn routes(cell: &str) -> impl Iterator<Item = (String, bool)> {
    cell.split(';').map(|route| match route.trim().strip_prefix("in ") {
        Some(route) => (route.to_owned(), true),
        None => (route.trim().to_owned(), false),
    })
}

/// The action of each route, or nothing where it is public.
fn actions_of_routes() -> BTreeMap<String, Option<String>> {
    let mut actions = BTreeMap::new();
    for row in rows(file!("public")) {
        assert!(!row["reason"].is_empty(), "{}", row["route"]);
        assert_eq!(actions.insert(row["route"].clone(), None), None, "{} stands there twice", row["route"]);
    }
    for row in rows(file!("actions")) {
        for (route, _) in routes(&row["route"]).filter(|(_, is_within)| !is_within) {
            let before = actions.insert(route.clone(), Some(row["action"].clone()));
            assert_eq!(before, None, "{route} stands there twice");
        }
    }
    actions
}

fn rows(text: &str) -> Vec<BTreeMap<String, String>> {
    csv::Reader::from_reader(text.as_bytes()).deserialize().map(|row| row.unwrap()).collect()
}

fn cell(text: &str) -> Cell {
    let (scope, step_up) = match text.strip_suffix("+step-up") {
        Some(scope) => (scope, true),
        None => (text, false),
    };
    let scope = match scope {
        "no" => Scope::No,
        "tenant" => Scope::Tenant,
        "linked" => Scope::Linked,
        "self" => Scope::Own,
        other => panic!("a cell says `{other}`"),
    };
    Cell { scope, step_up }
}

#[test]
fn our_actions_are_those_of_the_table() {
    let rows = rows(file!("actions"));
    assert_eq!(rows.len(), Action::ALL.len());
    for (row, action) in rows.iter().zip(Action::ALL) {
        assert_eq!(row["action"], action.slug());
        assert_eq!(row["resource"], action.resource().slug(), "{action}");
        assert_eq!(row["meaning"], action.meaning(), "{action}");
        let says = |name: &str, of: Trait| (row[name] == "yes") == action.traits().contains(&of);
        assert!(says("personal_data", Trait::Personal), "{action}");
        assert!(says("privileged", Trait::Privileged), "{action}");
        assert!(says("step_up", Trait::StepUp), "{action}");
        assert!(says("purpose_required", Trait::Purpose), "{action}");
    }
}

#[test]
fn a_route_is_of_one_action_or_public() {
    let actions = actions_of_routes();
    for row in rows(file!("actions")) {
        for (route, is_within) in routes(&row["route"]) {
            let (method, path) = route.split_once(' ').unwrap();
            assert!(method.chars().all(|c| c.is_ascii_uppercase()) && !path.is_empty(), "{route}");
            let of_other = actions[&route].as_deref().is_some_and(|action| action != row["action"]);
            assert_eq!(of_other, is_within, "{} within {route}", row["action"]);
        }
    }
}

/// The description of the API is made from its routes.
#[test]
fn every_route_of_the_api_stands_in_the_tables() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../web/packages/api/openapi.json");
    let api: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    // A router says of a last part that it may have slashes; a description cannot.
    let actions: BTreeMap<String, Option<String>> =
        actions_of_routes().into_iter().map(|(route, action)| (route.replace("{*", "{"), action)).collect();
    for (path, operations) in api["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let route = format!("{} {path}", method.to_uppercase());
            let action =
                actions.get(&route).unwrap_or_else(|| panic!("{route} has no action and is not public"));
            if let Some(named) = operation["x-marque-action"].as_str() {
                assert_eq!(action.as_deref(), Some(named), "{route}");
            }
        }
    }
}
