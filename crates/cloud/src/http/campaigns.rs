//! Campaigns: what cars collect.

use axum::{extract::State, response::Response};

use super::{
    Api,
    extract::{Json, Path, Query},
    problem::Problem,
};
use types::{Assigned, Assignment, Campaign, CampaignDocument, CampaignPage, CampaignStatus, CampaignsQuery};

pub mod types;

/// Lists campaigns, the newest first.
#[utoipa::path(
    get, path = "/v1/campaigns", tag = "campaigns", params(CampaignsQuery),
    responses((status = 200, description = "One page", body = CampaignPage)),
)]
pub async fn list_campaigns(
    State(_api): State<Api>,
    Query(_query): Query<CampaignsQuery>,
) -> Result<Json<CampaignPage>, Problem> {
    Err(Problem::unavailable("soon"))
}

/// Creates a campaign. It collects nothing until it is assigned.
#[utoipa::path(
    post, path = "/v1/campaigns", tag = "campaigns", request_body = CampaignDocument,
    responses((status = 201, description = "Created", body = Campaign,
        headers(("Location" = String, description = "The campaign's path")))),
)]
pub async fn create_campaign(
    State(_api): State<Api>,
    Json(_body): Json<CampaignDocument>,
) -> Result<Response, Problem> {
    Err(Problem::unavailable("soon"))
}

/// A campaign in its newest version.
#[utoipa::path(
    get, path = "/v1/campaigns/{campaign_id}", tag = "campaigns",
    params(("campaign_id" = u64, Path, description = "The campaign's number")),
    responses((status = 200, description = "The campaign", body = Campaign)),
)]
pub async fn get_campaign(
    State(_api): State<Api>,
    Path(_campaign_id): Path<u64>,
) -> Result<Json<Campaign>, Problem> {
    Err(Problem::unavailable("soon"))
}

/// Gives a campaign a new document; the cars that have it fetch it.
#[utoipa::path(
    put, path = "/v1/campaigns/{campaign_id}", tag = "campaigns",
    params(("campaign_id" = u64, Path, description = "The campaign's number")),
    request_body = CampaignDocument,
    responses((status = 200, description = "The campaign in its new version", body = Campaign)),
)]
pub async fn put_campaign(
    State(_api): State<Api>,
    Path(_campaign_id): Path<u64>,
    Json(_body): Json<CampaignDocument>,
) -> Result<Json<Campaign>, Problem> {
    Err(Problem::unavailable("soon"))
}

/// Assigns a campaign to vehicles; they fetch it.
#[utoipa::path(
    post, path = "/v1/campaigns/{campaign_id}/assignments", tag = "campaigns",
    params(("campaign_id" = u64, Path, description = "The campaign's number")),
    request_body = Assignment,
    responses((status = 200, description = "Assigned", body = Assigned)),
)]
pub async fn assign_campaign(
    State(_api): State<Api>,
    Path(_campaign_id): Path<u64>,
    Json(_body): Json<Assignment>,
) -> Result<Json<Assigned>, Problem> {
    Err(Problem::unavailable("soon"))
}

/// How far a campaign has come.
#[utoipa::path(
    get, path = "/v1/campaigns/{campaign_id}/status", tag = "campaigns",
    params(("campaign_id" = u64, Path, description = "The campaign's number")),
    responses((status = 200, description = "Counts of vehicles", body = CampaignStatus)),
)]
pub async fn get_campaign_status(
    State(_api): State<Api>,
    Path(_campaign_id): Path<u64>,
) -> Result<Json<CampaignStatus>, Problem> {
    Err(Problem::unavailable("soon"))
}
