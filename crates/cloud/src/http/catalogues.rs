//! Catalogues of signals.

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use signals::{Catalogue, Leaf, LeafKind};
use store::CatalogueRow;

use super::{
    Api,
    audit::trail::Trail,
    etag,
    extract::{Json, JsonBytes, Path, Query},
    page,
    problem::{Kind, Problem},
    values,
    words::{CatalogueHashHex, CategorySlug, Time},
};
use crate::catalogues::CatalogueError;
use types::{CatalogueDocument, CatalogueItem, CataloguePage, CataloguesQuery, LeafItem, LeafKindSlug};

pub(crate) mod types;

/// Lists catalogues.
#[utoipa::path(
    get, path = "/v1/catalogues", tag = "catalogues", params(CataloguesQuery),
    extensions(("x-marque-action" = json!("catalogue.list"))),
    responses((status = 200, description = "One page", body = CataloguePage)),
)]
pub(crate) async fn list_catalogues(
    State(api): State<Api>,
    Query(query): Query<CataloguesQuery>,
) -> Result<Json<CataloguePage>, Problem> {
    let (cursor, limit) = page::of(query.cursor.as_deref(), query.limit)?;
    let page = api.store().catalogues(cursor.as_ref(), limit).await?;
    let items = page.items.into_iter().map(item).collect();
    Ok(Json(CataloguePage { items, next_cursor: page.next.map(|cursor| cursor.to_string()) }))
}

/// Adds a catalogue from VSS's JSON (vspec). A catalogue with the same leaves is the same catalogue.
#[utoipa::path(
    post, path = "/v1/catalogues", tag = "catalogues",
    extensions(("x-marque-action" = json!("catalogue.create"))),
    request_body(content = Object, description = "VSS as `vspec export json` writes it",
        example = json!({ "Vehicle": { "type": "branch", "description": "A car", "children": {
            "Speed": { "type": "sensor", "datatype": "float", "unit": "km/h", "description": "Speed" } } } })),
    responses(
        (status = 201, description = "Added", body = CatalogueItem,
            headers(("Location" = String, description = "The catalogue's path"))),
        (status = 200, description = "It was there already", body = CatalogueItem),
    ),
)]
pub(crate) async fn create_catalogue(
    State(api): State<Api>,
    trail: Trail,
    JsonBytes(body): JsonBytes,
) -> Result<Response, Problem> {
    let (row, added) = api.catalogues().add(api.store(), body, api.now()).await.map_err(refused)?;
    let item = item(row);
    trail.resource("catalogue", &item.hash);
    let location = format!("/v1/catalogues/{}", item.hash);
    let status = if added { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, [(header::LOCATION, location)], Json(item)).into_response())
}

/// A catalogue with all its leaves.
#[utoipa::path(
    get, path = "/v1/catalogues/{hash}", tag = "catalogues",
    extensions(("x-marque-action" = json!("catalogue.read"))),
    params(("hash" = inline(CatalogueHashHex), Path, description = "The catalogue's hash")),
    responses((status = 200, description = "The catalogue", body = CatalogueDocument)),
)]
pub(crate) async fn get_catalogue(
    State(api): State<Api>,
    Path(hash): Path<CatalogueHashHex>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let catalogue = api.catalogues().get(hash.0);
    let catalogue =
        catalogue.ok_or_else(|| Problem::not_found("no such catalogue; GET /v1/catalogues lists them"))?;
    Ok(etag::answer(&headers, &document(&catalogue)))
}

fn item(row: CatalogueRow) -> CatalogueItem {
    CatalogueItem {
        hash: CatalogueHashHex(row.hash),
        leaf_count: row.leaf_count,
        created_at: Time(row.created_at),
    }
}

fn document(catalogue: &Catalogue) -> CatalogueDocument {
    CatalogueDocument {
        hash: CatalogueHashHex(catalogue.hash()),
        leaves: catalogue.leaves().map(|leaf| leaf_item(leaf)).collect(),
    }
}

fn leaf_item(leaf: &Leaf) -> LeafItem {
    LeafItem {
        signal_id: leaf.id.0,
        path: leaf.path.to_string(),
        kind: match leaf.kind {
            LeafKind::Sensor => LeafKindSlug::Sensor,
            LeafKind::Actuator => LeafKindSlug::Actuator,
            LeafKind::Attribute => LeafKindSlug::Attribute,
        },
        data_type: leaf.data_type.to_string(),
        unit: leaf.unit.as_deref().map(str::to_owned),
        min: leaf.limits.min,
        max: leaf.limits.max,
        allowed: leaf.limits.allowed.iter().map(values::json).collect(),
        category: CategorySlug(leaf.category),
        scale: leaf.scale.digits(),
        description: leaf.description.to_string(),
    }
}

fn refused(error: CatalogueError) -> Problem {
    match error {
        CatalogueError::Store(error) => error.into(),
        CatalogueError::Invalid(error) => Problem::new(Kind::Unprocessable, error.to_string()),
        CatalogueError::TooMany => Problem::new(Kind::Unprocessable, error.to_string()),
        CatalogueError::Text => Problem::bad_request("the body is not UTF-8"),
    }
}
