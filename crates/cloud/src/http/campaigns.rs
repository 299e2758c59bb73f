//! Campaigns: what cars collect.

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use identity::{Action, Brands, BrandsThing, Facts, What};
use model::{CampaignId, CampaignVersion};
use store::{CampaignSummary, Selector};
use wire::Kind;

use super::{
    Api,
    audit::trail::Trail,
    etag,
    extract::{Json, Path, Query},
    fleet,
    gate::Gate,
    page,
    people::types::brands_of,
    problem::Problem,
    words::{BrandSlug, PurposeSlug, Time, VehicleIdHex},
};
use crate::{
    desired::{Change, DesiredError},
    documents::CampaignDocument,
    registry::KnownCampaign,
};
use types::{
    Assigned, Campaign, CampaignItem, CampaignPage, CampaignStatus, CampaignsQuery, Unassigned, VehicleChoice,
};

pub(crate) mod types;

pub use types::VEHICLE_IDS_MAX;

/// Lists campaigns that one's brands have a part in, the newest first.
#[utoipa::path(
    get, path = "/v1/campaigns", tag = "campaigns", params(CampaignsQuery),
    extensions(("x-marque-action" = json!("campaign.list"))),
    responses((status = 200, description = "One page", body = CampaignPage)),
)]
pub(crate) async fn list_campaigns(
    State(api): State<Api>,
    gate: Gate,
    Query(query): Query<CampaignsQuery>,
) -> Result<Json<CampaignPage>, Problem> {
    let brands = gate.brands()?.filter();
    let (cursor, limit) = page::of(query.cursor.as_deref(), query.limit)?;
    let page = api.store().campaigns(brands.as_deref(), cursor.as_ref(), limit).await?;
    let items = page.items.into_iter().map(item).collect();
    Ok(Json(CampaignPage { items, next_cursor: page.next.map(|cursor| cursor.to_string()) }))
}

/// Creates a campaign for cars of some brands. It collects nothing until it is assigned.
#[utoipa::path(
    post, path = "/v1/campaigns", tag = "campaigns", request_body = CampaignDocument,
    extensions(("x-marque-action" = json!("campaign.create"))),
    responses((status = 201, description = "Created", body = Campaign,
        headers(("Location" = String, description = "The campaign's path")))),
)]
pub(crate) async fn create_campaign(
    State(api): State<Api>,
    gate: Gate,
    trail: Trail,
    Json(document): Json<CampaignDocument>,
) -> Result<Response, Problem> {
    let brands = brands_of(&document.brands)?;
    trail.brands(brands.iter());
    gate.ask(of_brands(brands), Facts::NONE)?;
    let id = api.desired().create_campaign(&document, brands, api.now()).await?;
    trail.resource("campaign", id);
    let campaign = read(&api, id, brands).await?;
    let location = format!("/v1/campaigns/{id}");
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(campaign)).into_response())
}

/// A campaign in its newest version.
#[utoipa::path(
    get, path = "/v1/campaigns/{campaign_id}", tag = "campaigns",
    extensions(("x-marque-action" = json!("campaign.read"))),
    params(("campaign_id" = u64, Path, description = "The campaign's number")),
    responses((status = 200, description = "The campaign", body = Campaign)),
)]
pub(crate) async fn get_campaign(
    State(api): State<Api>,
    gate: Gate,
    Path(campaign_id): Path<u64>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (known, brands) = seen(&api, &gate, campaign_id)?;
    let campaign = read(&api, known.id, brands).await?;
    Ok(etag::answer(&headers, &campaign))
}

/// Gives a campaign a new document; the cars that have it fetch it.
#[utoipa::path(
    put, path = "/v1/campaigns/{campaign_id}", tag = "campaigns",
    extensions(("x-marque-action" = json!("campaign.change"))),
    params(("campaign_id" = u64, Path, description = "The campaign's number")),
    request_body = CampaignDocument,
    responses((status = 200, description = "The campaign in its new version", body = Campaign)),
)]
pub(crate) async fn put_campaign(
    State(api): State<Api>,
    gate: Gate,
    trail: Trail,
    Path(campaign_id): Path<u64>,
    headers: HeaderMap,
    Json(document): Json<CampaignDocument>,
) -> Result<Json<Campaign>, Problem> {
    let known = written(&api, &gate, &trail, campaign_id)?;
    let stored = read(&api, known.id, known.brands).await?;
    etag::check_match(&headers, &stored)?;
    let version = CampaignVersion(stored.version);
    api.desired().change_campaign(known, version, &document, api.now()).await?;
    Ok(Json(read(&api, known.id, known.brands).await?))
}

/// Assigns a campaign to vehicles; they fetch it.
#[utoipa::path(
    post, path = "/v1/campaigns/{campaign_id}/assignments", tag = "campaigns",
    extensions(("x-marque-action" = json!("campaign.assign"))),
    params(("campaign_id" = u64, Path, description = "The campaign's number")),
    request_body = VehicleChoice,
    responses((status = 200, description = "Assigned", body = Assigned)),
)]
pub(crate) async fn assign_campaign(
    State(api): State<Api>,
    gate: Gate,
    trail: Trail,
    Path(campaign_id): Path<u64>,
    Json(body): Json<VehicleChoice>,
) -> Result<Json<Assigned>, Problem> {
    let known = written(&api, &gate, &trail, campaign_id)?;
    let Chosen { selector, unknown_models, unknown_vehicle_ids } = choose(&api, known.brands, body)?;
    trail.brands(selector.brands.iter().copied());
    let Change { matched, changed: assigned } =
        api.desired().assign_campaign(known.id, &selector, api.now()).await?;
    Ok(Json(Assigned { matched, assigned, unknown_models, unknown_vehicle_ids }))
}

/// Takes a campaign from vehicles: they stop collecting for it. What they have collected still comes.
#[utoipa::path(
    post, path = "/v1/campaigns/{campaign_id}/unassignments", tag = "campaigns",
    extensions(("x-marque-action" = json!("campaign.unassign"))),
    params(("campaign_id" = u64, Path, description = "The campaign's number")),
    request_body = VehicleChoice,
    responses((status = 200, description = "Taken from them", body = Unassigned)),
)]
pub(crate) async fn unassign_campaign(
    State(api): State<Api>,
    gate: Gate,
    trail: Trail,
    Path(campaign_id): Path<u64>,
    Json(body): Json<VehicleChoice>,
) -> Result<Json<Unassigned>, Problem> {
    let known = written(&api, &gate, &trail, campaign_id)?;
    let Chosen { selector, unknown_models, unknown_vehicle_ids } = choose(&api, known.brands, body)?;
    trail.brands(selector.brands.iter().copied());
    let Change { matched, changed: unassigned } =
        api.desired().unassign_campaign(known.id, &selector, api.now()).await?;
    Ok(Json(Unassigned { matched, unassigned, unknown_models, unknown_vehicle_ids }))
}

/// Ends a campaign for good: no vehicle collects for it any more. What they have collected still comes.
#[utoipa::path(
    post, path = "/v1/campaigns/{campaign_id}/end", tag = "campaigns",
    extensions(("x-marque-action" = json!("campaign.end"))),
    params(("campaign_id" = u64, Path, description = "The campaign's number")),
    responses((status = 200, description = "The campaign, ended", body = Campaign)),
)]
pub(crate) async fn end_campaign(
    State(api): State<Api>,
    gate: Gate,
    trail: Trail,
    Path(campaign_id): Path<u64>,
) -> Result<Json<Campaign>, Problem> {
    let known = written(&api, &gate, &trail, campaign_id)?;
    api.desired().end_campaign(known.id, api.now()).await?;
    Ok(Json(read(&api, known.id, known.brands).await?))
}

/// How far a campaign has come in one's brands.
#[utoipa::path(
    get, path = "/v1/campaigns/{campaign_id}/status", tag = "campaigns",
    extensions(("x-marque-action" = json!("campaign.status.read"))),
    params(("campaign_id" = u64, Path, description = "The campaign's number")),
    responses((status = 200, description = "Counts of vehicles", body = CampaignStatus)),
)]
pub(crate) async fn get_campaign_status(
    State(api): State<Api>,
    gate: Gate,
    Path(campaign_id): Path<u64>,
) -> Result<Json<CampaignStatus>, Problem> {
    let (KnownCampaign { id, version, .. }, brands) = seen(&api, &gate, campaign_id)?;
    let filter = brands.filter();
    let counts = api.store().campaign_status(id, filter.as_deref(), Kind::Campaigns.slug()).await?;
    Ok(Json(CampaignStatus {
        campaign_id,
        version: version.0,
        assigned: counts.assigned,
        applied: counts.applied,
        pending: counts.assigned.saturating_sub(counts.applied + counts.failed),
        failed: counts.failed,
        samples: api.twins().campaign_samples(id, brands),
    }))
}

/// A campaign, and those of its brands that may be told of it.
fn seen(api: &Api, gate: &Gate, campaign_id: u64) -> Result<(KnownCampaign, Brands), Problem> {
    let reach = gate.brands()?;
    let known = known(api, campaign_id)?;
    let brands = known.brands.and(reach).ok_or_else(not_there)?;
    Ok((known, brands))
}

/// A campaign that may be written, which is of all of its brands. Of one that may not even be read nothing is told.
fn written(api: &Api, gate: &Gate, trail: &Trail, campaign_id: u64) -> Result<KnownCampaign, Problem> {
    let known = known(api, campaign_id)?;
    trail.brands(known.brands.iter());
    let may_read = |brand| gate.may(Action::CampaignRead, What::Tenant { brand });
    gate.ask(of_brands(known.brands), Facts::NONE)
        .map_err(|problem| if known.brands.iter().any(may_read) { problem } else { not_there() })?;
    Ok(known)
}

fn known(api: &Api, campaign_id: u64) -> Result<KnownCampaign, Problem> {
    api.registry().campaign(CampaignId(campaign_id)).ok_or_else(not_there)
}

fn not_there() -> Problem {
    Problem::not_found("no such campaign; GET /v1/campaigns lists them")
}

const fn of_brands(brands: Brands) -> What {
    What::OfBrands { brands, thing: BrandsThing::Campaign }
}

/// Which vehicles a request means, and what of it names none.
struct Chosen {
    selector: Selector,
    unknown_models: Vec<String>,
    unknown_vehicle_ids: Vec<VehicleIdHex>,
}

/// Of the campaign's brands only.
fn choose(api: &Api, of: Brands, body: VehicleChoice) -> Result<Chosen, Problem> {
    let VehicleChoice { brands, regions, models, vehicle_ids } = body;
    if brands.is_empty() && regions.is_empty() && models.is_empty() && vehicle_ids.is_empty() {
        let choice = "give at least one of brands, regions, models and vehicle_ids";
        return Err(Problem::at("brands", choice));
    }
    let lists = [
        ("brands", brands.len(), types::WORDS_MAX),
        ("regions", regions.len(), types::WORDS_MAX),
        ("models", models.len(), types::MODELS_MAX),
        ("vehicle_ids", vehicle_ids.len(), VEHICLE_IDS_MAX),
    ];
    if let Some((list, _, most)) = lists.into_iter().find(|(_, count, most)| count > most) {
        return Err(Problem::at(list, format!("at most {most} at once; choose by a list that names more")));
    }
    if let Some(index) = brands.iter().position(|brand| !of.contains(brand.0)) {
        let why =
            format!("the campaign is for cars of {of:?}; its brands stay as they were when it was created");
        return Err(Problem::at(format!("brands[{index}]"), why));
    }
    if let Some(index) = regions.iter().position(|region| region.0 != *api.registry().region()) {
        return Err(Problem::at(format!("regions[{index}]"), fleet::unknown_region(api)));
    }
    Ok(Chosen {
        unknown_models: api.registry().unknown_models(&models),
        unknown_vehicle_ids: vehicle_ids
            .iter()
            .filter(|id| api.registry().car(id.0).is_none_or(|car| !of.contains(car.brand)))
            .cloned()
            .collect(),
        selector: Selector {
            brands: if brands.is_empty() {
                of.iter().collect()
            } else {
                brands.into_iter().map(|brand| brand.0).collect()
            },
            regions: regions.into_iter().map(|region| region.0).collect(),
            models,
            vehicles: vehicle_ids.into_iter().map(|id| id.0).collect(),
        },
    })
}

fn item(row: CampaignSummary) -> CampaignItem {
    CampaignItem {
        campaign_id: row.id.0,
        version: row.version.0,
        created_at: Time(row.created_at),
        updated_at: Time(row.updated_at),
        assigned: row.assigned,
        ended_at: row.ended_at.map(Time),
        name: row.name,
        purpose: PurposeSlug(row.purpose),
        brands: row.brands.into_iter().map(BrandSlug).collect(),
        signals: row.signals,
    }
}

/// The campaign, with its vehicles of these brands.
async fn read(api: &Api, id: CampaignId, brands: Brands) -> Result<Campaign, Problem> {
    let row = api.store().campaign(id, brands.filter().as_deref()).await?;
    let document = CampaignDocument::from_text(&row.document)
        .ok_or_else(|| Problem::internal(&DesiredError::Stored(row.id)))?;
    Ok(Campaign {
        campaign_id: row.id.0,
        version: row.version.0,
        created_at: Time(row.created_at),
        updated_at: Time(row.updated_at),
        assigned: row.assigned,
        ended_at: row.ended_at.map(Time),
        name: document.name,
        purpose: document.purpose,
        brands: row.brands.into_iter().map(BrandSlug).collect(),
        groups: document.groups,
        samples_per_minute_max: document.samples_per_minute_max,
    })
}

impl From<DesiredError> for Problem {
    fn from(error: DesiredError) -> Self {
        match error {
            DesiredError::Store(error) => error.into(),
            DesiredError::Campaign(wrong) => Self::places(wrong),
            DesiredError::Stored(_) | DesiredError::Envelope(_) => Self::internal(&error),
        }
    }
}
