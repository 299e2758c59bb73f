//! The fleet as a whole: what it can be sliced by, its counts, its map, its changes.

use axum::{extract::State, response::Response};

use super::{
    Api,
    extract::{Json, Query},
    problem::Problem,
};
use types::{EventsQuery, Facets, FleetSummary, Positions, PositionsQuery};

pub mod types;

/// What the fleet can be sliced by.
#[utoipa::path(
    get, path = "/v1/facets", tag = "fleet",
    responses((status = 200, description = "Brands, regions, architectures, models", body = Facets)),
)]
pub async fn get_facets(State(_api): State<Api>) -> Result<Json<Facets>, Problem> {
    Err(Problem::unavailable("soon"))
}

/// The fleet in counts.
#[utoipa::path(
    get, path = "/v1/fleet/summary", tag = "fleet",
    responses((status = 200, description = "Counts and rates", body = FleetSummary)),
)]
pub async fn get_fleet_summary(State(_api): State<Api>) -> Result<Json<FleetSummary>, Problem> {
    Err(Problem::unavailable("soon"))
}

/// Where the cars are whose owners have granted location.
#[utoipa::path(
    get, path = "/v1/fleet/positions", tag = "fleet", params(PositionsQuery),
    responses((status = 200, description = "The latest positions", body = Positions)),
)]
pub async fn list_positions(
    State(_api): State<Api>,
    Query(_query): Query<PositionsQuery>,
) -> Result<Json<Positions>, Problem> {
    Err(Problem::unavailable("soon"))
}

/// Follows the fleet.
///
/// Server-sent events, each at most once a second: `summary` (`FleetSummary`, first at once, then when it
/// changed), `positions` (`Positions`: all at first, then those that changed), `connectivity`
/// (`ConnectivityChanges`). A client that falls behind gets `positions` with all of them again.
#[utoipa::path(
    get, path = "/v1/fleet/events", tag = "fleet", params(EventsQuery),
    responses((status = 200, description = "The stream", content_type = "text/event-stream", body = String,
        example = "event: connectivity\ndata: {\"items\":[]}\n\n")),
)]
pub async fn stream_fleet_events(
    State(_api): State<Api>,
    Query(_query): Query<EventsQuery>,
) -> Result<Response, Problem> {
    Err(Problem::unavailable("soon"))
}
