//! What people are told to do.

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use identity::{Action, Brands, BrandsThing, Function, What};

use super::types::{NewRole, Role, brands_of};
use crate::{
    http::{
        Api,
        audit::trail::Trail,
        edge,
        extract::{Json, Path, Paths},
        gate::Gate,
        problem::{Kind, Problem},
        words::PersonIdHex,
    },
    people,
};

/// Gives a person a function in brands, until a time or without an end.
///
/// Nobody gives oneself one. Once a region had two administrators, nobody gives one to an account that they made.
#[utoipa::path(
    post, path = "/v1/people/{person_id}/roles", tag = "people", request_body = NewRole,
    extensions(("x-marque-action" = json!("role.assign"))),
    params(("person_id" = inline(PersonIdHex), Path, description = "The person's id")),
    responses((status = 201, description = "Given", body = Role)),
)]
pub(crate) async fn assign_role(
    State(api): State<Api>,
    gate: Gate,
    trail: Trail,
    Path(person_id): Path<PersonIdHex>,
    Json(body): Json<NewRole>,
) -> Result<Response, Problem> {
    let (brands, now) = (brands_of(&body.brands)?, api.now());
    trail.brands(brands.iter());
    // Whoever an administrator does not see gets no role from them: it would take the account away from those who do.
    let seen = gate.reach_of(Action::PersonRead)?.brands.unwrap_or(brands);
    let known = super::find_within(&api, person_id.0, seen).await?;
    let facts = api.people().facts(&known, gate.person(), now).await?;
    let what = What::OfBrands { brands, thing: BrandsThing::Assignment };
    gate.ask(what, facts).map_err(|problem| {
        let is_beyond = problem.kind() == Kind::NotFound;
        if is_beyond { super::beyond_scope(problem) } else { super::told(problem, facts) }
    })?;
    let until = body.until.map(|time| time.0);
    let new = people::NewRole { function: body.function.0, brands, until };
    let role = api.people().assign(&known, new, gate.person(), now).await?;
    trail.which(body.function.0.slug());
    let role = Role::of(&role, Brands::ALL).ok_or_else(no_such_role)?;
    Ok((StatusCode::CREATED, Json(role)).into_response())
}

/// Takes a function away from a person. The last administrator of a region stays one.
#[utoipa::path(
    delete, path = "/v1/people/{person_id}/roles/{assignment_id}", tag = "people",
    extensions(("x-marque-action" = json!("role.revoke"))),
    params(("person_id" = inline(PersonIdHex), Path, description = "The person's id"),
        ("assignment_id" = String, Path, description = "The role's id")),
    responses((status = 204, description = "Taken away")),
)]
pub(crate) async fn revoke_role(
    State(api): State<Api>,
    gate: Gate,
    trail: Trail,
    Paths(person_id, assignment_id): Paths<PersonIdHex, String>,
) -> Result<Response, Problem> {
    let now = api.now();
    let known = super::find(&api, person_id.0).await.map_err(|problem| problem.hidden_as(no_such_role))?;
    let role = known.roles.iter().find(|role| role.id == assignment_id).ok_or_else(no_such_role)?;
    let brands = Brands::new(role.brands.iter().copied()).map_err(|_| no_such_role())?;
    let facts = api.people().facts(&known, gate.person(), now).await?;
    let what = What::OfBrands { brands, thing: BrandsThing::Assignment };
    gate.ask(what, facts).map_err(|problem| {
        if problem.kind() == Kind::NotFound { no_such_role() } else { super::told(problem, facts) }
    })?;
    trail.brands(brands.iter());
    let function: Option<Function> = role.function.parse().ok();
    function.into_iter().for_each(|function| trail.which(function.slug()));
    api.people().revoke(role, now).await?;
    Ok(edge::empty(StatusCode::NO_CONTENT))
}

fn no_such_role() -> Problem {
    Problem::not_found("no such person, or the person has no such role; GET /v1/people lists both")
}
