//! The fleet as a whole: what it can be sliced by, its counts, its map, its changes.

use std::collections::BTreeSet;

use axum::{
    extract::State,
    http::HeaderMap,
    response::{IntoResponse, Response},
};

use super::{
    Api,
    audit::trail::Trail,
    etag,
    extract::{Json, Query},
    gate::Gate,
    problem::Problem,
    sse,
    words::{BrandSlug, RegionName},
};
use types::{BrandFacet, Facets, FleetSummary, ModelFacet, Positions, PositionsQuery, PurposeQuery};

use view::Scope;

mod stream;
pub(crate) mod types;
pub(crate) mod view;

/// What the fleet can be sliced by.
#[utoipa::path(
    get, path = "/v1/facets", tag = "fleet",
    extensions(("x-marque-action" = json!("fleet.facets.read"))),
    responses((status = 200, description = "Brands, regions, architectures, models", body = Facets)),
)]
pub(crate) async fn get_facets(
    State(api): State<Api>,
    gate: Gate,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let brands = gate.brands()?;
    let counts: Vec<_> =
        api.registry().counts().into_iter().filter(|count| brands.contains(count.brand)).collect();
    let architectures: BTreeSet<&str> = counts.iter().map(|count| count.architecture.as_str()).collect();
    let facets = Facets {
        brands: brands
            .iter()
            .map(|brand| BrandFacet { slug: BrandSlug(brand), name: brand.name().to_owned() })
            .collect(),
        regions: vec![RegionName(api.registry().region().clone())],
        architectures: architectures.into_iter().map(str::to_owned).collect(),
        models: counts
            .into_iter()
            .map(|count| ModelFacet {
                brand: BrandSlug(count.brand),
                model: count.model,
                architecture: count.architecture,
            })
            .collect(),
    };
    Ok(etag::answer(&headers, &facets))
}

/// Refuses a region that this platform is not.
pub(crate) fn check_region(api: &Api, region: Option<&RegionName>) -> Result<(), Problem> {
    let here = api.registry().region();
    match region.filter(|region| region.0 != *here) {
        Some(_) => Err(Problem::at("region", unknown_region(api))),
        None => Ok(()),
    }
}

/// What a region must be.
pub(crate) fn unknown_region(api: &Api) -> String {
    format!("must be `{}`, the region of this platform", api.registry().region())
}

/// The fleet in counts.
#[utoipa::path(
    get, path = "/v1/fleet/summary", tag = "fleet", params(PurposeQuery),
    extensions(("x-marque-action" = json!("fleet.summary.read"))),
    responses((status = 200, description = "Counts and rates", body = FleetSummary)),
)]
pub(crate) async fn get_fleet_summary(
    State(api): State<Api>,
    gate: Gate,
    Query(PurposeQuery { .. }): Query<PurposeQuery>,
) -> Result<Json<FleetSummary>, Problem> {
    let scope = Scope { purpose: gate.purpose(), brands: gate.brands()? };
    Ok(Json(api.view().frame(&api, scope).await.summary.clone()))
}

/// Where the cars are whose owners have granted location.
#[utoipa::path(
    get, path = "/v1/fleet/positions", tag = "fleet", params(PositionsQuery),
    extensions(("x-marque-action" = json!("fleet.positions.read"))),
    responses((status = 200, description = "The latest positions", body = Positions)),
)]
pub(crate) async fn list_positions(
    State(api): State<Api>,
    gate: Gate,
    trail: Trail,
    Query(query): Query<PositionsQuery>,
) -> Result<Json<Positions>, Problem> {
    check_region(&api, query.region.as_ref())?;
    let purpose = gate.purpose();
    let reach = gate.reach()?;
    let named = query.brand.map(|brand| brand.0);
    let mut items = Vec::new();
    if let Some(brands) = reach.brands_within(named)? {
        let frame = api.view().frame(&api, Scope { purpose, brands }).await;
        items.extend(frame.positions.iter().cloned());
    }
    let linked = reach.vehicles.iter().filter_map(|vehicle| api.registry().car(*vehicle));
    let linked = linked.filter(|car| named.is_none_or(|named| named == car.brand));
    items.extend(linked.filter_map(|car| view::position(&api, &car, purpose)));
    trail.count("tenant", items.len());
    Ok(Json(Positions { items, complete: true }))
}

/// Follows the fleet.
///
/// Server-sent events, each at most once a second: `summary` (`FleetSummary`, first at once, then when it
/// changed), `positions` (`Positions`: all at first, then those that changed), `connectivity`
/// (`ConnectivityChanges`). A client that falls behind gets `positions` with all of them again.
#[utoipa::path(
    get, path = "/v1/fleet/events", tag = "fleet", params(PurposeQuery),
    extensions(("x-marque-action" = json!("fleet.follow"))),
    responses((status = 200, description = "The stream", content_type = "text/event-stream", body = String,
        example = "event: connectivity\ndata: {\"items\":[]}\n\n")),
)]
pub(crate) async fn stream_fleet_events(
    State(api): State<Api>,
    gate: Gate,
    Query(PurposeQuery { .. }): Query<PurposeQuery>,
) -> Result<Response, Problem> {
    let scope = Scope { purpose: gate.purpose(), brands: gate.brands()? };
    let place = sse::place(&api)?;
    let frames = api.view().subscribe(&api, scope).await;
    Ok(sse::answer(stream::events(api, gate, scope, frames, place)).into_response())
}
