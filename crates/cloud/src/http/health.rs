//! Whether the platform lives and can serve, and what it counts.

use axum::{
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};

use super::{Api, edge, extract::Json};
use types::{Check, Readiness};

pub(crate) mod types;

/// Whether the process lives. Restart it when this fails.
#[utoipa::path(
    get, path = "/livez", tag = "platform", security(()),
    responses((status = 204, description = "It lives")),
)]
pub(crate) async fn get_liveness() -> StatusCode {
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
pub(crate) async fn get_readiness(State(api): State<Api>) -> Response {
    let sql = api.store().ping().await;
    let mut checks = vec![Check {
        name: "sql".to_owned(),
        ok: sql.is_ok(),
        detail: sql.err().map(|_| "the database does not answer".to_owned()),
    }];
    checks.extend(api.probes().iter().map(|probe| {
        let state = (probe.check)();
        Check { name: probe.name.to_owned(), ok: state.is_ok(), detail: state.err() }
    }));
    let stopping = api.stopping().is_cancelled();
    checks.push(Check {
        name: "running".to_owned(),
        ok: !stopping,
        detail: stopping.then(|| "the platform is stopping".to_owned()),
    });
    let ready = checks.iter().all(|check| check.ok);
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let mut response = (status, Json(Readiness { ready, checks })).into_response();
    response.extensions_mut().insert(edge::Keep);
    response
}

/// Metrics in Prometheus' text format.
///
/// Open on a listener that only this machine can reach; elsewhere it needs a token.
#[utoipa::path(
    get, path = "/metrics", tag = "platform",
    extensions(("x-marque-action" = json!("metrics.read"))),
    responses((status = 200, description = "The metrics", content_type = "text/plain", body = String,
        example = "marque_gateway_connections 1400\n")),
)]
pub(crate) async fn get_metrics(State(api): State<Api>) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], api.render_metrics()).into_response()
}
