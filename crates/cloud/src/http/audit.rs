//! The audit log: its files for whoever verifies it, its entries for whoever may read them.

use std::collections::BTreeMap;

use ::audit::{Event, Evidence, Field, Label, LogPath, Opening};
use axum::{
    extract::State,
    http::{HeaderValue, Uri, header},
    response::{IntoResponse, Response},
};
use identity::Brands;
use model::{Timestamp, VehicleId};
use store::{AuditFilter, AuditOpening, Cursor};

use super::{
    Api,
    auth::SignedIn,
    extract::{Json, Path, Paths, Query},
    gate::Gate,
    page,
    problem::{Kind, Problem},
    words::{BrandSlug, PurposeSlug, RegionName, Time, VehicleIdHex},
};
use crate::audit::{AuditError, commitment_hex};
use trail::Trail;
use types::{AuditItem, AuditPage, AuditQuery, CarAuditQuery, Disclosed, OutcomeSlug, Party};

pub(crate) mod actions;
pub(crate) mod strangers;
pub(crate) mod trail;
pub(crate) mod types;

/// A file that is whole never changes; a client may keep it for a year.
const FOR_GOOD: &str = "private, max-age=31536000, immutable";

/// The newest signed checkpoint of the audit log (c2sp.org/tlog-checkpoint).
#[utoipa::path(
    get, path = "/v1/audit/log/checkpoint", tag = "audit",
    extensions(("x-marque-action" = json!("audit.checkpoint.read"))),
    responses((status = 200, description = "A signed note", content_type = "text/plain", body = String,
        example = "marque/eu/audit\n2\nqINS1GRFhWHwdkUeqLEoP4yEMkTBBzxBkGwGQlVlVcs=\n\n\u{2014} marque/eu/audit Az3grlgt...\n")),
)]
pub(crate) async fn get_audit_checkpoint(State(api): State<Api>) -> Response {
    text(api.audit().checkpoint().note().to_string())
}

/// A tile of hashes (c2sp.org/tlog-tiles). `tile` goes in threes, such as `x001/234` or `000.p/5`.
#[utoipa::path(
    get, path = "/v1/audit/log/tile/{level}/{tile}", tag = "audit",
    extensions(("x-marque-action" = json!("audit.tile.read"))),
    params(("level" = u8, Path, description = "0 for hashes of entries"),
        ("tile" = String, Path, description = "The tile's number, and its width when it is not full")),
    responses((status = 200, description = "Hashes of 32 bytes", content_type = "application/octet-stream",
        body = String, example = "")),
)]
pub(crate) async fn get_audit_tile(State(api): State<Api>, uri: Uri) -> Result<Response, Problem> {
    file(&api, path_of(&uri)).await
}

/// A bundle of whole entries (c2sp.org/tlog-tiles). Every such read is recorded itself.
#[utoipa::path(
    get, path = "/v1/audit/log/tile/entries/{tile}", tag = "audit",
    extensions(("x-marque-action" = json!("audit.entries.read"))),
    params(("tile" = String, Path, description = "The bundle's number, and its width when it is not full")),
    responses((status = 200, description = "Entries, each behind its length in two bytes, big-endian",
        content_type = "application/octet-stream", body = String, example = "")),
)]
pub(crate) async fn get_audit_bundle(
    State(api): State<Api>,
    trail: Trail,
    uri: Uri,
) -> Result<Response, Problem> {
    let path = path_of(&uri);
    let response = file(&api, path).await?;
    trail.resource("audit-bundle", path);
    Ok(response)
}

/// Searches the audit log, the newest entries first.
#[utoipa::path(
    get, path = "/v1/audit/entries", tag = "audit", params(AuditQuery),
    extensions(("x-marque-action" = json!("audit.search"))),
    responses((status = 200, description = "One page", body = AuditPage)),
)]
pub(crate) async fn list_audit_entries(
    State(api): State<Api>,
    gate: Gate,
    trail: Trail,
    Query(query): Query<AuditQuery>,
) -> Result<Json<AuditPage>, Problem> {
    let named = query.brand.map(|brand| brand.0);
    let reach = gate.reach()?;
    let brands = reach.brands_within(named)?.ok_or_else(no_brand)?;
    let (cursor, limit) = page::of(query.cursor.as_deref(), query.limit)?;
    let actor = query.actor.map(|actor| (Label::Actor.slug(), actor));
    let vehicle = query.vehicle_id.map(|vehicle| (Label::Resource.slug(), vehicle.0.to_string()));
    let filter = AuditFilter {
        from: query.from.map(|time| time.0),
        to: query.to.map(|time| time.0),
        action: query.action,
        // What belongs to no brand is for who sees all.
        brands: (named.is_some() || brands != Brands::ALL).then(|| brands.iter().collect()),
        outcome: query.outcome.map(|outcome| ::audit::Outcome::from(outcome).slug().to_owned()),
        opened: actor.into_iter().chain(vehicle).collect(),
    };
    let page = entries(&api, &filter, cursor.as_ref(), limit, "/v1/audit/entries").await?;
    trail.count("tenant", page.items.len());
    Ok(Json(page))
}

/// The proof that an entry is in the log (c2sp.org/tlog-proof), with the entry and what opens it.
#[utoipa::path(
    get, path = "/v1/audit/entries/{index}/proof", tag = "audit",
    extensions(("x-marque-action" = json!("audit.search"))),
    params(("index" = u64, Path, description = "The entry's place in the log, from 0")),
    responses((status = 200, description = "A text that can be verified without the log",
        content_type = "text/plain", body = String, example = "c2sp.org/tlog-proof@v1\nextra ...\nindex 0\n\n...")),
)]
pub(crate) async fn get_audit_proof(
    State(api): State<Api>,
    gate: Gate,
    trail: Trail,
    Path(index): Path<u64>,
) -> Result<Response, Problem> {
    let brands = gate.brands()?;
    let may_see = |event: &Event, _: &[AuditOpening]| {
        event.brand.map_or(brands == Brands::ALL, |brand| brands.contains(brand))
    };
    let proof = proof(&api, index, may_see).await?;
    trail.resource("audit-entry", index);
    Ok(proof)
}

async fn proof(
    api: &Api,
    index: u64,
    may_see: impl FnOnce(&Event, &[AuditOpening]) -> bool,
) -> Result<Response, Problem> {
    let found = api.audit().entries(&[index]).await?.remove(&index);
    let gone = || Problem::not_found("the log has no such entry");
    let entry = found.ok_or_else(gone)?;
    let openings = api.store().audit_openings(&[index]).await?;
    if !may_see(&Event::decode(&entry).map_err(AuditError::Log)?, &openings) {
        return Err(gone());
    }
    let openings: Vec<Opening> = openings.iter().map(opened).collect::<Result<_, _>>()?;
    let evidence = Evidence::new(entry, openings).map_err(AuditError::Log)?;
    Ok(text(api.audit().proof(index, evidence).await?.to_string()))
}

/// Who accessed what of one's own car since it is one's own, the newest entries first.
#[utoipa::path(
    get, path = "/v1/vehicles/{vehicle_id}/audit", tag = "audit",
    extensions(("x-marque-action" = json!("audit.read_own_car"))),
    params(("vehicle_id" = inline(VehicleIdHex), Path, description = "The vehicle's id"), CarAuditQuery),
    responses((status = 200, description = "One page", body = AuditPage)),
)]
pub(crate) async fn list_vehicle_audit(
    State(api): State<Api>,
    gate: Gate,
    signed_in: SignedIn,
    Path(vehicle_id): Path<VehicleIdHex>,
    Query(query): Query<CarAuditQuery>,
) -> Result<Json<AuditPage>, Problem> {
    let (cursor, limit) = page::of(query.cursor.as_deref(), query.limit)?;
    let car = gate.car(vehicle_id.0)?;
    let opened = vec![(Label::Resource.slug(), car.vehicle.to_string())];
    let from = since(&signed_in, car.vehicle);
    let filter = AuditFilter { opened, from, ..AuditFilter::default() };
    let proofs = format!("/v1/vehicles/{vehicle_id}/audit");
    Ok(Json(entries(&api, &filter, cursor.as_ref(), limit, &proofs).await?))
}

/// The proof that an entry about one's own car is in the log (c2sp.org/tlog-proof).
#[utoipa::path(
    get, path = "/v1/vehicles/{vehicle_id}/audit/{index}/proof", tag = "audit",
    extensions(("x-marque-action" = json!("audit.read_own_car"))),
    params(("vehicle_id" = inline(VehicleIdHex), Path, description = "The vehicle's id"),
        ("index" = u64, Path, description = "The entry's place in the log, from 0")),
    responses((status = 200, description = "A text that can be verified without the log",
        content_type = "text/plain", body = String, example = "c2sp.org/tlog-proof@v1\nextra ...\nindex 0\n\n...")),
)]
pub(crate) async fn get_vehicle_audit_proof(
    State(api): State<Api>,
    gate: Gate,
    signed_in: SignedIn,
    Paths(vehicle_id, index): Paths<VehicleIdHex, u64>,
) -> Result<Response, Problem> {
    let car = gate.car(vehicle_id.0)?;
    let (vehicle, from) = (car.vehicle.to_string(), since(&signed_in, car.vehicle));
    let is_of_car =
        |opening: &AuditOpening| opening.label == Label::Resource.slug() && opening.value == vehicle;
    proof(&api, index, |event, openings| {
        from.is_none_or(|from| event.at >= from) && openings.iter().any(is_of_car)
    })
    .await
}

/// Since when a car is somebody's.
fn since(signed_in: &SignedIn, vehicle: VehicleId) -> Option<Timestamp> {
    signed_in.session().person.links.to(vehicle).iter().map(|link| link.from).min()
}

fn no_brand() -> Problem {
    Problem::new(Kind::Forbidden, "none of your functions reaches the audit of any brand")
}

/// The description of the routes whose paths go on for as long as a log is.
pub(crate) fn described_files() -> utoipa::openapi::OpenApi {
    #[derive(utoipa::OpenApi)]
    #[openapi(paths(get_audit_tile, get_audit_bundle))]
    struct Described;
    <Described as utoipa::OpenApi>::openapi()
}

async fn entries(
    api: &Api,
    filter: &AuditFilter,
    cursor: Option<&Cursor>,
    limit: u32,
    proofs: &str,
) -> Result<AuditPage, Problem> {
    let page = api.store().audit_entries(filter, cursor, limit).await?;
    let events = api.audit().entries(&page.items).await?;
    let mut openings: BTreeMap<u64, Vec<AuditOpening>> = BTreeMap::new();
    for opening in api.store().audit_openings(&page.items).await? {
        openings.entry(opening.index).or_default().push(opening);
    }
    let mut items = Vec::with_capacity(events.len());
    // What SQL knows already and no checkpoint covers yet is not there.
    for index in page.items.iter().filter(|index| events.contains_key(index)) {
        let event = Event::decode(&events[index]).map_err(AuditError::Log)?;
        items.push(item(*index, event, openings.get(index).map_or(&[][..], Vec::as_slice), proofs));
    }
    Ok(AuditPage { items, next_cursor: page.next.map(|cursor| cursor.to_string()) })
}

fn item(index: u64, event: Event, openings: &[AuditOpening], proofs: &str) -> AuditItem {
    let shown = |label: Label, field: Field| {
        let opening = openings.iter().find(|opening| opening.label == label.slug());
        disclosed(field, opening)
    };
    AuditItem {
        index,
        at: Time(event.at),
        actor: Party { kind: event.actor.kind.to_string(), id: shown(Label::Actor, event.actor.id) },
        action: event.action.to_string(),
        resource: Party {
            kind: event.resource.kind.to_string(),
            id: shown(Label::Resource, event.resource.id),
        },
        region: RegionName(event.region),
        brand: event.brand.map(BrandSlug),
        purpose: event.purpose.map(PurposeSlug),
        outcome: event.outcome.into(),
        reason: event.reason.map(|reason| reason.to_string()),
        request_id: event.request.map(|request| request.as_str().to_owned()),
        address: event.address.map(|field| shown(Label::Address, field)),
        proof: format!("{proofs}/{index}/proof"),
    }
}

fn disclosed(field: Field, opening: Option<&AuditOpening>) -> Disclosed {
    match field {
        Field::Plain(word) => {
            Disclosed { value: Some(word.as_str().to_owned()), salt: None, commitment: None }
        }
        Field::Committed(commitment) => Disclosed {
            value: opening.map(|opening| opening.value.clone()),
            salt: opening.map(|opening| hex::encode(&opening.salt)),
            commitment: Some(commitment_hex(&commitment)),
        },
    }
}

fn opened(row: &AuditOpening) -> Result<Opening, AuditError> {
    Ok(Opening::from_parts(&row.label, &row.salt, &row.value)?)
}

/// The path of a log's file, as the client wrote it; its one spelling needs no decoding.
fn path_of(uri: &Uri) -> &str {
    uri.path().strip_prefix("/v1/audit/log/").unwrap_or_default()
}

async fn file(api: &Api, path: &str) -> Result<Response, Problem> {
    let gone = || Problem::not_found("the log has no such file; see c2sp.org/tlog-tiles for their names");
    let path: LogPath = path.parse().map_err(|_| gone())?;
    let bytes = api.audit().read(path).await?.ok_or_else(gone)?;
    let mut response = bytes.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(FOR_GOOD));
    Ok(response)
}

fn text(text: String) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response()
}

impl From<OutcomeSlug> for ::audit::Outcome {
    fn from(outcome: OutcomeSlug) -> Self {
        match outcome {
            OutcomeSlug::Allowed => Self::Allowed,
            OutcomeSlug::Denied => Self::Denied,
            OutcomeSlug::Failed => Self::Failed,
        }
    }
}

impl From<::audit::Outcome> for OutcomeSlug {
    fn from(outcome: ::audit::Outcome) -> Self {
        match outcome {
            ::audit::Outcome::Allowed => Self::Allowed,
            ::audit::Outcome::Denied => Self::Denied,
            ::audit::Outcome::Failed => Self::Failed,
        }
    }
}

impl From<AuditError> for Problem {
    fn from(error: AuditError) -> Self {
        match error {
            AuditError::Store(error) => error.into(),
            AuditError::Full | AuditError::Unwritten => Self::new(Kind::Unavailable, error.to_string()),
            AuditError::Files(_)
            | AuditError::Log(_)
            | AuditError::KeyGone { .. }
            | AuditError::KeyDamaged { .. }
            | AuditError::LogGone
            | AuditError::LogBehind { .. }
            | AuditError::Random => Self::internal(&error),
        }
    }
}
