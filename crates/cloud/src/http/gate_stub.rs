//! Asks the policies for a handler. It stands in for `gate::Gate`.

use axum::{
    extract::{FromRequestParts, MatchedPath, Request, State},
    http::{header, request::Parts},
    middleware::Next,
    response::Response,
};
use identity::{
    Action, Brands, Context, Decision, DenyReason, Facts, Principal as Who, Resource, ResourceKind, Service,
    What,
};
use model::{Brand, PersonId};

use super::{
    Api,
    audit::actions::Found,
    auth::Principal,
    problem::{Kind, Problem},
};

/// Decides what the route's action may be done with.
#[derive(Debug)]
pub(crate) struct Gate {
    api: Api,
    who: Who,
    action: Action,
    context: Context,
    brands: Brands,
}

/// The service behind a request.
#[derive(Debug, Clone)]
struct Caller(Service);

impl Gate {
    /// Whether the route's action may be done with this.
    pub(crate) fn ask(&self, resource: What, facts: Facts) -> Result<(), Problem> {
        let context = Context { facts, ..self.context.clone() };
        match self.decide(resource, &context) {
            Decision::Allowed { .. } => Ok(()),
            Decision::Denied { reason } => Err(self.refused(reason)),
        }
    }

    /// The brands for which it may be done.
    pub(crate) fn brands(&self) -> Brands {
        self.brands
    }

    /// Who asks, unless it is a service.
    pub(crate) fn person(&self) -> Option<PersonId> {
        match &self.who {
            Who::Person(person) => Some(person.id),
            Who::Service(_) | Who::Car { .. } => None,
        }
    }

    /// The service that asks.
    pub(crate) fn service(&self) -> Option<&Service> {
        match &self.who {
            Who::Service(service) => Some(service),
            Who::Person(_) | Who::Car { .. } => None,
        }
    }

    fn decide(&self, what: What, context: &Context) -> Decision {
        let resource = Resource { region: context.region.clone(), what };
        self.api.policies().decide(&self.who, self.action, &resource, context)
    }

    fn refused(&self, reason: DenyReason) -> Problem {
        let action = self.action;
        match reason {
            DenyReason::NoFunction => {
                let why = format!("none of your functions has `{action}`; GET /v1/roles says which has");
                Problem::new(Kind::Forbidden, why)
            }
            DenyReason::Scope => Problem::not_found("there is no such thing"),
            DenyReason::Purpose => {
                Problem::new(Kind::Forbidden, "name a purpose that your functions may name")
            }
            DenyReason::Condition => {
                Problem::new(Kind::Forbidden, format!("a condition of `{action}` does not hold"))
            }
            DenyReason::StepUp => {
                let why = "prove again who you are by POST /v1/session/step-up; it counts for ten minutes";
                Problem::new(Kind::StepUpRequired, why)
            }
            DenyReason::Disabled => Problem::unauthorized("the account is disabled"),
        }
    }
}

impl FromRequestParts<Api> for Gate {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let matched = MatchedPath::from_request_parts(parts, api).await.map_err(|_| unknown())?;
        let Found::Route(route) = api.routes().get(&parts.method, matched.as_str()) else {
            return Err(unknown());
        };
        let action = route.action.ok_or_else(unknown)?;
        let now = api.now();
        let (who, region, stepped_up) = match parts.extensions.get::<Caller>() {
            Some(Caller(service)) => (Who::Service(service.clone()), service.region.clone(), false),
            None => {
                let Ok(principal) = Principal::from_request_parts(parts, api).await else {
                    return Err(sign_in());
                };
                let session = principal.session();
                let person = session.person.clone();
                (Who::Person(person.clone()), person.region, session.is_proven(now))
            }
        };
        let context = Context { region, now, stepped_up, purpose: None, facts: Facts::NONE };
        let mut gate = Self { api: api.clone(), who, action, context, brands: Brands::ALL };
        if action.resource() == ResourceKind::Tenant {
            let may = |brand: &Brand| gate.decide(What::Tenant { brand: *brand }, &gate.context).is_allowed();
            let brands = Brands::new(Brand::ALL.into_iter().filter(may));
            gate.brands = brands.map_err(|_| gate.refused(DenyReason::NoFunction))?;
        }
        Ok(gate)
    }
}

/// Lets only services through.
pub(crate) async fn require_service(
    State(api): State<Api>,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let token = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = token.and_then(|value| value.strip_prefix("Bearer "));
    let service = match token {
        Some(token) => api.services().authenticate(token, api.now()).await?,
        None => None,
    };
    let service = service.ok_or_else(sign_in)?;
    request.extensions_mut().insert(Caller(service));
    Ok(next.run(request).await)
}

fn sign_in() -> Problem {
    Problem::unauthorized("give a service's token as `Authorization: Bearer`")
}

fn unknown() -> Problem {
    Problem::new(Kind::Internal, "the platform does not know what this route does")
}
