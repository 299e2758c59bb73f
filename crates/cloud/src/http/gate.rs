//! Whether who asks may do what a route does.
//!
//! Asked twice: before anything is looked up, whether any function has the action at all; then by the handler, about
//! the very things that the request is about. Invariant, as an absence: no answer of a handler that did not ask.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
};

use axum::{
    extract::{FromRequestParts, MatchedPath, Query, Request},
    http::{Uri, request::Parts},
    response::Response,
};
use identity::{
    Action, Brands, BrandsThing, Cell, Context, Decision, DenyReason, Facts, PersonThing, Principal as Who,
    Resource, ResourceKind, Service, VehiclePart, What,
};
use model::{Brand, PersonId, Purpose, VehicleId};
use serde::Deserialize;

use super::{
    Api,
    audit::actions::{Found, Route},
    auth::Principal,
    fleet::PURPOSE,
    problem::{Kind, Problem},
};
use crate::{registry::Car, words::PurposeSlug};

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
}

/// What of the fleet a request may be about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
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
    pub(crate) fn of(api: &Api, principal: &Principal, request: &Request) -> Option<Self> {
        let matched = request.extensions().get::<MatchedPath>()?;
        let route = match api.routes().get(request.method(), matched.as_str()) {
            Found::Route(route) => route,
            Found::NoMethod | Found::Unknown => return None,
        };
        let purpose = route.takes_purpose.then(|| purpose_of(request.uri()));
        Self::new(api, principal, route, purpose)
    }

    fn new(api: &Api, principal: &Principal, route: Route, purpose: Option<Purpose>) -> Option<Self> {
        let now = api.now();
        Some(Self(Arc::new(Inner {
            context: Context {
                region: api.registry().region().clone(),
                now,
                stepped_up: principal.is_proven(now),
                purpose,
                facts: Facts::NONE,
            },
            api: api.clone(),
            principal: principal.clone(),
            action: route.action?,
            asked: AtomicU8::new(0),
        })))
    }

    /// Whether one of the functions has the action at all. What has no other resource than who asks, or all
    /// brands, or none, is decided here.
    pub(crate) fn enter(&self) -> Result<(), Problem> {
        let Inner { api, principal, action, context, .. } = &*self.0;
        if !api.policies().has_function(principal.who(), *action, context) {
            let why = format!("none of your functions has `{action}`; GET /v1/roles says which has");
            return Err(Problem::new(Kind::Forbidden, why));
        }
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
        match self.decide(action, what, facts) {
            Ok(()) => Ok(()),
            Err(reason) => Err(refused(action, what, reason)),
        }
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
            // As long as for one that there is.
            let what = What::OfVehicle { vehicle, brand: Brand::ALL[0], part: VehiclePart::Vehicle };
            let reason = self.decide(self.0.action, what, facts).err().unwrap_or(DenyReason::Scope);
            // What is missing for every car alike may be said.
            let reason = if reason == DenyReason::Purpose { reason } else { DenyReason::Scope };
            return Err(refused(self.0.action, what, reason));
        };
        self.ask(of_car(&car), facts)?;
        Ok(car)
    }

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
        if let Who::Person(person) = self.0.principal.who() {
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

    /// Whether what was done may change what others may do: who has streams open is asked anew.
    pub(crate) fn changes_rights(&self) -> bool {
        match self.0.action.resource() {
            ResourceKind::Vehicle
            | ResourceKind::DriverLink
            | ResourceKind::AccessGrant
            | ResourceKind::Assignment
            | ResourceKind::Person
            | ResourceKind::Organisation
            | ResourceKind::Service
            | ResourceKind::Customer
            | ResourceKind::Account
            | ResourceKind::Session => true,
            ResourceKind::Tenant
            | ResourceKind::Campaign
            | ResourceKind::Group
            | ResourceKind::Region
            | ResourceKind::Notice
            | ResourceKind::Car => false,
        }
    }

    /// The gate as it is now, for streams; none when who asks has no session any more, or may not ask this.
    pub(crate) async fn again(&self) -> Option<Self> {
        let Inner { api, principal, action, context, .. } = &*self.0;
        let principal = match principal.again(api).await {
            Ok(principal) => principal?,
            // A failure to ask does not end a stream; the next asks again.
            Err(_) => return Some(self.clone()),
        };
        let now = api.now();
        let gate = Self(Arc::new(Inner {
            context: Context { now, stepped_up: principal.is_proven(now), ..context.clone() },
            api: api.clone(),
            principal,
            action: *action,
            asked: AtomicU8::new(0),
        }));
        gate.enter().is_ok().then_some(gate)
    }

    /// The answer is one that who asks was given before.
    pub(crate) fn repeats(&self) {
        self.0.asked.fetch_max(rank(Cell::Tenant), Ordering::Relaxed);
    }

    /// Whether all that was asked was about who asks: nobody else needs to hear of it.
    pub(crate) fn was_of_oneself(&self) -> bool {
        self.0.asked.load(Ordering::Relaxed) == rank(Cell::Own)
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

/// What a request names, and [`PURPOSE`] when it names none. One that names no purpose that there is is refused by
/// its handler.
pub(crate) fn purpose_of(uri: &Uri) -> Purpose {
    let asked = Query::<Asked>::try_from_uri(uri).map(|Query(asked)| asked).unwrap_or_default();
    asked.purpose.map_or(PURPOSE, |purpose| purpose.0)
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
