//! What a function may do at all: for the table of functions and for what a session offers. It is worked
//! out once, when policies are loaded.

use model::{Brand, PersonId, Purpose, Region, Timestamp, VehicleId};

use crate::{
    Action, Assignment, Brands, Cell, Context, DenyReason, Facts, Function, Links, Person, Policies,
    Principal, Resource, VehiclePart, What, policies::Asker,
};

impl Policies {
    /// The actions of a function and what each reaches. The own account is everybody's and not among them.
    pub fn rights(&self, function: Function) -> &[(Action, Cell)] {
        self.rights.get(function.index()).map(Vec::as_slice).unwrap_or_default()
    }

    /// The purposes that a function may name, for one of its actions at least. A screen offers these and
    /// no others.
    pub fn purposes(&self, function: Function) -> &[Purpose] {
        self.purposes.get(function.index()).map(Vec::as_slice).unwrap_or_default()
    }

    pub(crate) fn overlook(&mut self) {
        self.rights = Function::ALL.map(|function| self.rights_of(function)).into();
        self.purposes = Function::ALL.map(|function| self.purposes_of(function)).into();
    }

    fn rights_of(&self, function: Function) -> Vec<(Action, Cell)> {
        let right = |action: &Action| {
            let permits = &self.slot(Asker::Function(function), *action)?.permits;
            let cell = permits.policies().filter_map(|policy| self.cell(policy.id())).max()?;
            Some((*action, cell))
        };
        Action::ALL.iter().filter_map(right).collect()
    }

    fn purposes_of(&self, function: Function) -> Vec<Purpose> {
        let needs_purpose = |action: &&Action| action.purpose_required();
        let may_name = |purpose: &Purpose| {
            let mut actions = Action::ALL.iter().filter(needs_purpose);
            actions.any(|action| self.may_name(function, *action, *purpose).unwrap_or(false))
        };
        Purpose::ALL.into_iter().filter(may_name).collect()
    }

    /// Nothing when the function has not the action. Who asks for which car does not matter: only whether
    /// a rule of purposes would forbid it.
    fn may_name(&self, function: Function, action: Action, purpose: Purpose) -> Option<bool> {
        let slot = self.slot(Asker::Function(function), action)?;
        let region: Region = "any".parse().ok()?;
        let assignment = Assignment {
            function,
            brands: Brands::ALL,
            region: region.clone(),
            from: Timestamp::MIN,
            until: None,
        };
        let principal = Principal::Person(Person {
            id: PersonId::from_bytes([0; 16]),
            region: region.clone(),
            enabled: true,
            assignments: Vec::new(),
            links: Links::default(),
            dealership: None,
        });
        let vehicle = VehicleId::from_bytes([0; 16]);
        let what = What::OfVehicle { vehicle, brand: Brand::ALL[0], part: VehiclePart::Vehicle };
        let resource = Resource { region: region.clone(), what };
        let context = Context {
            region,
            now: Timestamp(0),
            stepped_up: true,
            purpose: Some(purpose),
            facts: Facts::NONE,
        };
        let asked = self.words.asked(action, &resource, &context).ok()?;
        let question =
            self.words.question(&asked, &principal, Some(&assignment), &resource, &context).ok()?;
        Some(!self.is_forbidden_for(DenyReason::Purpose, &question, slot))
    }
}

#[cfg(test)]
mod tests;
