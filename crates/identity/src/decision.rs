//! The decision.

use cedar_policy::{Authorizer, PolicyId, PolicySet};

use crate::{
    Action, Assignment, Context, Function, Policies, Principal, Resource,
    entities::{Question, Refused},
    policies::{Asker, Slot},
};

/// Whether a principal may do something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    Allowed {
        /// The place of the person's assignment that allowed it; none for the own account, services and cars.
        assignment: Option<usize>,
        cell: Cell,
    },
    Denied {
        reason: DenyReason,
    },
}

/// What a right reaches, from the narrowest to the widest. Where several policies permit, the widest
/// counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cell {
    /// What belongs to whoever asks.
    Own,
    /// The cars that a link leads to.
    Linked,
    /// All of the brands in the scope.
    Tenant,
}

/// Why not. Of several assignments the one that came closest tells; a later reason is closer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DenyReason {
    /// None of the principal's functions has the action: 403, before anything is looked up.
    NoFunction,
    /// Not these brands, this region, this car: 404, the same as one that does not exist.
    Scope,
    /// No purpose was named, or one that the function may not name.
    Purpose,
    /// A condition of the action does not hold.
    Condition,
    /// All else holds; a fresh second factor is missing.
    StepUp,
    /// The account or service is disabled.
    Disabled,
}

impl Decision {
    pub const fn is_allowed(self) -> bool {
        matches!(self, Self::Allowed { .. })
    }

    /// Whether the audit keeps this answer.
    pub fn is_audited(self, action: Action) -> bool {
        match self {
            Self::Allowed { cell, .. } => {
                action.privileged() || (action.personal_data() && cell != Cell::Own)
            }
            Self::Denied { .. } => action.privileged(),
        }
    }
}

impl DenyReason {
    pub const fn slug(self) -> &'static str {
        match self {
            Self::NoFunction => "no-function",
            Self::Scope => "scope",
            Self::Purpose => "purpose",
            Self::Condition => "condition",
            Self::StepUp => "step-up",
            Self::Disabled => "disabled",
        }
    }
}

impl Policies {
    /// Decides. Assignments and links count by `context.now`; each assignment is taken alone, and one
    /// that allows is enough.
    pub fn decide(
        &self,
        principal: &Principal,
        action: Action,
        resource: &Resource,
        context: &Context,
    ) -> Decision {
        if !action.takes(resource.kind()) {
            return Decision::Denied { reason: DenyReason::Scope };
        }
        let mut asked = None;
        let mut closest = DenyReason::NoFunction;
        for (place, asker, assignment) in tries(principal, resource, context) {
            let Some(slot) = self.slot(asker, action) else { continue };
            if asked.is_none() {
                asked = self.words.asked(action, resource, context).ok();
            }
            // Cedar takes all of our values; what it refused would be denied.
            let Some(asked) = &asked else { return Decision::Denied { reason: DenyReason::Scope } };
            let question = self.words.question(asked, principal, assignment, resource, context);
            match question.map_or_else(|Refused| Err(DenyReason::Scope), |it| self.answer(&it, slot)) {
                Ok(cell) => return Decision::Allowed { assignment: place, cell },
                Err(reason) => closest = closest.max(reason),
            }
        }
        Decision::Denied { reason: closest }
    }

    /// Whether one of the principal's functions has the action at all, whatever the resource, and may name the
    /// purpose if it needs one. A route asks it before it looks anything up, so that the answer tells nothing of
    /// what there is.
    pub fn enter(&self, principal: &Principal, action: Action, context: &Context) -> Result<(), DenyReason> {
        let has = |asker: Asker| self.slot(asker, action).is_some();
        let names = |function: &Function| {
            let is_theirs = |purpose| self.purposes(*function).contains(&purpose);
            !action.purpose_required() || context.purpose.is_some_and(is_theirs)
        };
        let (has, names) = match principal {
            Principal::Person(person) => {
                let held = person.assignments.iter().filter(|assignment| assignment.holds_at(context.now));
                let held = held.map(|assignment| assignment.function);
                let having: Vec<Function> = held.filter(|held| has(Asker::Function(*held))).collect();
                let own = has(Asker::Person);
                (own || !having.is_empty(), own || having.iter().any(names))
            }
            Principal::Service(_) => (has(Asker::Service), true),
            Principal::Car { .. } => (has(Asker::Car), true),
        };
        match (has, names) {
            (true, true) => Ok(()),
            (true, false) => Err(DenyReason::Purpose),
            (false, _) => Err(DenyReason::NoFunction),
        }
    }
}

/// As whom to ask, one after the other. Assignments whose brands fit come first: it is only a matter of
/// time, since the policies look at the brands themselves.
fn tries<'a>(
    principal: &'a Principal,
    resource: &Resource,
    context: &Context,
) -> Vec<(Option<usize>, Asker, Option<&'a Assignment>)> {
    let person = match principal {
        Principal::Person(person) => person,
        Principal::Service(_) => return vec![(None, Asker::Service, None)],
        Principal::Car { .. } => return vec![(None, Asker::Car, None)],
    };
    let brands = resource.brands();
    let mut tries = vec![(None, Asker::Person, None)];
    for (place, assignment) in person.assignments.iter().enumerate() {
        if assignment.holds_at(context.now) {
            tries.push((Some(place), Asker::Function(assignment.function), Some(assignment)));
        }
    }
    let fits = |assignment: &Assignment| brands.is_none_or(|brands| assignment.brands.contains_all(brands));
    tries.sort_by_key(|(_, _, assignment)| !assignment.is_none_or(fits));
    tries
}

impl Policies {
    /// Each policy is evaluated once. The reason is told only to whom all before it holds: who is out of
    /// scope hears of no condition.
    fn answer(&self, question: &Question, slot: &Slot) -> Result<Cell, DenyReason> {
        let (permitting, forbidding) = (holding(question, &slot.permits), holding(question, &slot.forbids));
        // A policy that failed was skipped; it may have been one that forbids.
        let is_sound = permitting.is_sound && forbidding.is_sound;
        let cell = permitting.policies.iter().filter_map(|policy| self.cell(policy)).max();
        let reason = |policy: &PolicyId| self.reason(policy).unwrap_or(DenyReason::Scope);
        let mut reasons: Vec<DenyReason> = forbidding.policies.iter().map(reason).collect();
        reasons.sort();
        match (cell, reasons.as_slice()) {
            (_, [.., DenyReason::Disabled]) => Err(DenyReason::Disabled),
            (Some(cell), []) if is_sound => Ok(cell),
            (Some(_), [first, ..]) => Err(*first),
            (Some(_) | None, _) => Err(DenyReason::Scope),
        }
    }

    /// Whether anything forbids the question for this reason.
    pub(crate) fn is_forbidden_for(&self, reason: DenyReason, question: &Question, slot: &Slot) -> bool {
        let forbidding = holding(question, &slot.forbids).policies;
        forbidding.iter().any(|policy| self.reason(policy) == Some(reason))
    }
}

/// The policies of a set, all of one effect, that hold.
struct Holding {
    policies: Vec<PolicyId>,
    /// Whether none of them failed.
    is_sound: bool,
}

fn holding(question: &Question, policies: &PolicySet) -> Holding {
    let answer = Authorizer::new().is_authorized(&question.request, policies, &question.entities);
    let told = answer.diagnostics();
    Holding { policies: told.reason().cloned().collect(), is_sound: told.errors().next().is_none() }
}
