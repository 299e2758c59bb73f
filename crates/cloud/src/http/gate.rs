//! Whether who asks may do what a route does.
//!
//! Asked twice: before anything is looked up, whether any function has the action at all; then by the handler, about
//! the very things that the request is about. Invariant, as an absence: no answer of a handler that did not ask.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU8, Ordering},
    },
};

use axum::{
    extract::{FromRequestParts, MatchedPath, Request},
    http::request::Parts,
    response::Response,
};
use identity::{
    Action, BrandsThing, Cell, Context, Decision, DenyReason, Facts, PersonThing, Principal as Who, Resource,
    ResourceKind, Service, VehiclePart, What,
};
use model::{Brand, PersonId, Purpose, VehicleId};
use serde::Deserialize;

use super::{
    Api,
    audit::actions::{Found, Route},
    auth::Principal,
    extract,
    problem::{Kind, Problem},
};
use crate::{registry::Car, words::PurposeSlug};

pub(crate) use sight::Sight;

mod reach;
mod sight;

/// What the console is for, when a request does not say what else.
const PURPOSE: Purpose = Purpose::FleetManagement;

/// Decides what one request is about. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Gate(Arc<Inner>);

struct Inner {
    api: Api,
    principal: Principal,
    action: Action,
    context: Context,
    /// The widest right that was used so far, as [`rank`] says; zero while nothing was asked.
    asked: AtomicU8,
    /// What was done besides the action, each of which the audit keeps.
    further: Mutex<BTreeSet<Action>>,
}

impl std::fmt::Debug for Gate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gate").field("action", &self.0.action).finish_non_exhaustive()
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Gate {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let gate = parts.extensions.get::<Self>().cloned();
        gate.ok_or_else(|| Problem::new(Kind::Internal, "the platform does not know what this route does"))
    }
}

impl Gate {
    /// The gate of a request; none for a method that the path does not have, which is told so.
    pub(crate) fn of(api: &Api, principal: &Principal, request: &Request) -> Result<Option<Self>, Problem> {
        let Some(matched) = request.extensions().get::<MatchedPath>() else { return Ok(None) };
        let Found::Route(Route { action: Some(action), takes_purpose, .. }) =
            api.routes().get(request.method(), matched.as_str())
        else {
            return Ok(None);
        };
        // Read here and nowhere else, so that what is decided, recorded and answered is one purpose.
        let named = if takes_purpose { extract::query::<Asked>(request.uri())?.purpose } else { None };
        let purpose = takes_purpose.then(|| named.map_or(PURPOSE, |purpose| purpose.0));
        let now = api.now();
        let context = Context {
            region: api.registry().region().clone(),
            now,
            stepped_up: principal.is_proven(now),
            purpose,
            facts: Facts::NONE,
        };
        Ok(Some(Self::with(api, principal.clone(), action, context)))
    }

    fn with(api: &Api, principal: Principal, action: Action, context: Context) -> Self {
        let (asked, further) = (AtomicU8::new(0), Mutex::default());
        Self(Arc::new(Inner { api: api.clone(), principal, action, context, asked, further }))
    }

    /// What the answer is used for, as the request says.
    pub(crate) fn purpose(&self) -> Purpose {
        self.0.context.purpose.unwrap_or(PURPOSE)
    }

    /// The same, of a route that asks for it.
    pub(crate) fn named_purpose(&self) -> Option<Purpose> {
        self.0.context.purpose
    }

    /// Whether one of the functions has the action at all. What has no other resource than who asks, or all
    /// brands, or none, is decided here.
    pub(crate) fn enter(&self) -> Result<(), Problem> {
        let Inner { api, principal, action, context, .. } = &*self.0;
        let entered = api.policies().enter(principal.who(), *action, context);
        entered.map_err(|reason| refused(*action, What::Region, reason))?;
        let own = |thing| match principal.who() {
            Who::Person(person) => Some(What::OfPerson { owner: person.id, thing }),
            Who::Service(_) | Who::Car { .. } => None,
        };
        let what = match action.resource() {
            ResourceKind::Region => Some(What::Region),
            ResourceKind::Group => Some(What::Group),
            ResourceKind::Account => own(PersonThing::Account),
            ResourceKind::Session => own(PersonThing::Session),
            ResourceKind::Notice => own(PersonThing::Notice),
            ResourceKind::Vehicle
            | ResourceKind::DriverLink
            | ResourceKind::AccessGrant
            | ResourceKind::Tenant
            | ResourceKind::Campaign
            | ResourceKind::Assignment
            | ResourceKind::Person
            | ResourceKind::Organisation
            | ResourceKind::Service
            | ResourceKind::Customer
            | ResourceKind::Car => None,
        };
        what.map_or(Ok(()), |what| self.ask(what, Facts::NONE))
    }

    /// Whether the action may be done to this.
    pub(crate) fn ask(&self, what: What, facts: Facts) -> Result<(), Problem> {
        self.ask_for(self.0.action, what, facts)
    }

    /// Whether a further action may be done, that is a part of the request.
    pub(crate) fn ask_for(&self, action: Action, what: What, facts: Facts) -> Result<(), Problem> {
        self.decide(action, what, facts).map_err(|reason| refused(action, what, reason))?;
        self.uses(action);
        Ok(())
    }

    /// A further action is done by this request.
    pub(crate) fn uses(&self, action: Action) {
        if action != self.0.action {
            self.0.further.lock().unwrap_or_else(PoisonError::into_inner).insert(action);
        }
    }

    /// What was done besides the action.
    pub(crate) fn further(&self) -> BTreeSet<Action> {
        self.0.further.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether a further action may be done, for a part that is left out when it may not.
    pub(crate) fn may(&self, action: Action, what: What) -> bool {
        self.decide(action, what, Facts::NONE).is_ok()
    }

    /// The car, if the action may be done to it. One that is denied is as one that is not there.
    pub(crate) fn car(&self, vehicle: VehicleId) -> Result<Arc<Car>, Problem> {
        self.car_when(vehicle, Facts::NONE)
    }

    /// The same, where conditions hold.
    pub(crate) fn car_when(&self, vehicle: VehicleId, facts: Facts) -> Result<Arc<Car>, Problem> {
        let Some(car) = self.0.api.registry().car(vehicle) else {
            // It takes as long as for one that there is, and says what it says of one that is out of reach.
            let what = What::OfVehicle { vehicle, brand: Brand::ALL[0], part: VehiclePart::Vehicle };
            let _asked = self.decide(self.0.action, what, facts);
            self.0.asked.store(DENIED, Ordering::Relaxed);
            return Err(refused(self.0.action, what, DenyReason::Scope));
        };
        self.ask(of_car(&car), facts)?;
        Ok(car)
    }

    fn who(&self) -> &Who {
        self.0.principal.who()
    }

    fn now(&self) -> model::Timestamp {
        self.0.context.now
    }

    /// Who asks, unless it is a service.
    pub(crate) fn person(&self) -> Option<PersonId> {
        match self.0.principal.who() {
            Who::Person(person) => Some(person.id),
            Who::Service(_) | Who::Car { .. } => None,
        }
    }

    /// The service that asks.
    pub(crate) fn service(&self) -> Option<&Service> {
        match self.0.principal.who() {
            Who::Service(service) => Some(service),
            Who::Person(_) | Who::Car { .. } => None,
        }
    }

    /// The gate as it is now, for streams: the same one, as long as nothing has changed. None when who asks has no
    /// session any more, or may not ask this.
    pub(crate) async fn again(&self) -> Option<Self> {
        let Inner { api, principal, action, context, .. } = &*self.0;
        let current = principal.again(api).await.ok().flatten()?;
        let now = api.now();
        if current.is_as(principal, context.now, now) {
            return Some(self.clone());
        }
        let context = Context { now, stepped_up: current.is_proven(now), ..context.clone() };
        let gate = Self::with(api, current, *action, context);
        gate.enter().is_ok().then_some(gate)
    }

    /// Whether nothing was decided anew.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// The answer is one that who asks was given before.
    pub(crate) fn repeats(&self) {
        self.0.asked.fetch_max(rank(Cell::Tenant), Ordering::Relaxed);
    }

    /// Whether all that was asked was about who asks: nobody else needs to hear of it.
    pub(crate) fn was_of_oneself(&self) -> bool {
        self.0.asked.load(Ordering::Relaxed) == rank(Cell::Own)
    }

    /// Whether nothing that was asked was allowed.
    pub(crate) fn was_denied(&self) -> bool {
        self.0.asked.load(Ordering::Relaxed) == DENIED
    }

    /// An answer of a handler that asked nothing is not given out.
    pub(crate) fn close(&self, response: Response) -> Result<Response, Problem> {
        let was_asked = self.0.asked.load(Ordering::Relaxed) > 0;
        if was_asked || !response.status().is_success() {
            return Ok(response);
        }
        tracing::error!(action = %self.0.action, "a handler did not ask whether it may; its answer is kept back");
        Err(Problem::new(Kind::Internal, "the platform did not check who may do this"))
    }

    fn decide(&self, action: Action, what: What, facts: Facts) -> Result<(), DenyReason> {
        let Inner { api, principal, context, asked, .. } = &*self.0;
        let resource = Resource { region: context.region.clone(), what };
        let context = Context { facts, ..context.clone() };
        match api.policies().decide(principal.who(), action, &resource, &context) {
            Decision::Allowed { cell, .. } => {
                asked.fetch_max(rank(cell), Ordering::Relaxed);
                Ok(())
            }
            Decision::Denied { reason } => {
                asked.fetch_max(DENIED, Ordering::Relaxed);
                Err(reason)
            }
        }
    }
}

pub(crate) fn of_car(car: &Car) -> What {
    What::OfVehicle { vehicle: car.vehicle, brand: car.brand, part: VehiclePart::Vehicle }
}

/// Asked, and nothing was allowed.
const DENIED: u8 = 1;

const fn rank(cell: Cell) -> u8 {
    match cell {
        Cell::Own => 2,
        Cell::Linked => 3,
        Cell::Tenant => 4,
    }
}

#[derive(Debug, Default, Deserialize)]
struct Asked {
    purpose: Option<PurposeSlug>,
}

fn refused(action: Action, what: What, reason: DenyReason) -> Problem {
    match reason {
        DenyReason::NoFunction => {
            let why = format!("none of your functions has `{action}`; GET /v1/roles says which has");
            Problem::new(Kind::Forbidden, why)
        }
        DenyReason::Scope => out_of_scope(what),
        DenyReason::Purpose => Problem::new(
            Kind::Forbidden,
            "your functions may not name this purpose; GET /v1/session says which they may",
        ),
        DenyReason::Condition => {
            let why = format!("what `{action}` needs does not hold; docs/authorisation.md says what that is");
            Problem::new(Kind::Forbidden, why)
        }
        DenyReason::StepUp => Problem::new(
            Kind::StepUpRequired,
            "prove again who you are by POST /v1/session/step-up; it counts for ten minutes",
        ),
        DenyReason::Disabled => Problem::unauthorized("the account is disabled"),
    }
}

/// Of one thing the same as for one that does not exist; of brands, that they are not in the scope.
fn out_of_scope(what: What) -> Problem {
    match what {
        What::OfVehicle { part, .. } => Problem::not_found(match part {
            VehiclePart::Vehicle => "no such vehicle; GET /v1/vehicles lists them",
            VehiclePart::DriverLink { .. } => {
                "no such driver; GET /v1/vehicles/{vehicle_id}/people lists them"
            }
            VehiclePart::AccessGrant { .. } => "no such access grant",
        }),
        What::Tenant { brand } => {
            let why = format!("none of your functions reaches `{}`", brand.slug());
            Problem::new(Kind::Forbidden, why)
        }
        What::OfBrands {
            thing:
                BrandsThing::Assignment
                | BrandsThing::Person
                | BrandsThing::Organisation
                | BrandsThing::Service { .. }
                | BrandsThing::Customer,
            ..
        } => Problem::not_found("there is no such thing"),
        What::OfBrands { thing: BrandsThing::Campaign, .. } | What::Group => {
            Problem::new(Kind::Forbidden, "none of your functions reaches all brands that this is about")
        }
        What::Region | What::OfPerson { .. } | What::Car { .. } => {
            Problem::new(Kind::Forbidden, "this is not yours, or not of this region")
        }
    }
}
