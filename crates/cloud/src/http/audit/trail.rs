//! What every request leaves in the audit log. It lies around all routes, so that no handler can forget it.
//!
//! Reads of personal data are recorded when they were answered and before the answer is sent: what was not
//! recorded is not shown. Privileged acts are recorded twice: before they are done (`begun`), so that none is
//! done unseen, and when they have ended. A stream is recorded when it begins and when it ends.

use std::sync::{Arc, Mutex, PoisonError};

use ::audit::{Outcome, Slug, Word};
use axum::{
    body::Body,
    extract::{FromRequestParts, MatchedPath, RawPathParams, Request, State},
    http::{StatusCode, header, request::Parts},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use futures::StreamExt as _;
use identity::{Action, ResourceKind};
use model::{Brand, PersonId, Purpose, ServiceId, SubjectId, VehicleId};
use serde::Deserialize;

use super::actions::{Found, Logged};
use crate::{
    audit::{Audit, AuditError, Named, Record, slug, word},
    clock::Clock,
    http::{
        Api,
        auth::{Caller, Principal},
        edge::RequestId,
        extract,
        gate::Gate,
        problem::{Kind, Problem},
    },
    registry::Car,
    task::to_its_end,
    words::{BrandSlug, network_of},
};

/// What only the handler knows of its request. What it does not say is left out of the entry.
#[derive(Debug, Clone, Default)]
pub(crate) struct Trail(Arc<Mutex<Details>>);

#[derive(Debug, Clone, Default)]
struct Details {
    car: Option<(VehicleId, SubjectId, Brand)>,
    brands: Vec<Brand>,
    reason: Option<&'static str>,
    resource: Option<(&'static str, String)>,
    person: Option<PersonId>,
}

impl Trail {
    /// The one car that the request was about.
    pub(crate) fn car(&self, car: &Car) {
        self.details().car = Some((car.vehicle, car.subject, car.brand));
    }

    /// The brands that the request was about. There is an entry for each, so that whoever answers for one sees it.
    pub(crate) fn brands(&self, brands: impl IntoIterator<Item = Brand>) {
        self.details().brands = brands.into_iter().collect();
    }

    /// Which one it was, of what the action can do.
    pub(crate) fn which(&self, word: &'static str) {
        self.details().reason = Some(word);
    }

    /// How many cars the answer was about.
    pub(crate) fn count(&self, kind: &'static str, count: usize) {
        self.details().resource = Some((kind, format!("count:{count}")));
    }

    /// What was made or read, by a name that is nobody's.
    pub(crate) fn resource(&self, kind: &'static str, id: impl ToString) {
        self.details().resource = Some((kind, id.to_string()));
    }

    /// Whose account was made.
    pub(crate) fn person(&self, person: PersonId) {
        self.details().person = Some(person);
    }

    fn details(&self) -> std::sync::MutexGuard<'_, Details> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Trail {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Self::Rejection> {
        Ok(parts.extensions.get::<Self>().cloned().unwrap_or_default())
    }
}

/// Around every route.
pub(crate) async fn record(
    State(api): State<Api>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let route = match found(&api, &request) {
        Found::Route(route) => route,
        Found::NoMethod => return Ok(next.run(request).await),
        Found::Unknown => {
            let method = request.method();
            tracing::error!(%method, "a route names no action; nobody may use it");
            return Err(Problem::new(Kind::Internal, "the platform does not know what this route does"));
        }
    };
    let Some(action) = route.action.filter(|_| route.logged != Logged::Never) else {
        return Ok(next.run(request).await);
    };
    let (mut parts, body) = request.into_parts();
    let seen = Seen::of(&api, action, &mut parts).await;
    let trail = Trail::default();
    parts.extensions.insert(trail.clone());
    let request = Request::from_parts(parts, body);
    match route.logged {
        Logged::Never => Ok(next.run(request).await),
        Logged::Read | Logged::PrivilegedRead => read(&api, seen, &trail, request, next).await,
        // To its end, so that how it ended is recorded also when nobody waits for the answer any more.
        Logged::Act => to_its_end(async move { act(&api, seen, &trail, request, next).await }).await,
    }
}

/// Records that a request was refused before it came to its handler, if it was one for a privileged action.
pub(crate) async fn refused(api: &Api, principal: Principal, request: Request, problem: Problem) -> Problem {
    let Found::Route(route) = found(api, &request) else { return problem };
    let Some(action) = route.action.filter(|action| action.privileged()) else { return problem };
    let (mut parts, _) = request.into_parts();
    parts.extensions.insert(principal);
    let seen = Seen::of(api, action, &mut parts).await;
    let records = seen.records(api, &Trail::default(), Outcome::Denied, Some(problem.kind().slug()));
    match keep(api, records).await {
        Ok(()) => problem,
        Err(error) => unrecorded(&error),
    }
}

async fn read(
    api: &Api,
    seen: Seen,
    trail: &Trail,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let gate = request.extensions().get::<Gate>().cloned();
    let response = next.run(request).await;
    let status = response.status();
    // Who reads what is their own leaves no trace of it, unless the act is one that always does.
    if !seen.action.privileged() && gate.as_ref().is_some_and(Gate::was_of_oneself) {
        return Ok(response);
    }
    let was_read = status.is_success() || status == StatusCode::NOT_MODIFIED;
    if !was_read {
        if was_denied(&response, gate.as_ref()) && seen.action.privileged() {
            let records = seen.records(api, trail, Outcome::Denied, Some(reason_of(&response)));
            keep(api, records).await.map_err(|error| unrecorded(&error))?;
        }
        return Ok(response);
    }
    let is_stream = response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"));
    let mut records = seen.records(api, trail, Outcome::Allowed, is_stream.then_some("begun"));
    add_further(&mut records, gate.as_ref());
    let ended = is_stream.then(|| Ended::new(api, records.clone()));
    if let Err(error) = keep(api, records).await {
        ended.into_iter().for_each(Ended::forget);
        return Err(unrecorded(&error));
    }
    Ok(match ended {
        Some(ended) => until_its_end(response, ended),
        None => response,
    })
}

async fn act(
    api: &Api,
    seen: Seen,
    trail: &Trail,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let gate = request.extensions().get::<Gate>().cloned();
    let begun = seen.records(api, trail, Outcome::Allowed, Some("begun"));
    keep(api, begun).await.map_err(|error| unrecorded(&error))?;
    let response = next.run(request).await;
    let mut records = if response.status().is_success() {
        let which = trail.details().reason;
        seen.records(api, trail, Outcome::Allowed, which)
    } else {
        let denied = was_denied(&response, gate.as_ref());
        let outcome = if denied { Outcome::Denied } else { Outcome::Failed };
        seen.records(api, trail, outcome, Some(reason_of(&response)))
    };
    if response.status().is_success() {
        add_further(&mut records, gate.as_ref());
    }
    if let Err(error) = keep(api, records).await {
        // It is done, and that it began stands in the log.
        tracing::error!(%error, action = %seen.action, "how an act ended was not recorded");
    }
    Ok(response)
}

/// Whether a right was missing: what is out of reach is answered as what is not there.
fn was_denied(response: &Response, gate: Option<&Gate>) -> bool {
    let status = response.status();
    status == StatusCode::FORBIDDEN || (status == StatusCode::NOT_FOUND && gate.is_some_and(Gate::was_denied))
}

/// What was done besides the action has entries of its own.
fn add_further(records: &mut Vec<Record>, gate: Option<&Gate>) {
    let done = records.clone();
    for action in gate.into_iter().flat_map(Gate::further) {
        let further = |record: &Record| Record { action: slug(action.slug()), ..record.clone() };
        records.extend(done.iter().map(further));
    }
}

async fn keep(api: &Api, records: Vec<Record>) -> Result<(), AuditError> {
    let written = records.into_iter().map(|record| api.audit().record(record));
    futures::future::try_join_all(written).await.map(drop)
}

fn reason_of(response: &Response) -> &'static str {
    response.extensions().get::<Problem>().map_or("refused", |problem| problem.kind().slug())
}

pub(crate) fn found(api: &Api, request: &Request) -> Found {
    let matched = request.extensions().get::<MatchedPath>();
    matched.map_or(Found::Unknown, |path| api.routes().get(request.method(), path.as_str()))
}

pub(super) fn unrecorded(error: &AuditError) -> Problem {
    tracing::error!(%error, "refused what cannot be recorded");
    Problem::unavailable("this is recorded before it is done, and the audit log cannot be written now")
}

/// What is known of a request before its handler runs.
#[derive(Debug)]
struct Seen {
    action: Action,
    who: Option<(Slug, Word)>,
    vehicle: Option<VehicleId>,
    campaign: Option<u64>,
    /// Whose account it is about.
    about: Option<PersonId>,
    service: Option<ServiceId>,
    brand: Option<Brand>,
    purpose: Option<Purpose>,
    request: Option<Word>,
    address: Option<Word>,
}

/// What lists and reads are asked for.
#[derive(Debug, Default, Deserialize)]
struct Asked {
    brand: Option<BrandSlug>,
}

impl Seen {
    async fn of(api: &Api, action: Action, parts: &mut Parts) -> Self {
        let principal = parts.extensions.get::<Principal>().cloned();
        let Ok(Caller(from)) = Caller::from_request_parts(parts, api).await;
        let paths = RawPathParams::from_request_parts(parts, api).await.ok();
        let path = |name: &str| {
            paths.iter().flatten().find(|(known, _)| *known == name).map(|(_, value)| value.to_owned())
        };
        // What cannot be read is not a request that anything is done for.
        let asked = extract::query::<Asked>(&parts.uri).unwrap_or_default();
        let purpose = parts.extensions.get::<Gate>().and_then(Gate::named_purpose);
        Self {
            action,
            who: principal.map(|principal| {
                let (kind, name) = principal.name();
                (slug(kind), word(&name))
            }),
            vehicle: path("vehicle_id").and_then(|id| id.parse().ok()),
            campaign: path("campaign_id").and_then(|id| id.parse().ok()),
            about: path("person_id").and_then(|id| id.parse().ok()),
            service: path("service_id").and_then(|id| id.parse().ok()),
            brand: asked.brand.map(|brand| brand.0),
            purpose,
            request: parts.extensions.get::<RequestId>().and_then(|id| id.0.parse().ok()),
            address: network_of(from).parse().ok(),
        }
    }

    fn is_of_oneself(&self) -> bool {
        matches!(self.action.resource(), ResourceKind::Session | ResourceKind::Account | ResourceKind::Notice)
    }

    /// One entry, or one for each brand that the request was about.
    fn records(
        &self,
        api: &Api,
        trail: &Trail,
        outcome: Outcome,
        reason: Option<&'static str>,
    ) -> Vec<Record> {
        let record = self.record(api, trail, outcome, reason);
        let brands = trail.details().brands.clone();
        match (record.brand, brands.as_slice()) {
            (None, [_, ..]) => {
                brands.into_iter().map(|brand| Record { brand: Some(brand), ..record.clone() }).collect()
            }
            (Some(_), _) | (None, []) => vec![record],
        }
    }

    fn record(&self, api: &Api, trail: &Trail, outcome: Outcome, reason: Option<&'static str>) -> Record {
        let details = trail.details().clone();
        let car = details.car.or_else(|| {
            let car = self.vehicle.and_then(|vehicle| api.registry().car(vehicle))?;
            Some((car.vehicle, car.subject, car.brand))
        });
        let vehicle = self.vehicle.or(car.map(|(vehicle, ..)| vehicle));
        let resource = if let Some((kind, id)) = details.resource {
            (slug(kind), Named::Plain(word(&id)))
        } else if let Some(vehicle) = vehicle {
            (slug("vehicle"), Named::Committed(word(&vehicle.to_string())))
        } else if let Some(campaign) = self.campaign {
            (slug("campaign"), Named::Plain(word(&campaign.to_string())))
        } else if let Some(about) = details.person.or(self.about) {
            (slug("person"), Named::Committed(word(&about.to_string())))
        } else if let Some(service) = self.service {
            (slug("service"), Named::Plain(word(&service.to_string())))
        } else if let Some((_, name)) = self.who.clone().filter(|_| self.is_of_oneself()) {
            (slug(self.action.resource().slug()), Named::Committed(name))
        } else {
            (slug(self.action.resource().slug()), Named::Plain(word("unnamed")))
        };
        let actor = match self.who.clone() {
            Some((kind, name)) => (kind, Named::Committed(name)),
            None => (slug("stranger"), Named::Plain(word("unknown"))),
        };
        Record {
            at: api.now(),
            actor,
            action: slug(self.action.slug()),
            resource,
            subject: car.map(|(_, subject, _)| subject),
            brand: car.map(|(.., brand)| brand).or(self.brand),
            purpose: self.purpose,
            outcome,
            reason: reason.map(slug),
            request: self.request.clone(),
            address: self.address.clone(),
        }
    }
}

/// Records the end of a stream when it is let go of.
#[derive(Debug)]
struct Ended {
    audit: Audit,
    clock: Clock,
    records: Vec<Record>,
}

impl Ended {
    fn new(api: &Api, mut records: Vec<Record>) -> Self {
        records.iter_mut().for_each(|record| record.reason = Some(slug("ended")));
        Self { audit: api.audit().clone(), clock: api.clock().clone(), records }
    }

    /// The stream did not begin.
    fn forget(mut self) {
        self.records.clear();
    }
}

impl Drop for Ended {
    fn drop(&mut self) {
        for record in self.records.drain(..) {
            self.audit.note(Record { at: self.clock.now(), ..record });
        }
    }
}

fn until_its_end(response: Response, ended: Ended) -> Response {
    let (parts, body) = response.into_parts();
    let pieces = body.into_data_stream().map(move |piece| {
        let _held = &ended;
        piece
    });
    (parts, Body::from_stream(pieces)).into_response()
}

#[cfg(test)]
mod tests;
