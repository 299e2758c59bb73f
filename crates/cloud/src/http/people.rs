//! Other people's accounts: staff and partners.

use axum::{
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
};
use identity::{Brands, BrandsThing, Condition, Facts, What};
use model::{OrganisationId, PersonId};
use store::PeopleFilter;

use super::{
    Api,
    audit::trail::Trail,
    edge,
    extract::{Json, Path, Query},
    gate::Gate,
    page,
    problem::{Kind, Problem},
    words::PersonIdHex,
};
use crate::people::{Change, Known, NewAccount, PeopleError, REALMS};
use types::{NewPerson, PeoplePage, PeopleQuery, PersonAccount, PersonChange};

pub(crate) mod assignments;
pub(crate) mod credentials;
pub(crate) mod sessions;
pub(crate) mod types;

/// Characters of a name that somebody looks for.
const TEXT_MAX: usize = 64;

/// Lists staff and partners, by name.
///
/// Those whom one of the caller's brands counts for, each with the roles in these brands.
#[utoipa::path(
    get, path = "/v1/people", tag = "people", params(PeopleQuery),
    extensions(("x-marque-action" = json!("person.list"))),
    responses((status = 200, description = "One page", body = PeoplePage)),
)]
pub(crate) async fn list_people(
    State(api): State<Api>,
    gate: Gate,
    trail: Trail,
    Query(query): Query<PeopleQuery>,
) -> Result<Json<PeoplePage>, Problem> {
    let (cursor, limit) = page::of(query.cursor.as_deref(), query.limit)?;
    if query.q.as_ref().is_some_and(|text| text.chars().count() > TEXT_MAX) {
        return Err(Problem::query("q", format!("must have at most {TEXT_MAX} characters")));
    }
    let (allowed, now) = (gate.brands()?, api.now());
    let filter = PeopleFilter {
        realms: REALMS.map(|realm| realm.slug().to_owned()).into(),
        brands: allowed.filter(),
        function: query.function.map(|function| function.0.slug().to_owned()),
        text: query.q.filter(|text| !text.is_empty()),
        region: api.registry().region().clone(),
        now,
    };
    let page = api.store().people(&filter, cursor.as_ref(), limit).await?;
    let people = api.people().with_roles(page.items, now).await?;
    trail.count("tenant", people.len());
    let items = people.iter().map(|known| PersonAccount::of(known, allowed)).collect();
    Ok(Json(PeoplePage { items, next_cursor: page.next.map(|next| next.to_string()) }))
}

/// A staff or partner account, with the roles in the caller's brands.
#[utoipa::path(
    get, path = "/v1/people/{person_id}", tag = "people",
    extensions(("x-marque-action" = json!("person.read"))),
    params(("person_id" = inline(PersonIdHex), Path, description = "The person's id")),
    responses((status = 200, description = "The account", body = PersonAccount)),
)]
pub(crate) async fn get_person(
    State(api): State<Api>,
    gate: Gate,
    Path(person_id): Path<PersonIdHex>,
) -> Result<Json<PersonAccount>, Problem> {
    let brands = gate.brands()?;
    let known = find_within(&api, person_id.0, brands).await?;
    Ok(Json(PersonAccount::of(&known, brands)))
}

/// Makes a staff or partner account.
///
/// It has no function and no credential: somebody else gives it the former, and a credential reset sends the
/// person a link for the latter. Without brands the account counts for all of them until it has a function.
#[utoipa::path(
    post, path = "/v1/people", tag = "people", request_body = NewPerson,
    extensions(("x-marque-action" = json!("person.create"))),
    responses((status = 201, description = "Made", body = PersonAccount,
        headers(("Location" = String, description = "The account's path")))),
)]
pub(crate) async fn create_person(
    State(api): State<Api>,
    gate: Gate,
    trail: Trail,
    Json(body): Json<NewPerson>,
) -> Result<Response, Problem> {
    let brands = body.brands.map(|brands| types::brands_of(&brands)).transpose()?;
    let what = What::OfBrands { brands: brands.unwrap_or(Brands::ALL), thing: BrandsThing::Person };
    gate.ask(what, Facts::NONE).map_err(beyond_scope)?;
    let organisation = match body.organisation_id {
        Some(id) => Some(organisation(&api, &gate, id.0).await?),
        None => None,
    };
    let new = NewAccount {
        username: body.username,
        realm: body.realm.0,
        brands,
        address: body.address,
        organisation,
    };
    let person = api.people().create(new, gate.person(), api.now()).await?;
    trail.person(person.id);
    trail.brands(brands.unwrap_or(Brands::ALL).iter());
    let location = format!("/v1/people/{}", person.id);
    let known = find(&api, person.id).await?;
    let account = PersonAccount::of(&known, Brands::ALL);
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(account)).into_response())
}

/// Gives an account another name, address, fleet or dealership.
///
/// The old address is told of another. For seven days after its address was changed nobody resets its credential.
/// Who comes into another fleet or dealership loses all functions; somebody other than the caller gives them anew.
#[utoipa::path(
    patch, path = "/v1/people/{person_id}", tag = "people", request_body = PersonChange,
    extensions(("x-marque-action" = json!("person.update"))),
    params(("person_id" = inline(PersonIdHex), Path, description = "The person's id")),
    responses((status = 200, description = "The account now", body = PersonAccount)),
)]
pub(crate) async fn change_person(
    State(api): State<Api>,
    gate: Gate,
    trail: Trail,
    Path(person_id): Path<PersonIdHex>,
    Json(body): Json<PersonChange>,
) -> Result<Json<PersonAccount>, Problem> {
    let known = ask_about(&api, &gate, &trail, person_id.0).await?;
    let organisation = match body.organisation_id {
        Some(Some(id)) => Some(Some(organisation(&api, &gate, id.0).await?)),
        Some(None) => Some(None),
        None => None,
    };
    let (username, address) = (body.username.as_deref(), body.address.as_deref());
    let change = Change { username, address, by_oneself: false };
    api.people().change(&known, change, organisation, gate.person(), api.now()).await?;
    organisation.into_iter().for_each(|_| trail.which("organisation"));
    Ok(Json(PersonAccount::of(&find(&api, person_id.0).await?, Brands::ALL)))
}

/// Disables an account: its sessions end at once, and nobody signs in to it.
#[utoipa::path(
    post, path = "/v1/people/{person_id}/disable", tag = "people",
    extensions(("x-marque-action" = json!("person.disable"))),
    params(("person_id" = inline(PersonIdHex), Path, description = "The person's id")),
    responses((status = 204, description = "Disabled")),
)]
pub(crate) async fn disable_person(
    State(api): State<Api>,
    gate: Gate,
    trail: Trail,
    Path(person_id): Path<PersonIdHex>,
) -> Result<Response, Problem> {
    let known = ask_about(&api, &gate, &trail, person_id.0).await?;
    api.people().set_enabled(&known, false, api.now()).await?;
    Ok(edge::empty(StatusCode::NO_CONTENT))
}

/// Enables a disabled account, with the credential and the functions that it had.
#[utoipa::path(
    post, path = "/v1/people/{person_id}/enable", tag = "people",
    extensions(("x-marque-action" = json!("person.enable"))),
    params(("person_id" = inline(PersonIdHex), Path, description = "The person's id")),
    responses((status = 204, description = "Enabled")),
)]
pub(crate) async fn enable_person(
    State(api): State<Api>,
    gate: Gate,
    trail: Trail,
    Path(person_id): Path<PersonIdHex>,
) -> Result<Response, Problem> {
    let known = ask_about(&api, &gate, &trail, person_id.0).await?;
    api.people().set_enabled(&known, true, api.now()).await?;
    Ok(edge::empty(StatusCode::NO_CONTENT))
}

/// A fleet or dealership that people may be put into by who reaches all of its brands.
async fn organisation(api: &Api, gate: &Gate, id: OrganisationId) -> Result<OrganisationId, Problem> {
    let known = api.store().organisation(id).await?.filter(|known| known.enabled);
    let brands = known.and_then(|known| Brands::new(known.brands).ok());
    let is_reached = brands.is_some_and(|brands| {
        gate.ask(What::OfBrands { brands, thing: BrandsThing::Person }, Facts::NONE.with(Condition::NotSelf))
            .is_ok()
    });
    let why = "there is no such fleet or dealership; GET /v1/organisations lists them";
    if is_reached { Ok(id) } else { Err(Problem::at("organisation_id", why)) }
}

/// An account of staff or partners. Customers' are not looked after here.
async fn find(api: &Api, id: PersonId) -> Result<Known, Problem> {
    api.people().find(id, api.now()).await?.ok_or_else(no_such_person)
}

/// One that one of these brands counts for; another is as one that is not there.
async fn find_within(api: &Api, id: PersonId, brands: Brands) -> Result<Known, Problem> {
    let known = find(api, id).await?;
    if known.brands().iter().any(|brand| brands.contains(brand)) { Ok(known) } else { Err(no_such_person()) }
}

/// Asks whether the route's action may be done with an account, and gives it.
async fn ask_about(api: &Api, gate: &Gate, trail: &Trail, id: PersonId) -> Result<Known, Problem> {
    let known = find(api, id).await?;
    trail.brands(known.brands().iter());
    let facts = api.people().facts(&known, gate.person(), api.now()).await?;
    let what = What::OfBrands { brands: known.brands(), thing: BrandsThing::Person };
    gate.ask(what, facts).map_err(|problem| told(problem, facts))?;
    Ok(known)
}

/// What is out of reach is what is not there; and who a condition keeps from it hears which.
fn told(problem: Problem, facts: Facts) -> Problem {
    if problem.kind() == Kind::NotFound {
        return no_such_person();
    }
    if problem.kind() != Kind::Forbidden {
        return problem;
    }
    let why = if !facts.has(Condition::NotSelf) {
        "nobody does this to oneself; ask another administrator"
    } else if !facts.has(Condition::NotCreator) {
        "you made this account, so somebody else gives it functions; ask another administrator"
    } else if !facts.has(Condition::AddressSettled) {
        "the address was changed in the last seven days; wait, so that the person can object"
    } else {
        return problem;
    };
    Problem::new(Kind::Forbidden, why)
}

/// Of brands that a request names itself nobody needs to be kept from knowing that they exist.
pub(crate) fn beyond_scope(problem: Problem) -> Problem {
    if problem.kind() == Kind::NotFound {
        return Problem::new(Kind::Forbidden, "your function does not reach all of these brands; name fewer");
    }
    problem
}

fn no_such_person() -> Problem {
    Problem::not_found("no such person; GET /v1/people lists them")
}

impl From<PeopleError> for Problem {
    fn from(error: PeopleError) -> Self {
        let text = error.to_string();
        match error {
            PeopleError::Username => Self::at("username", text),
            PeopleError::Address => Self::at("address", text),
            PeopleError::Customer => Self::at("realm", text),
            PeopleError::Realm { .. } => Self::at("function", text),
            PeopleError::NoPartner => Self::at("organisation_id", text),
            PeopleError::Past => Self::at("until", text),
            PeopleError::Taken
            | PeopleError::Roles
            | PeopleError::Changed
            | PeopleError::LastAdministrator
            | PeopleError::Elsewhere { .. } => Self::conflict(text),
            PeopleError::Over => Self::not_found(text),
            PeopleError::Store(error) => error.into(),
            PeopleError::Random(error) => Self::internal(&error),
            PeopleError::Outbox(error) => Self::internal(&error),
        }
    }
}
