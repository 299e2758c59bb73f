//! Catalogues of signals.

use axum::{extract::State, response::Response};

use super::{
    Api,
    extract::{Json, Path, Query},
    problem::Problem,
    words::CatalogueHashHex,
};
use types::{CatalogueDocument, CatalogueItem, CataloguePage, CataloguesQuery};

pub mod types;

/// Lists catalogues, the newest first.
#[utoipa::path(
    get, path = "/v1/catalogues", tag = "catalogues", params(CataloguesQuery),
    responses((status = 200, description = "One page", body = CataloguePage)),
)]
pub async fn list_catalogues(
    State(_api): State<Api>,
    Query(_query): Query<CataloguesQuery>,
) -> Result<Json<CataloguePage>, Problem> {
    Err(Problem::unavailable("soon"))
}

/// Adds a catalogue from VSS's JSON (vspec). A catalogue with the same leaves is the same catalogue.
#[utoipa::path(
    post, path = "/v1/catalogues", tag = "catalogues",
    request_body(content = Object, description = "VSS as `vspec export json` writes it",
        example = json!({ "Vehicle": { "type": "branch", "description": "A car", "children": {
            "Speed": { "type": "sensor", "datatype": "float", "unit": "km/h", "description": "Speed" } } } })),
    responses(
        (status = 201, description = "Added", body = CatalogueItem,
            headers(("Location" = String, description = "The catalogue's path"))),
        (status = 200, description = "It was there already", body = CatalogueItem),
    ),
)]
pub async fn create_catalogue(
    State(_api): State<Api>,
    Json(_body): Json<serde_json::Value>,
) -> Result<Response, Problem> {
    Err(Problem::unavailable("soon"))
}

/// A catalogue with all its leaves.
#[utoipa::path(
    get, path = "/v1/catalogues/{hash}", tag = "catalogues",
    params(("hash" = inline(CatalogueHashHex), Path, description = "The catalogue's hash")),
    responses((status = 200, description = "The catalogue", body = CatalogueDocument)),
)]
pub async fn get_catalogue(
    State(_api): State<Api>,
    Path(_hash): Path<CatalogueHashHex>,
) -> Result<Json<CatalogueDocument>, Problem> {
    Err(Problem::unavailable("soon"))
}
