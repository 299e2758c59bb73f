//! What a function may do at all: for the table of functions and for what a session offers.

use cedar_policy::Authorizer;
use model::{Purpose, Timestamp, VehicleId};

use crate::{
    Action, Assignment, Brands, Cell, Context, DenyReason, Facts, Function, Links, Person, Policies,
    Principal, Resource, policies::Asker,
};

impl Policies {
    /// The actions of a function and what each reaches. The own account is everybody's and not among them.
    pub fn rights(&self, function: Function) -> impl Iterator<Item = (Action, Cell)> {
        Action::ALL.iter().filter_map(move |action| {
            let permits = &self.slot(Asker::Function(function), *action)?.permits;
            let cell = permits.policies().find_map(|policy| self.cell(policy.id()))?;
            Some((*action, cell))
        })
    }

    /// The purposes that a function may name. A screen offers these and no others.
    pub fn purposes(&self, function: Function) -> Vec<Purpose> {
        let asked = |purpose: &Purpose| self.may_name(function, *purpose).unwrap_or(false);
        Purpose::ALL.into_iter().filter(asked).collect()
    }

    /// Nothing when no action of the function needs a purpose. Who asks for what does not matter:
    /// only whether a rule of purposes would forbid it.
    fn may_name(&self, function: Function, purpose: Purpose) -> Option<bool> {
        let needs_purpose = |action: &&Action| {
            action.purpose_required() && self.slot(Asker::Function(function), **action).is_some()
        };
        let action = *Action::ALL.iter().find(needs_purpose)?;
        let slot = self.slot(Asker::Function(function), action)?;
        let region: model::Region = "any".parse().ok()?;
        let assignment = Assignment {
            function,
            brands: Brands::ALL,
            region: region.clone(),
            from: Timestamp::MIN,
            until: None,
        };
        let principal = Principal::Person(Person {
            id: model::PersonId::from_bytes([0; 16]),
            region: region.clone(),
            enabled: true,
            assignments: Vec::new(),
            links: Links::default(),
            dealership: None,
        });
        let vehicle = VehicleId::from_bytes([0; 16]);
        let resource = Resource::Vehicle { vehicle, brand: model::Brand::ALL[0], region: region.clone() };
        let context = Context {
            region,
            now: Timestamp(0),
            stepped_up: true,
            purpose: Some(purpose),
            facts: Facts::NONE,
        };
        let asked = self.words.asked(action, &resource, &context, false).ok()?;
        let question =
            self.words.question(&asked, &principal, Some(&assignment), &resource, &context).ok()?;
        let answer = Authorizer::new().is_authorized(&question.request, &slot.all, &question.entities);
        let mut reasons = answer.diagnostics().reason().filter_map(|policy| self.reason(policy));
        Some(!reasons.any(|reason| reason == DenyReason::Purpose))
    }
}

#[cfg(test)]
mod tests;
