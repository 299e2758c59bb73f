//! Machines of ours and their tokens.

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use identity::{Brands, BrandsThing, Facts, What};
use model::ServiceId;
use store::ServiceRow;

use super::{
    Api,
    audit::trail::Trail,
    edge,
    extract::{Json, Path, Query},
    gate::Gate,
    page, people,
    problem::{Kind, Problem},
    words::{ServiceIdHex, Time},
};
use crate::services::{self, ServiceError};
use types::{NewService, NewServiceToken, RegisteredService, Service, ServicePage, ServicesQuery};

pub(crate) mod types;

/// Lists services of the caller's brands; also those that were disabled.
#[utoipa::path(
    get, path = "/v1/services", tag = "services", params(ServicesQuery),
    extensions(("x-marque-action" = json!("service.list"))),
    responses((status = 200, description = "One page", body = ServicePage)),
)]
pub(crate) async fn list_services(
    State(api): State<Api>,
    gate: Gate,
    Query(query): Query<ServicesQuery>,
) -> Result<Json<ServicePage>, Problem> {
    let (cursor, limit) = page::of(query.cursor.as_deref(), query.limit)?;
    let allowed = gate.brands()?;
    let page = api.store().services(allowed.filter().as_deref(), cursor.as_ref(), limit).await?;
    let items = page.items.into_iter().map(|row| Service::of(row, allowed)).collect();
    Ok(Json(ServicePage { items, next_cursor: page.next.map(|next| next.to_string()) }))
}

/// Registers a service. Its first token is shown once; it counts for 24 hours, and the service renews it itself.
#[utoipa::path(
    post, path = "/v1/services", tag = "services", request_body = NewService,
    extensions(("x-marque-action" = json!("service.create"))),
    responses((status = 201, description = "Registered", body = RegisteredService)),
)]
pub(crate) async fn create_service(
    State(api): State<Api>,
    gate: Gate,
    trail: Trail,
    Json(body): Json<NewService>,
) -> Result<Response, Problem> {
    let brands = people::types::brands_of(&body.brands)?;
    trail.brands(brands.iter());
    let id = api.services().draw_id().map_err(|error| Problem::internal(&error))?;
    gate.ask(what(id, brands), Facts::NONE).map_err(people::beyond_scope)?;
    let profiles = body.profiles.into_iter().map(|profile| profile.0).collect();
    let new = services::NewService { id, name: body.name, brands, profiles };
    let (row, token) = api.services().create(new, gate.person(), api.now()).await?;
    trail.resource("service", row.id);
    let answer = RegisteredService {
        token: token.reveal().to_owned(),
        expires_at: Time(token.expires_at),
        service: Service::of(row, brands),
    };
    Ok((StatusCode::CREATED, Json(answer)).into_response())
}

/// Gives a service a new token, which is shown once. Those before count for 10 minutes more.
#[utoipa::path(
    post, path = "/v1/services/{service_id}/tokens", tag = "services",
    extensions(("x-marque-action" = json!("service.rotate"))),
    params(("service_id" = inline(ServiceIdHex), Path, description = "The service's id")),
    responses((status = 201, description = "A new token", body = NewServiceToken)),
)]
pub(crate) async fn rotate_service_token(
    State(api): State<Api>,
    gate: Gate,
    trail: Trail,
    Path(service_id): Path<ServiceIdHex>,
) -> Result<Response, Problem> {
    let row = ask_about(&api, &gate, &trail, service_id.0).await?;
    new_token(&api, row.id).await
}

/// Disables a service at once and for good: none of its tokens counts any more.
#[utoipa::path(
    post, path = "/v1/services/{service_id}/disable", tag = "services",
    extensions(("x-marque-action" = json!("service.disable"))),
    params(("service_id" = inline(ServiceIdHex), Path, description = "The service's id")),
    responses((status = 204, description = "Disabled")),
)]
pub(crate) async fn disable_service(
    State(api): State<Api>,
    gate: Gate,
    trail: Trail,
    Path(service_id): Path<ServiceIdHex>,
) -> Result<Response, Problem> {
    let row = ask_about(&api, &gate, &trail, service_id.0).await?;
    api.services().disable(row.id).await?;
    Ok(edge::empty(StatusCode::NO_CONTENT))
}

/// A service renews its own token. Those before count for 10 minutes more.
#[utoipa::path(
    post, path = "/v1/services/self/token", tag = "services",
    extensions(("x-marque-action" = json!("service.token.renew"))),
    responses((status = 201, description = "A new token", body = NewServiceToken)),
)]
pub(crate) async fn renew_own_token(
    State(api): State<Api>,
    gate: Gate,
    trail: Trail,
) -> Result<Response, Problem> {
    let own = gate.service();
    let own =
        own.ok_or_else(|| Problem::new(Kind::Forbidden, "people have sessions; a service has tokens"))?;
    trail.resource("service", own.id);
    gate.ask(what(own.id, own.brands), Facts::NONE)?;
    new_token(&api, own.id).await
}

async fn new_token(api: &Api, service: ServiceId) -> Result<Response, Problem> {
    let token = api.services().rotate(service, api.now()).await?;
    let answer = NewServiceToken { token: token.reveal().to_owned(), expires_at: Time(token.expires_at) };
    Ok((StatusCode::CREATED, Json(answer)).into_response())
}

/// Asks whether the route's action may be done with a service, and gives it.
async fn ask_about(api: &Api, gate: &Gate, trail: &Trail, id: ServiceId) -> Result<ServiceRow, Problem> {
    let row = api.store().service(id).await?.ok_or_else(no_such_service)?;
    let brands = Brands::new(row.brands.iter().copied()).map_err(|_| no_such_service())?;
    trail.brands(brands.iter());
    gate.ask(what(id, brands), Facts::NONE).map_err(|problem| problem.hidden_as(no_such_service))?;
    Ok(row)
}

const fn what(service: ServiceId, brands: Brands) -> What {
    What::OfBrands { brands, thing: BrandsThing::Service { service } }
}

fn no_such_service() -> Problem {
    Problem::not_found("no such service; GET /v1/services lists them")
}

impl From<ServiceError> for Problem {
    fn from(error: ServiceError) -> Self {
        let text = error.to_string();
        match error {
            ServiceError::Name => Self::at("name", text),
            ServiceError::NoProfile | ServiceError::Simulation => Self::at("profiles", text),
            ServiceError::Taken | ServiceError::Disabled => Self::conflict(text),
            ServiceError::Store(error) => error.into(),
            ServiceError::Random(error) => Self::internal(&error),
            ServiceError::File { .. } => Self::internal(&error),
        }
    }
}
