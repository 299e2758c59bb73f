//! The decision.

use cedar_policy::{Authorizer, Decision as Effect};

use crate::{
    Action, Assignment, Context, Policies, Principal, Resource,
    entities::{Asked, Question, Refused},
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

/// What a right reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cell {
    /// All of the brands in the scope.
    Tenant,
    /// The cars that a link leads to.
    Linked,
    /// What belongs to whoever asks.
    Own,
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
        let inquiry = Inquiry { policies: self, principal, action, resource, context };
        let mut asked = None;
        let mut closest = DenyReason::NoFunction;
        for (place, asker, assignment) in tries(principal, resource, context) {
            let Some(slot) = self.slot(asker, action) else { continue };
            if asked.is_none() {
                asked = inquiry.asked(false).ok();
            }
            // Cedar takes all of our values; what it refused would be denied.
            let Some(asked) = &asked else { return Decision::Denied { reason: DenyReason::Scope } };
            match inquiry.decide(asked, slot, assignment) {
                Ok(cell) => return Decision::Allowed { assignment: place, cell },
                Err(reason) => closest = closest.max(reason),
            }
        }
        Decision::Denied { reason: closest }
    }

    /// Whether one of the principal's functions has the action at all, whatever the resource. A route
    /// asks it before it looks anything up.
    pub fn has_function(&self, principal: &Principal, action: Action, context: &Context) -> bool {
        let by_assignment = |assignment: &Assignment| {
            assignment.holds_at(context.now)
                && self.slot(Asker::Function(assignment.function), action).is_some()
        };
        match principal {
            Principal::Person(person) => {
                self.slot(Asker::Person, action).is_some() || person.assignments.iter().any(by_assignment)
            }
            Principal::Service(_) => self.slot(Asker::Service, action).is_some(),
            Principal::Car { .. } => self.slot(Asker::Car, action).is_some(),
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

/// What one call of `decide` is about.
struct Inquiry<'a> {
    policies: &'a Policies,
    principal: &'a Principal,
    action: Action,
    resource: &'a Resource,
    context: &'a Context,
}

impl Inquiry<'_> {
    fn decide(
        &self,
        asked: &Asked,
        slot: &Slot,
        assignment: Option<&Assignment>,
    ) -> Result<Cell, DenyReason> {
        let question = self.question(asked, assignment).map_err(|Refused| DenyReason::Scope)?;
        let answer = Authorizer::new().is_authorized(&question.request, &slot.all, &question.entities);
        // A policy that failed was skipped; it may have been one that forbids.
        let sound = answer.diagnostics().errors().next().is_none();
        match answer.decision() {
            Effect::Allow if sound => {
                let cell = answer.diagnostics().reason().find_map(|policy| self.policies.cell(policy));
                cell.ok_or(DenyReason::Scope)
            }
            Effect::Allow => Err(DenyReason::Scope),
            Effect::Deny => Err(self.why(&answer, question, slot, assignment)),
        }
    }

    /// The reason is told only to whom all before it holds: who is out of scope hears of no condition.
    fn why(
        &self,
        answer: &cedar_policy::Response,
        question: Question,
        slot: &Slot,
        assignment: Option<&Assignment>,
    ) -> DenyReason {
        let forbids = || answer.diagnostics().reason().filter_map(|policy| self.policies.reason(policy));
        if forbids().any(|reason| reason == DenyReason::Disabled) {
            return DenyReason::Disabled;
        }
        let may_lack_step_up = self.action.step_up() && !self.context.stepped_up;
        let first = forbids().min();
        if first == Some(DenyReason::Scope) || (first.is_none() && !may_lack_step_up) {
            return DenyReason::Scope;
        }
        let question = if may_lack_step_up {
            self.asked(true).and_then(|asked| self.question(&asked, assignment))
        } else {
            Ok(question)
        };
        let Ok(question) = question else { return DenyReason::Scope };
        let permitted = Authorizer::new().is_authorized(&question.request, &slot.permits, &question.entities);
        match permitted.decision() {
            Effect::Allow => first.unwrap_or(DenyReason::StepUp),
            Effect::Deny => DenyReason::Scope,
        }
    }

    fn asked(&self, with_step_up: bool) -> Result<Asked, Refused> {
        self.policies.words.asked(self.action, self.resource, self.context, with_step_up)
    }

    fn question(&self, asked: &Asked, assignment: Option<&Assignment>) -> Result<Question, Refused> {
        self.policies.words.question(asked, self.principal, assignment, self.resource, self.context)
    }
}
