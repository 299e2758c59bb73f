//! The policies: read once, validated, and sorted by who asks and what for.
//!
//! A decision looks only at the policies that could matter to it: a set is kept for each action and
//! each function that some policy permits it.

use std::{collections::HashMap, str::FromStr as _};

use cedar_policy::{
    ActionConstraint, Effect, EntityUid, Policy, PolicyId, PolicySet, PrincipalConstraint, Schema,
    ValidationMode, Validator,
};

use crate::{
    Action, Cell, DenyReason, Error, Function,
    entities::{PURPOSE_REQUIRED, Vocabulary},
};

pub(crate) const SCHEMA: &str = include_str!("../policies/schema.cedarschema");

macro_rules! embedded {
    ($($name:literal),+ $(,)?) => {
        /// Every file of `policies/`, with its name.
        pub(crate) const FILES: &[(&str, &str)] =
            &[$((concat!($name, ".cedar"), include_str!(concat!("../policies/", $name, ".cedar")))),+];
    };
}

embedded!(
    "guards",
    "purposes",
    "conditions",
    "people",
    "operations",
    "updates",
    "security",
    "privacy",
    "support",
    "administrator",
    "dealer",
    "fleet-customer",
    "owner",
    "driver",
    "services",
    "cars",
);

/// Who asks, as far as policies are sorted by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asker {
    /// A person, whatever the functions.
    Person,
    /// A person by one assignment.
    Function(Function),
    Service,
    Car,
}

/// The policies of one action for one asker.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) all: PolicySet,
    /// Tells, when something forbids, whether anything would have permitted.
    pub(crate) permits: PolicySet,
}

/// All policies, ready to decide.
#[derive(Debug)]
pub struct Policies {
    slots: Vec<Option<Slot>>,
    cells: HashMap<PolicyId, Cell>,
    reasons: HashMap<PolicyId, DenyReason>,
    pub(crate) words: Vocabulary,
}

impl Policies {
    /// The policies that Marque ships with.
    pub fn load() -> Result<Self, Error> {
        Self::load_with(&[])
    }

    /// Besides these the policies of a deployment, as file names and texts. They can only forbid.
    ///
    /// Fails when one permits, has no @id, or does not fit the schema.
    pub fn load_with(forbids: &[(&str, &str)]) -> Result<Self, Error> {
        let mut rules = read(FILES)?;
        for rule in read(forbids)? {
            if rule.effect() == Effect::Permit {
                return Err(Error::Permits { policy: rule.id().to_string() });
            }
            rules.push(rule);
        }
        validate(&rules)?;
        Self::sorted(&rules)
    }

    /// Sorts policies that were read and validated.
    pub(crate) fn sorted(rules: &[Policy]) -> Result<Self, Error> {
        let mut slots = Vec::with_capacity(Asker::COUNT * Action::ALL.len());
        let (mut cells, mut reasons) = (HashMap::new(), HashMap::new());
        for rule in rules {
            match rule.effect() {
                Effect::Permit => cells.insert(rule.id().clone(), cell_of(rule)?).is_some(),
                Effect::Forbid => reasons.insert(rule.id().clone(), reason_of(rule)?).is_some(),
            };
        }
        let rules = rules.iter().map(Rule::new).collect::<Result<Vec<_>, Error>>()?;
        for asker in Asker::all() {
            for action in Action::ALL {
                slots.push(slot(&rules, asker, *action)?);
            }
        }
        Ok(Self { slots, cells, reasons, words: Vocabulary::new() })
    }

    /// Nothing when no policy permits the action to whoever asks.
    pub(crate) fn slot(&self, asker: Asker, action: Action) -> Option<&Slot> {
        self.slots.get(asker.index() * Action::ALL.len() + action.index())?.as_ref()
    }

    pub(crate) fn cell(&self, policy: &PolicyId) -> Option<Cell> {
        self.cells.get(policy).copied()
    }

    pub(crate) fn reason(&self, policy: &PolicyId) -> Option<DenyReason> {
        self.reasons.get(policy).copied()
    }
}

impl Asker {
    const COUNT: usize = 3 + Function::ALL.len();

    fn all() -> impl Iterator<Item = Self> {
        [Self::Person, Self::Service, Self::Car].into_iter().chain(Function::ALL.map(Self::Function))
    }

    const fn index(self) -> usize {
        match self {
            Self::Person => 0,
            Self::Service => 1,
            Self::Car => 2,
            Self::Function(function) => 3 + function.index(),
        }
    }
}

/// A policy with what its head says, taken apart once.
pub(crate) struct Rule<'a> {
    policy: &'a Policy,
    permits: bool,
    principal: PrincipalConstraint,
    actions: ActionConstraint,
}

impl<'a> Rule<'a> {
    /// Fails when a permit's principal is of a form that it could not be sorted by.
    pub(crate) fn new(policy: &'a Policy) -> Result<Self, Error> {
        let principal = policy.principal_constraint();
        let permits = policy.effect() == Effect::Permit;
        match &principal {
            PrincipalConstraint::Any | PrincipalConstraint::In(_) | PrincipalConstraint::Is(_) => {}
            PrincipalConstraint::Eq(_) | PrincipalConstraint::IsIn(..) if !permits => {}
            PrincipalConstraint::Eq(_) | PrincipalConstraint::IsIn(..) => {
                return Err(Error::Principal { policy: policy.id().to_string() });
            }
        }
        Ok(Self { policy, permits, principal, actions: policy.action_constraint() })
    }

    pub(crate) fn names(&self, action: Action) -> bool {
        let is = |uid: &EntityUid| {
            let id: &str = uid.id().as_ref();
            id == action.slug() || (id == PURPOSE_REQUIRED && action.purpose_required())
        };
        match &self.actions {
            ActionConstraint::Any => true,
            ActionConstraint::Eq(uid) => is(uid),
            ActionConstraint::In(uids) => uids.iter().any(is),
        }
    }

    /// Whether it could hold for whoever asks. A permit for people as such needs no assignment, hence
    /// is not asked again with each; what forbids people as such always counts.
    fn concerns(&self, asker: Asker) -> bool {
        match (&self.principal, asker) {
            (PrincipalConstraint::Any, _) => true,
            (PrincipalConstraint::In(uid), Asker::Function(function)) => {
                let id: &str = uid.id().as_ref();
                id == function.slug()
            }
            (PrincipalConstraint::In(_), Asker::Person | Asker::Service | Asker::Car) => !self.permits,
            (PrincipalConstraint::Is(kind), Asker::Person) => kind.basename() == "Person",
            (PrincipalConstraint::Is(kind), Asker::Function(_)) => {
                !self.permits && kind.basename() == "Person"
            }
            (PrincipalConstraint::Is(kind), Asker::Service) => kind.basename() == "Service",
            (PrincipalConstraint::Is(kind), Asker::Car) => kind.basename() == "Car",
            (PrincipalConstraint::Eq(_) | PrincipalConstraint::IsIn(..), _) => true,
        }
    }
}

fn slot(rules: &[Rule<'_>], asker: Asker, action: Action) -> Result<Option<Slot>, Error> {
    let concerned = || rules.iter().filter(|rule| rule.names(action) && rule.concerns(asker));
    if !concerned().any(|rule| rule.permits) {
        return Ok(None);
    }
    let set = |rules: &mut dyn Iterator<Item = &Rule<'_>>| {
        // Ids are unique among all rules: `read` and `validate` have seen to it.
        PolicySet::from_policies(rules.map(|rule| rule.policy.clone()))
            .map_err(|err| Error::Invalid { complaints: vec![err.to_string()] })
    };
    let all = set(&mut concerned())?;
    let permits = set(&mut concerned().filter(|rule| rule.permits))?;
    Ok(Some(Slot { all, permits }))
}

/// Parses files and names each policy by its annotation.
pub(crate) fn read(files: &[(&str, &str)]) -> Result<Vec<Policy>, Error> {
    let mut rules = Vec::new();
    for (file, text) in files {
        let set = PolicySet::from_str(text)
            .map_err(|err| Error::Syntax { file: (*file).to_owned(), source: Box::new(err) })?;
        if set.templates().next().is_some() {
            return Err(Error::Template { file: (*file).to_owned() });
        }
        for policy in set.policies() {
            let id = policy.annotation("id").ok_or_else(|| Error::Unnamed { file: (*file).to_owned() })?;
            rules.push(policy.new_id(PolicyId::new(id)));
        }
    }
    // A set keeps no order; the same files give the same policies.
    rules.sort_by(|a, b| a.id().cmp(b.id()));
    Ok(rules)
}

/// Checks all of them together against the schema, strictly.
fn validate(rules: &[Policy]) -> Result<(), Error> {
    let mut set = PolicySet::new();
    for rule in rules {
        set.add(rule.clone()).map_err(|_| Error::Twice { policy: rule.id().to_string() })?;
    }
    let (schema, _) = Schema::from_cedarschema_str(SCHEMA).map_err(|err| Error::Schema(Box::new(err)))?;
    let result = Validator::new(schema).validate(&set, ValidationMode::Strict);
    // A policy that can never hold is a mistake too.
    let complaints: Vec<String> = (result.validation_errors().map(ToString::to_string))
        .chain(result.validation_warnings().map(ToString::to_string))
        .collect();
    if complaints.is_empty() { Ok(()) } else { Err(Error::Invalid { complaints }) }
}

fn cell_of(rule: &Policy) -> Result<Cell, Error> {
    match rule.annotation("cell") {
        Some("tenant") => Ok(Cell::Tenant),
        Some("linked") => Ok(Cell::Linked),
        Some("self") => Ok(Cell::Own),
        Some(_) | None => Err(Error::Annotation { policy: rule.id().to_string(), annotation: "cell" }),
    }
}

/// Without a word of its own a forbid hides what it forbids.
fn reason_of(rule: &Policy) -> Result<DenyReason, Error> {
    match rule.annotation("reason") {
        Some("scope") | None => Ok(DenyReason::Scope),
        Some("purpose") => Ok(DenyReason::Purpose),
        Some("condition") => Ok(DenyReason::Condition),
        Some("step-up") => Ok(DenyReason::StepUp),
        Some("disabled") => Ok(DenyReason::Disabled),
        Some(_) => Err(Error::Annotation { policy: rule.id().to_string(), annotation: "reason" }),
    }
}
