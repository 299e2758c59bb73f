//! What somebody may see of a car: by function, by access grant, by consent.

use identity::{Action, Function, Principal as Who};
use model::{DataCategory, Purpose};

use super::{Gate, of_car};
use crate::{http::Api, registry::Car};

/// As what somebody looks at a car.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sight {
    purpose: Purpose,
    /// Whether their functions let them see where it is, or was.
    location: bool,
    /// What an access grant names; all without one.
    only: Option<Vec<DataCategory>>,
}

impl Sight {
    /// `location` is the further action by which location is seen, if it is asked for. That it is seen is recorded.
    pub(crate) fn of(gate: &Gate, api: &Api, car: &Car, location: Option<Action>) -> Self {
        let may = location.filter(|location| gate.may(*location, of_car(car)));
        let sight = Self { purpose: gate.purpose(), location: may.is_some(), only: categories(gate, car) };
        if let Some(location) = may
            && sight.sees(api, car, DataCategory::Location)
        {
            gate.uses(location);
        }
        sight
    }

    pub(crate) fn sees(&self, api: &Api, car: &Car, category: DataCategory) -> bool {
        (self.location || category != DataCategory::Location)
            && self.only.as_ref().is_none_or(|only| only.contains(&category))
            && api.registry().decide(car, self.purpose, category).is_allowed()
    }
}

/// The categories of the access grants by which a dealer sees the car. Dealers have no other function.
fn categories(gate: &Gate, car: &Car) -> Option<Vec<DataCategory>> {
    let Who::Person(person) = gate.who() else { return None };
    let is_dealer = person.assignments.iter().all(|held| held.function == Function::Dealer);
    if !is_dealer || person.assignments.is_empty() {
        return None;
    }
    let links = person.links.to(car.vehicle).iter();
    let held = links.filter(|link| link.function == Function::Dealer && link.holds_at(gate.now()));
    Some(held.flat_map(|link| link.categories.iter().flatten().copied()).collect())
}
