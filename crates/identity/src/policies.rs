//! The policies: read once, validated, and sorted by who asks and what for.
//!
//! A decision looks only at the policies that could matter to it: a set is kept for each action and
//! each function that some policy permits it. There they stand without what their heads say of action and
//! function, which would else be asked again each time and costs more than the rest.

use std::{collections::HashMap, str::FromStr as _};

use cedar_policy::{
    ActionConstraint, Effect, EntityUid, Policy, PolicyId, PolicySet, PrincipalConstraint, Schema,
    ValidationMode, Validator,
};

use model::Purpose;

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

/// The policies of one action for one asker: at least one that permits. They are asked apart, since the
/// reason of a refusal depends on what both say, and Cedar tells of what permits only where nothing
/// forbids.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) permits: PolicySet,
    pub(crate) forbids: PolicySet,
}

/// All policies, ready to decide.
#[derive(Debug)]
pub struct Policies {
    slots: Vec<Option<Slot>>,
    cells: HashMap<PolicyId, Cell>,
    reasons: HashMap<PolicyId, DenyReason>,
    pub(crate) words: Vocabulary,
    /// By function.
    pub(crate) rights: Vec<Vec<(Action, Cell)>>,
    pub(crate) purposes: Vec<Vec<Purpose>>,
}

impl Policies {
    /// The policies that Marque ships with.
    pub fn load() -> Result<Self, Error> {
        Self::load_with(&[])
    }

    /// Besides these the policies of a deployment, as file names and texts. They can only forbid.
    ///
    /// Fails when one permits, has no @id, does not fit the schema, or could never hold.
    pub fn load_with(forbids: &[(&str, &str)]) -> Result<Self, Error> {
        let mut rules = read(FILES)?;
        for rule in read(forbids)? {
            if rule.effect() == Effect::Permit {
                return Err(Error::Permits { policy: rule.id().to_string() });
            }
            rules.push(rule);
        }
        validate(&rules)?;
        let policies = Self::sorted(&rules)?;
        rules.iter().try_for_each(|rule| policies.check_reaches(&Rule::new(rule)?))?;
        Ok(policies)
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
        let (words, rights, purposes) = (Vocabulary::new(), Vec::new(), Vec::new());
        let mut policies = Self { slots, cells, reasons, words, rights, purposes };
        policies.overlook();
        Ok(policies)
    }

    /// The own account is asked about without a function, so that what forbids it to a function would
    /// stand there and never hold.
    fn check_reaches(&self, rule: &Rule<'_>) -> Result<(), Error> {
        let Whom::Function(function) = rule.whom else { return Ok(()) };
        if rule.permits || matches!(rule.actions, ActionConstraint::Any) {
            return Ok(());
        }
        let everybodys =
            |action: &&Action| rule.names(**action) && self.slot(Asker::Person, **action).is_some();
        match Action::ALL.iter().find(everybodys) {
            Some(action) => {
                Err(Error::Everybodys { policy: rule.policy.id().to_string(), action: *action, function })
            }
            None => Ok(()),
        }
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
    /// The same for whom and for what it is sorted by.
    rest: Policy,
    permits: bool,
    whom: Whom,
    actions: ActionConstraint,
}

/// Of whom a policy's head speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whom {
    /// Everybody, or somebody in particular: it is asked whoever asks.
    Anybody,
    /// People with this function.
    Function(Function),
    /// People, whatever their functions.
    People,
    Services,
    Cars,
}

impl<'a> Rule<'a> {
    /// Fails when a permit's principal is of a form that it could not be sorted by.
    pub(crate) fn new(policy: &'a Policy) -> Result<Self, Error> {
        let permits = policy.effect() == Effect::Permit;
        let whom = match policy.principal_constraint() {
            PrincipalConstraint::Any => Some(Whom::Anybody),
            PrincipalConstraint::In(uid) => function_of(&uid).map(Whom::Function),
            PrincipalConstraint::IsIn(kind, uid) if kind.to_string() == "Person" => {
                function_of(&uid).map(Whom::Function)
            }
            PrincipalConstraint::Is(kind) => match kind.to_string().as_str() {
                "Person" => Some(Whom::People),
                "Service" => Some(Whom::Services),
                "Car" => Some(Whom::Cars),
                _ => None,
            },
            PrincipalConstraint::Eq(_) | PrincipalConstraint::IsIn(..) => None,
        };
        let whom = match whom {
            Some(whom) => whom,
            None if permits => return Err(Error::Principal { policy: policy.id().to_string() }),
            None => Whom::Anybody,
        };
        let rest = rest_of(policy, whom)?;
        Ok(Self { policy, rest, permits, whom, actions: policy.action_constraint() })
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
        match (self.whom, asker) {
            (Whom::Anybody, _) => true,
            (Whom::Function(whose), Asker::Function(function)) => whose == function,
            (Whom::People, Asker::Function(_)) => !self.permits,
            (Whom::People, Asker::Person) => true,
            (Whom::Services, Asker::Service) | (Whom::Cars, Asker::Car) => true,
            (Whom::Function(_), Asker::Person | Asker::Service | Asker::Car)
            | (Whom::People, Asker::Service | Asker::Car)
            | (Whom::Services, Asker::Person | Asker::Function(_) | Asker::Car)
            | (Whom::Cars, Asker::Person | Asker::Function(_) | Asker::Service) => false,
        }
    }
}

/// A policy without the action of its head, nor the function.
fn rest_of(policy: &Policy, whom: Whom) -> Result<Policy, Error> {
    let anything = || serde_json::json!({ "op": "All" });
    let invalid = |complaint: String| Error::Invalid { complaints: vec![complaint] };
    let mut parts = policy.to_json().map_err(|err| invalid(err.to_string()))?;
    parts["action"] = anything();
    if let Whom::Function(_) = whom {
        parts["principal"] = anything();
    }
    Policy::from_json(Some(policy.id().clone()), parts).map_err(|err| invalid(err.to_string()))
}

/// The function that an entity is. Other entities may have a function's name.
fn function_of(uid: &EntityUid) -> Option<Function> {
    let id: &str = uid.id().as_ref();
    id.parse().ok().filter(|_| uid.type_name().to_string() == "Function")
}

fn slot(rules: &[Rule<'_>], asker: Asker, action: Action) -> Result<Option<Slot>, Error> {
    let concerned = |permits: bool| {
        let concerns =
            move |rule: &&Rule<'_>| rule.permits == permits && rule.names(action) && rule.concerns(asker);
        rules.iter().filter(concerns).map(|rule| rule.rest.clone())
    };
    if concerned(true).next().is_none() {
        return Ok(None);
    }
    let set = |permits| {
        // Ids are unique among all rules: `read` and `validate` have seen to it.
        PolicySet::from_policies(concerned(permits))
            .map_err(|err| Error::Invalid { complaints: vec![err.to_string()] })
    };
    Ok(Some(Slot { permits: set(true)?, forbids: set(false)? }))
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
