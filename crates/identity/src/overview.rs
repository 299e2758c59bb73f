//! What a function may do at all: for the table of functions and for what a session offers. It is worked
//! out once, when policies are loaded.

use model::{Brand, OrganisationId, PersonId, Purpose, Region, ServiceId, Timestamp, VehicleId};

use crate::{
    Action, Assignment, Brands, BrandsThing, Cell, Context, DenyReason, Facts, Function, Links, Person,
    PersonThing, Policies, Principal, Resource, ResourceKind, VehiclePart, What,
    entities::Question,
    policies::{Asker, Slot},
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

    /// Whether the function needs a fresh second factor for one of its actions.
    pub fn asks_step_up(&self, function: Function, action: Action) -> bool {
        if !action.step_up() {
            return false;
        }
        let Some((question, slot)) = self.sample(function, action, None, false) else { return false };
        self.is_forbidden_for(DenyReason::StepUp, &question, slot)
    }

    /// Nothing when the function has not the action. Who asks for which car does not matter: only whether
    /// a rule of purposes would forbid it.
    fn may_name(&self, function: Function, action: Action, purpose: Purpose) -> Option<bool> {
        let (question, slot) = self.sample(function, action, Some(purpose), true)?;
        Some(!self.is_forbidden_for(DenyReason::Purpose, &question, slot))
    }

    /// Somebody with the function asks for something that the action is about. Nothing when the function has
    /// not the action.
    fn sample(
        &self,
        function: Function,
        action: Action,
        purpose: Option<Purpose>,
        stepped_up: bool,
    ) -> Option<(Question, &Slot)> {
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
            id: NOBODY,
            region: region.clone(),
            enabled: true,
            assignments: Vec::new(),
            links: Links::default(),
            dealership: None,
        });
        let resource = Resource { region: region.clone(), what: sample_of(action.resource()) };
        let facts = Facts::NONE;
        let context = Context { region, now: Timestamp(0), stepped_up, purpose, facts };
        let asked = self.words.asked(action, &resource, &context).ok()?;
        let question =
            self.words.question(&asked, &principal, Some(&assignment), &resource, &context).ok()?;
        Some((question, slot))
    }
}

const NOBODY: PersonId = PersonId::from_bytes([0; 16]);

/// Something of the kind. What is asked for a brand may be asked for a car of it.
fn sample_of(kind: ResourceKind) -> What {
    let (vehicle, brand) = (VehicleId::from_bytes([0; 16]), Brand::ALL[0]);
    let of_vehicle = |part| What::OfVehicle { vehicle, brand, part };
    let of_brands = |thing| What::OfBrands { brands: Brands::ALL, thing };
    let of_person = |thing| What::OfPerson { owner: NOBODY, thing };
    match kind {
        ResourceKind::Vehicle | ResourceKind::Tenant => of_vehicle(VehiclePart::Vehicle),
        ResourceKind::DriverLink => of_vehicle(VehiclePart::DriverLink { driver: None }),
        ResourceKind::AccessGrant => {
            of_vehicle(VehiclePart::AccessGrant { dealership: OrganisationId::from_bytes([0; 16]) })
        }
        ResourceKind::Campaign => of_brands(BrandsThing::Campaign),
        ResourceKind::Assignment => of_brands(BrandsThing::Assignment),
        ResourceKind::Person => of_brands(BrandsThing::Person),
        ResourceKind::Organisation => of_brands(BrandsThing::Organisation),
        ResourceKind::Service => of_brands(BrandsThing::Service { service: ServiceId::from_bytes([0; 16]) }),
        ResourceKind::Customer => of_brands(BrandsThing::Customer),
        ResourceKind::Group => What::Group,
        ResourceKind::Region => What::Region,
        ResourceKind::Account => of_person(PersonThing::Account),
        ResourceKind::Session => of_person(PersonThing::Session),
        ResourceKind::Notice => of_person(PersonThing::Notice),
        ResourceKind::Car => What::Car { vehicle },
    }
}

#[cfg(test)]
mod tests;
