//! Whether the platform lives and can serve, and what it counts.

use axum::{extract::State, http::StatusCode, response::Response};

use super::{Api, problem::Problem};
use types::Readiness;

pub mod types;

/// Whether the process lives. Restart it when this fails.
#[utoipa::path(
    get, path = "/livez", tag = "platform", security(()),
    responses((status = 204, description = "It lives")),
)]
pub async fn get_liveness() -> StatusCode {
    StatusCode::NO_CONTENT
}

/// Whether the platform can serve. Send no traffic while this fails.
#[utoipa::path(
    get, path = "/readyz", tag = "platform", security(()),
    responses(
        (status = 200, description = "It can serve", body = Readiness),
        (status = 503, description = "It cannot serve now", body = Readiness),
    ),
)]
pub async fn get_readiness(State(_api): State<Api>) -> Result<Response, Problem> {
    Err(Problem::unavailable("soon"))
}

/// Metrics in Prometheus' text format.
///
/// Open on a listener that only this machine can reach; elsewhere it needs a token.
#[utoipa::path(
    get, path = "/metrics", tag = "platform",
    responses((status = 200, description = "The metrics", content_type = "text/plain", body = String,
        example = "marque_gateway_connections 1400\n")),
)]
pub async fn get_metrics(State(_api): State<Api>) -> Result<Response, Problem> {
    Err(Problem::unavailable("soon"))
}
