//! The fleet as a whole: what it can be sliced by, its counts, its map, its changes.

use std::collections::BTreeSet;

use axum::{
    extract::State,
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use model::{Brand, Purpose};

use super::{
    Api,
    audit::trail::Trail,
    auth::Principal,
    etag,
    extract::{Json, Query},
    problem::Problem,
    sse,
    words::{BrandSlug, RegionName},
};
use types::{BrandFacet, Facets, FleetSummary, ModelFacet, Positions, PositionsQuery, PurposeQuery};

mod stream;
pub(crate) mod types;
pub(crate) mod view;

/// What the console is for, when a request does not say what else.
pub(crate) const PURPOSE: Purpose = Purpose::FleetManagement;

/// What the fleet can be sliced by.
#[utoipa::path(
    get, path = "/v1/facets", tag = "fleet",
    extensions(("x-marque-action" = json!("fleet.facets.read"))),
    responses((status = 200, description = "Brands, regions, architectures, models", body = Facets)),
)]
pub(crate) async fn get_facets(State(api): State<Api>, headers: HeaderMap) -> Response {
    let counts = api.registry().counts();
    let architectures: BTreeSet<&str> = counts.iter().map(|count| count.architecture.as_str()).collect();
    let facets = Facets {
        brands: Brand::ALL
            .map(|brand| BrandFacet { slug: BrandSlug(brand), name: brand.name().to_owned() })
            .into(),
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
    etag::answer(&headers, &facets)
}

/// Refuses a region that this platform is not.
pub(crate) fn check_region(api: &Api, region: Option<&RegionName>) -> Result<(), Problem> {
    let here = api.registry().region();
    match region.filter(|region| region.0 != *here) {
        Some(_) => Err(Problem::query("region", unknown_region(api))),
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
    Query(query): Query<PurposeQuery>,
) -> Json<FleetSummary> {
    Json(api.view().frame(&api, query.purpose()).await.summary.clone())
}

/// Where the cars are whose owners have granted location.
#[utoipa::path(
    get, path = "/v1/fleet/positions", tag = "fleet", params(PositionsQuery),
    extensions(("x-marque-action" = json!("fleet.positions.read"))),
    responses((status = 200, description = "The latest positions", body = Positions)),
)]
pub(crate) async fn list_positions(
    State(api): State<Api>,
    trail: Trail,
    Query(query): Query<PositionsQuery>,
) -> Result<Json<Positions>, Problem> {
    check_region(&api, query.region.as_ref())?;
    let purpose = query.purpose.map_or(PURPOSE, |purpose| purpose.0);
    let frame = api.view().frame(&api, purpose).await;
    let wanted = |brand: &BrandSlug| query.brand.as_ref().is_none_or(|wanted| wanted == brand);
    let items: Vec<_> = frame.positions.iter().filter(|position| wanted(&position.brand)).cloned().collect();
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
    principal: Principal,
    Query(query): Query<PurposeQuery>,
) -> Result<Response, Problem> {
    let purpose = query.purpose();
    let place = sse::place(&api)?;
    let frames = api.view().subscribe(&api, purpose).await;
    Ok(sse::answer(stream::events(api, principal, purpose, frames, place)).into_response())
}
