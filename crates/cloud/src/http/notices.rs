//! Notices to oneself.

use axum::{extract::State, http::StatusCode, response::Response};
use model::Micros;

use super::{
    Api,
    auth::SignedIn,
    edge,
    extract::{Json, Path, Query},
    gate::Gate,
    page,
    problem::Problem,
};
use types::{Notice, NoticePage, NoticesQuery};

pub(crate) mod types;

/// How long notices are kept: who was on a long journey still reads what happened.
pub(crate) const KEPT: Micros = Micros(400 * Micros::DAY.0);

/// Lists notices to oneself, the newest first.
#[utoipa::path(
    get, path = "/v1/notices", tag = "notices", params(NoticesQuery),
    extensions(("x-marque-action" = json!("notice.list"))),
    responses((status = 200, description = "One page", body = NoticePage)),
)]
pub(crate) async fn list_notices(
    State(api): State<Api>,
    _gate: Gate,
    signed_in: SignedIn,
    Query(query): Query<NoticesQuery>,
) -> Result<Json<NoticePage>, Problem> {
    let (cursor, limit) = page::of(query.cursor.as_deref(), query.limit)?;
    let page = api.store().notices_to(signed_in.person(), cursor.as_ref(), limit).await?;
    let items = page.items.into_iter().map(Notice::of).collect();
    Ok(Json(NoticePage { items, next_cursor: page.next.map(|next| next.to_string()) }))
}

/// Marks a notice to oneself as read.
#[utoipa::path(
    post, path = "/v1/notices/{notice_id}/acknowledgement", tag = "notices",
    extensions(("x-marque-action" = json!("notice.acknowledge"))),
    params(("notice_id" = String, Path, description = "The notice's id")),
    responses((status = 204, description = "Marked")),
)]
pub(crate) async fn acknowledge_notice(
    State(api): State<Api>,
    _gate: Gate,
    signed_in: SignedIn,
    Path(notice_id): Path<String>,
) -> Result<Response, Problem> {
    if api.store().acknowledge_notice(signed_in.person(), &notice_id, api.now()).await? {
        Ok(edge::empty(StatusCode::NO_CONTENT))
    } else {
        Err(Problem::not_found("you have no such notice; GET /v1/notices lists them"))
    }
}
