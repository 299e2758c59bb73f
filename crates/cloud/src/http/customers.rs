//! Customers' accounts that were taken over. Customers look after their own otherwise.

use axum::{extract::State, http::StatusCode, response::Response};
use identity::{BrandsThing, Condition, Facts, What};
use model::PersonId;

use super::{
    Api, audit::trail::Trail, edge, extract::Path, gate::Gate, problem::Problem, words::PersonIdHex,
};

/// Disables a customer's account: its sessions end at once, its links to cars stay.
#[utoipa::path(
    post, path = "/v1/customers/{person_id}/disable", tag = "people",
    extensions(("x-marque-action" = json!("customer.disable"))),
    params(("person_id" = inline(PersonIdHex), Path, description = "The person's id")),
    responses((status = 204, description = "Disabled")),
)]
pub(crate) async fn disable_customer(
    State(api): State<Api>,
    gate: Gate,
    trail: Trail,
    Path(person_id): Path<PersonIdHex>,
) -> Result<Response, Problem> {
    set_enabled(&api, &gate, &trail, person_id.0, false).await
}

/// Enables a customer's account again.
#[utoipa::path(
    post, path = "/v1/customers/{person_id}/enable", tag = "people",
    extensions(("x-marque-action" = json!("customer.enable"))),
    params(("person_id" = inline(PersonIdHex), Path, description = "The person's id")),
    responses((status = 204, description = "Enabled")),
)]
pub(crate) async fn enable_customer(
    State(api): State<Api>,
    gate: Gate,
    trail: Trail,
    Path(person_id): Path<PersonIdHex>,
) -> Result<Response, Problem> {
    set_enabled(&api, &gate, &trail, person_id.0, true).await
}

async fn set_enabled(
    api: &Api,
    gate: &Gate,
    trail: &Trail,
    id: PersonId,
    enabled: bool,
) -> Result<Response, Problem> {
    let brands = api.people().customer(id, api.now()).await?.ok_or_else(no_such_customer)?;
    trail.brands(brands.iter());
    let what = What::OfBrands { brands, thing: BrandsThing::Customer };
    let facts = if gate.person() == Some(id) { Facts::NONE } else { Facts::NONE.with(Condition::NotSelf) };
    gate.ask(what, facts).map_err(|problem| problem.hidden_as(no_such_customer))?;
    api.people().set_customer_enabled(id, enabled).await?;
    Ok(edge::empty(StatusCode::NO_CONTENT))
}

fn no_such_customer() -> Problem {
    Problem::not_found("no such customer; GET /v1/vehicles/{vehicle_id}/people names those of a car")
}
