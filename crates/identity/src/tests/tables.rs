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
