//! What the owners of cars grant.

use std::collections::BTreeMap;

use axum::{extract::State, http::HeaderMap, response::Response};
use consent::{Grant as Said, Grants};
use model::{ConsentEpoch, DataCategory, Purpose, Timestamp};

use super::{
    Api, etag,
    extract::{Json, Path},
    gate::Gate,
    problem::Problem,
    words::{CategorySlug, PurposeSlug, Time, VehicleIdHex},
};
use types::{Grant, GrantChange, GrantSet, PutGrants};

pub(crate) mod types;

/// The grants of a car's owner.
#[utoipa::path(
    get, path = "/v1/vehicles/{vehicle_id}/grants", tag = "consent",
    extensions(("x-marque-action" = json!("consent.read"))),
    params(("vehicle_id" = inline(VehicleIdHex), Path, description = "The vehicle's id")),
    responses((status = 200, description = "The grants", body = GrantSet)),
)]
pub(crate) async fn get_grants(
    gate: Gate,
    Path(vehicle_id): Path<VehicleIdHex>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let car = gate.car(vehicle_id.0)?;
    Ok(etag::answer(&headers, &grant_set(&car.grants)))
}

/// Replaces the grants of a car's owner; the car is told.
#[utoipa::path(
    put, path = "/v1/vehicles/{vehicle_id}/grants", tag = "consent",
    extensions(("x-marque-action" = json!("consent.write"))),
    params(("vehicle_id" = inline(VehicleIdHex), Path, description = "The vehicle's id")),
    request_body = PutGrants,
    responses((status = 200, description = "The grants that hold now", body = GrantSet)),
)]
pub(crate) async fn put_grants(
    State(api): State<Api>,
    gate: Gate,
    Path(vehicle_id): Path<VehicleIdHex>,
    headers: HeaderMap,
    Json(body): Json<PutGrants>,
) -> Result<Json<GrantSet>, Problem> {
    let car = gate.car(vehicle_id.0)?;
    etag::check_match(&headers, &grant_set(&car.grants))?;
    let wanted = words(&body.grants, "")?;
    let next = replaced(&car.grants, &wanted, api.now());
    api.desired().put_grants(car.vehicle, next.clone(), api.now()).await?;
    Ok(Json(grant_set(&next)))
}

/// Each pair of purpose and category once, or the place behind `place` that repeats one.
pub(crate) fn words(
    changes: &[GrantChange],
    place: &str,
) -> Result<BTreeMap<(Purpose, DataCategory), bool>, Problem> {
    let mut words = BTreeMap::new();
    for (index, change) in changes.iter().enumerate() {
        let pair = (change.purpose.0, change.category.0);
        if words.insert(pair, change.granted).is_some() {
            let problem = format!("`{}` for `{}` stands twice", change.category, change.purpose);
            return Err(Problem::at(format!("{place}grants[{index}]"), problem));
        }
    }
    Ok(words)
}

/// The next set: what is wanted, and a withdrawal of whatever else was granted. What was said before keeps
/// its time.
fn replaced(before: &Grants, wanted: &BTreeMap<(Purpose, DataCategory), bool>, now: Timestamp) -> Grants {
    let known: BTreeMap<_, _> =
        before.entries().iter().map(|said| ((said.purpose, said.category), *said)).collect();
    let pairs: BTreeMap<_, _> = known
        .keys()
        .map(|pair| (*pair, false))
        .chain(wanted.iter().map(|(pair, granted)| (*pair, *granted)))
        .collect();
    let entries = pairs.into_iter().map(|((purpose, category), granted)| {
        let unchanged = known.get(&(purpose, category)).filter(|said| said.granted == granted);
        unchanged.copied().unwrap_or(Said { purpose, category, granted, at: now })
    });
    Grants::new(ConsentEpoch(before.epoch().0.saturating_add(1)), entries)
}

fn grant_set(grants: &Grants) -> GrantSet {
    let grant = |said: &Said| Grant {
        purpose: PurposeSlug(said.purpose),
        category: CategorySlug(said.category),
        granted: said.granted,
        at: Time(said.at),
    };
    GrantSet { epoch: grants.epoch().0, grants: grants.entries().iter().map(grant).collect() }
}
