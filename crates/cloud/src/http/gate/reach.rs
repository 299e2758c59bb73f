//! What of the fleet a request may be about: lists, counts, maps.

use std::collections::BTreeSet;

use identity::{Action, Brands, DenyReason, Facts, Principal as Who, What};
use model::{Brand, VehicleId};

use super::{Gate, of_car, refused};
use crate::http::problem::{Kind, Problem};

/// What of the fleet a request may be about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reach {
    /// All cars of these.
    pub brands: Option<Brands>,
    /// And these, by the person's links.
    pub vehicles: BTreeSet<VehicleId>,
}

impl Reach {
    /// Of these, the brand that a request names, if it names one.
    pub(crate) fn brands_within(&self, named: Option<Brand>) -> Result<Option<Brands>, Problem> {
        let Some(named) = named else { return Ok(self.brands) };
        if self.brands.is_some_and(|brands| brands.contains(named)) {
            return Ok(Some(named.into()));
        }
        Err(Problem::new(Kind::Forbidden, format!("none of your functions reaches `{}`", named.slug())))
    }
}

impl Gate {
    /// What of the fleet the action may be done to.
    pub(crate) fn reach(&self) -> Result<Reach, Problem> {
        self.reach_of(self.0.action)
    }

    /// The same for a further action, that is a part of the request.
    pub(crate) fn reach_of(&self, action: Action) -> Result<Reach, Problem> {
        let mut closest = DenyReason::NoFunction;
        let mut brands = Vec::new();
        for brand in Brand::ALL {
            match self.decide(action, What::Tenant { brand }, Facts::NONE) {
                Ok(()) => brands.push(brand),
                Err(reason) => closest = closest.max(reason),
            }
        }
        let mut vehicles = BTreeSet::new();
        if let Who::Person(person) = self.who() {
            for link in person.links.iter() {
                let Some(car) = self.0.api.registry().car(link.vehicle) else { continue };
                match self.decide(action, of_car(&car), Facts::NONE) {
                    Ok(()) => drop(vehicles.insert(link.vehicle)),
                    Err(reason) => closest = closest.max(reason),
                }
            }
        }
        let nothing = brands.is_empty() && vehicles.is_empty();
        // Who has no car yet has an empty list; who lacks a purpose or a proof hears that.
        if nothing && closest > DenyReason::Scope {
            return Err(refused(action, What::Region, closest));
        }
        Ok(Reach { brands: Brands::new(brands).ok(), vehicles })
    }

    /// The brands of which the action may be done to each.
    pub(crate) fn brands(&self) -> Result<Brands, Problem> {
        let refused = || Problem::new(Kind::Forbidden, "none of your functions reaches any brand for this");
        self.reach()?.brands.ok_or_else(refused)
    }
}
