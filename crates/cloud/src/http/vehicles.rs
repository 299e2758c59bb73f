//! The registry of vehicles and their certificates.

use std::collections::BTreeSet;

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use identity::{Action, Brands, Condition, Facts, What};
use model::{Brand, Purpose, VehicleId, Vin};
use store::{Cursor, VehicleFilter, VehicleReach};
use wire::Kind as DesiredKind;

use super::{
    Api,
    audit::trail::Trail,
    auth::Principal,
    consent, etag,
    extract::{Json, Path, Query},
    fleet::{
        self,
        types::{PurposeQuery, VehicleState},
    },
    gate::{Gate, of_car},
    page,
    problem::{Kind, Problem},
    words::{BrandSlug, LaneSlug, RegionName, Time, VehicleIdHex},
};
use crate::{
    enrolment::{EnrolError, Factory},
    pki::PkiError,
    registry::Car,
};
use types::{
    AssignedCampaign, CertificateRequest, CertificateSummary, EnrolVehicle, Enrolled, EnrolledVehicle,
    Enrolment, EnrolmentCredential, Gap, IssuedCertificate, NewVehicle, RevokedCertificates,
    RevokedEnrolmentCredential, Vehicle, VehicleItem, VehiclePage, VehiclesQuery, VinSearch,
};

pub(crate) mod types;

/// Vehicles of one enrolment: a request takes half a second and some 2 MB.
pub(crate) const ENROL_MAX: usize = 1_000;
/// What a body of so many may have.
pub(crate) const ENROL_BYTES_MAX: usize = 12 * 1024 * 1024;
/// Pages that one request may look through for vehicles in a state.
const SCANNED_PAGES_MAX: u32 = 40;

/// Lists vehicles.
#[utoipa::path(
    get, path = "/v1/vehicles", tag = "vehicles", params(VehiclesQuery),
    extensions(("x-marque-action" = json!("vehicle.list"))),
    responses((status = 200, description = "One page", body = VehiclePage)),
)]
pub(crate) async fn list_vehicles(
    State(api): State<Api>,
    gate: Gate,
    trail: Trail,
    Query(query): Query<VehiclesQuery>,
) -> Result<Json<VehiclePage>, Problem> {
    let (mut cursor, limit) = page::of(query.cursor.as_deref(), query.limit)?;
    if query.q.as_ref().is_some_and(|text| text.chars().count() > 64) {
        return Err(Problem::query("q", "must have at most 64 characters"));
    }
    fleet::check_region(&api, query.region.as_ref())?;
    let reach = gate.reach()?;
    let named = query.brand.map(|brand| brand.0);
    let brands = if reach.vehicles.is_empty() { reach.brands_within(named)? } else { reach.brands };
    let filter = VehicleFilter {
        reach: (brands != Some(Brands::ALL)).then(|| VehicleReach {
            brands: brands.map(|brands| brands.iter().collect()).unwrap_or_default(),
            vehicles: reach.vehicles.into_iter().collect(),
        }),
        brand: named,
        region: query.region.map(|region| region.0),
        model: query.model,
        architecture: query.architecture,
        text: query.q.filter(|text| !text.is_empty()),
    };
    let purpose = gate.purpose();
    let Some(state) = query.state else {
        let page = api.store().vehicles(&filter, cursor.as_ref(), limit).await?;
        let items: Vec<_> = page.items.into_iter().map(|vehicle| item(&api, vehicle, purpose)).collect();
        trail.count("tenant", items.len());
        return Ok(Json(VehiclePage { items, next_cursor: page.next.map(|next| next.to_string()) }));
    };
    // What a car does now is not in SQL: look through pages until one of the answer's is full.
    let wanted = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut items = Vec::new();
    for _ in 0..SCANNED_PAGES_MAX {
        let page = api.store().vehicles(&filter, cursor.as_ref(), page::LIMIT_MAX).await?;
        for vehicle in page.items {
            let found = item(&api, vehicle, purpose);
            if found.state == state {
                items.push(found);
            }
            if items.len() == wanted {
                trail.count("tenant", wanted);
                let next = items.last().map(|last| Cursor::new(last.vehicle_id.to_string()).to_string());
                return Ok(Json(VehiclePage { items, next_cursor: next }));
            }
        }
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    trail.count("tenant", items.len());
    Ok(Json(VehiclePage { items, next_cursor: cursor.map(|cursor| cursor.to_string()) }))
}

/// Registers a vehicle. A VIN that is registered already is a conflict.
#[utoipa::path(
    post, path = "/v1/vehicles", tag = "vehicles", request_body = NewVehicle,
    extensions(("x-marque-action" = json!("vehicle.create"))),
    responses((status = 201, description = "Registered", body = Vehicle,
        headers(("Location" = String, description = "The vehicle's path")))),
)]
pub(crate) async fn create_vehicle(
    State(api): State<Api>,
    gate: Gate,
    trail: Trail,
    Json(body): Json<NewVehicle>,
) -> Result<Response, Problem> {
    gate.ask(What::Tenant { brand: body.brand.0 }, Facts::NONE)?;
    let car = factory(&api, body, None, "")?;
    let id = api.enrolment().register(car, api.now()).await?;
    trail.car(&*api.car(id)?);
    let location = format!("/v1/vehicles/{id}");
    let vehicle = detail(&api, id, gate.purpose()).await?;
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(vehicle)).into_response())
}

/// Registers and certifies many vehicles at once, all or none.
///
/// A VIN that is registered already keeps its id and its owner's grants; one of another brand is a conflict. If it
/// was ever certified, so is a request for another key than that of its valid certificate: a VIN is no proof of
/// having the car. Its first certificate it gets here only from who may `certificate.issue`.
#[utoipa::path(
    post, path = "/v1/vehicles/enrolments", tag = "vehicles", request_body = Enrolment,
    extensions(("x-marque-action" = json!("vehicle.enrol"))),
    responses((status = 200, description = "All of them are registered", body = Enrolled)),
)]
pub(crate) async fn enrol_vehicles(
    State(api): State<Api>,
    gate: Gate,
    trail: Trail,
    Json(body): Json<Enrolment>,
) -> Result<Json<Enrolled>, Problem> {
    if body.vehicles.is_empty() || body.vehicles.len() > ENROL_MAX {
        return Err(Problem::at("vehicles", format!("1 to {ENROL_MAX} at once")));
    }
    let mut cars = Vec::with_capacity(body.vehicles.len());
    for (index, EnrolVehicle { vehicle, csr_pem, grants }) in body.vehicles.into_iter().enumerate() {
        let place = format!("vehicles[{index}].");
        let grants = consent::words(&grants, &place)?;
        let mut car = factory(&api, vehicle, csr_pem, &place)?;
        car.grants =
            grants.into_iter().map(|((purpose, category), said)| (purpose, category, said)).collect();
        cars.push(car);
    }
    let brands: BTreeSet<Brand> = cars.iter().map(|car| car.brand).collect();
    let granting: BTreeSet<Brand> =
        cars.iter().filter(|car| !car.grants.is_empty()).map(|car| car.brand).collect();
    trail.brands(brands.iter().copied());
    for brand in brands {
        gate.ask(What::Tenant { brand }, Facts::NONE)?;
    }
    // Grants count for cars that this request registers, and for no other.
    let facts = Facts::NONE.with(Condition::NewCar);
    let facts =
        if api.services().has_simulated_cars() { facts.with(Condition::SimulationEnabled) } else { facts };
    for brand in granting {
        gate.ask_for(Action::ConsentImport, What::Tenant { brand }, facts)?;
    }
    let asker = gate.clone();
    let may_issue = move |car: &Car| asker.may(Action::CertificateIssue, of_car(car));
    let enrolled = api.enrolment().enrol(cars, may_issue, api.now()).await?;
    if enrolled.iter().any(|car| !car.created && car.certificate_pem.is_some()) {
        gate.uses(Action::CertificateIssue);
    }
    trail.count("tenant", enrolled.len());
    let items = enrolled
        .into_iter()
        .map(|car| EnrolledVehicle {
            vehicle_id: VehicleIdHex(car.vehicle),
            created: car.created,
            certificate_pem: car.certificate_pem,
        })
        .collect();
    Ok(Json(Enrolled { items, ca_pem: api.pki().ca_pem().to_owned(), desired_key: desired_key(&api) }))
}

/// Finds a vehicle by its VIN.
#[utoipa::path(
    post, path = "/v1/vehicles/search", tag = "vehicles", params(PurposeQuery), request_body = VinSearch,
    extensions(("x-marque-action" = json!("vehicle.find_by_vin"))),
    responses((status = 200, description = "The vehicle, or no item", body = VehiclePage)),
)]
pub(crate) async fn search_vehicles(
    State(api): State<Api>,
    gate: Gate,
    trail: Trail,
    principal: Principal,
    Query(PurposeQuery { .. }): Query<PurposeQuery>,
    Json(body): Json<VinSearch>,
) -> Result<Json<VehiclePage>, Problem> {
    api.rates().take_vin(&api, &principal)?;
    let vin: Vin =
        body.vin.parse().map_err(|error: model::ParseError| Problem::at("vin", error.to_string()))?;
    let found = api.store().vehicle_by_vin(&vin).await?;
    let id = found.as_ref().map_or(VehicleId::from_bytes([0; 16]), |vehicle| vehicle.vehicle);
    let car = match gate.car(id) {
        Ok(car) => Some(car),
        // A car that may not be seen is as one that is not there.
        Err(problem) if problem.kind() == Kind::NotFound => None,
        Err(problem) => return Err(problem),
    };
    match &car {
        Some(car) => trail.car(car),
        None => trail.count("vehicle", 0),
    }
    let items = found
        .filter(|_| car.is_some())
        .into_iter()
        .map(|vehicle| item(&api, vehicle, gate.purpose()))
        .collect();
    Ok(Json(VehiclePage { items, next_cursor: None }))
}

/// A vehicle with its connection, certificate, campaigns and gaps.
#[utoipa::path(
    get, path = "/v1/vehicles/{vehicle_id}", tag = "vehicles",
    extensions(("x-marque-action" = json!("vehicle.read"))),
    params(("vehicle_id" = inline(VehicleIdHex), Path, description = "The vehicle's id"), PurposeQuery),
    responses((status = 200, description = "The vehicle", body = Vehicle)),
)]
pub(crate) async fn get_vehicle(
    State(api): State<Api>,
    gate: Gate,
    Path(vehicle_id): Path<VehicleIdHex>,
    Query(PurposeQuery { .. }): Query<PurposeQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    gate.car(vehicle_id.0)?;
    Ok(etag::answer(&headers, &detail(&api, vehicle_id.0, gate.purpose()).await?))
}

/// Issues a certificate for the car's own key.
#[utoipa::path(
    post, path = "/v1/vehicles/{vehicle_id}/certificate", tag = "vehicles",
    extensions(("x-marque-action" = json!("certificate.issue"))),
    params(("vehicle_id" = inline(VehicleIdHex), Path, description = "The vehicle's id")),
    request_body = CertificateRequest,
    responses((status = 201, description = "Issued", body = IssuedCertificate)),
)]
pub(crate) async fn create_certificate(
    State(api): State<Api>,
    gate: Gate,
    Path(vehicle_id): Path<VehicleIdHex>,
    Json(body): Json<CertificateRequest>,
) -> Result<Response, Problem> {
    gate.car(vehicle_id.0)?;
    let issued = api.enrolment().certify(vehicle_id.0, body.csr_pem, api.now()).await?;
    let certificate = IssuedCertificate {
        certificate_pem: issued.pem,
        ca_pem: api.pki().ca_pem().to_owned(),
        desired_key: desired_key(&api),
        not_after: Time(issued.certificate.record.not_after),
    };
    Ok((StatusCode::CREATED, Json(certificate)).into_response())
}

/// Takes all certificates of a vehicle back, for good: it needs a new one to connect.
///
/// If it is connected, it is sent away within a second.
#[utoipa::path(
    delete, path = "/v1/vehicles/{vehicle_id}/certificates", tag = "vehicles",
    extensions(("x-marque-action" = json!("certificate.revoke"))),
    params(("vehicle_id" = inline(VehicleIdHex), Path, description = "The vehicle's id")),
    responses((status = 200, description = "None of its certificates lets it in any more", body = RevokedCertificates)),
)]
pub(crate) async fn revoke_certificates(
    State(api): State<Api>,
    gate: Gate,
    Path(vehicle_id): Path<VehicleIdHex>,
) -> Result<Json<RevokedCertificates>, Problem> {
    gate.car(vehicle_id.0)?;
    let revoked = api.enrolment().revoke(vehicle_id.0, api.now()).await?;
    Ok(Json(RevokedCertificates { revoked: u32::try_from(revoked).unwrap_or(u32::MAX) }))
}

/// Draws the one-time credential with which a car that was never certified enrols over EST.
///
/// It is shown once and holds for 90 days; drawing again replaces it.
#[utoipa::path(
    post, path = "/v1/vehicles/{vehicle_id}/enrolment-credential", tag = "vehicles",
    extensions(("x-marque-action" = json!("certificate.enrol_credential.create"))),
    params(("vehicle_id" = inline(VehicleIdHex), Path, description = "The vehicle's id")),
    responses((status = 201, description = "Drawn; nobody can read it again", body = EnrolmentCredential)),
)]
pub(crate) async fn create_enrolment_credential(
    State(api): State<Api>,
    gate: Gate,
    Path(vehicle_id): Path<VehicleIdHex>,
) -> Result<Response, Problem> {
    // Whether it was ever certified is asked again where it is drawn, with the answer in one's hands.
    let certified = api.store().newest_certificate(vehicle_id.0).await?.is_some();
    let facts = if certified { Facts::NONE } else { Facts::NONE.with(Condition::NeverCertified) };
    match gate.car_when(vehicle_id.0, facts) {
        Err(problem) if certified && problem.kind() == Kind::Forbidden => {
            Err(EnrolError::HasCertificate.into())
        }
        Err(problem) => Err(problem),
        Ok(_) => draw(&api, vehicle_id, false).await,
    }
}

/// Draws such a credential for a car that was certified before, for example when its control unit was changed.
///
/// When it is used, all certificates that the car had are taken back.
#[utoipa::path(
    post, path = "/v1/vehicles/{vehicle_id}/enrolment-credential/replacement", tag = "vehicles",
    extensions(("x-marque-action" = json!("certificate.enrol_credential.replace"))),
    params(("vehicle_id" = inline(VehicleIdHex), Path, description = "The vehicle's id")),
    responses((status = 201, description = "Drawn; nobody can read it again", body = EnrolmentCredential)),
)]
pub(crate) async fn replace_enrolment_credential(
    State(api): State<Api>,
    gate: Gate,
    Path(vehicle_id): Path<VehicleIdHex>,
) -> Result<Response, Problem> {
    gate.car(vehicle_id.0)?;
    draw(&api, vehicle_id, true).await
}

/// Voids a vehicle's unused credential.
#[utoipa::path(
    delete, path = "/v1/vehicles/{vehicle_id}/enrolment-credential", tag = "vehicles",
    extensions(("x-marque-action" = json!("certificate.enrol_credential.revoke"))),
    params(("vehicle_id" = inline(VehicleIdHex), Path, description = "The vehicle's id")),
    responses((status = 200, description = "None lets it enrol any more", body = RevokedEnrolmentCredential)),
)]
pub(crate) async fn revoke_enrolment_credential(
    State(api): State<Api>,
    gate: Gate,
    Path(vehicle_id): Path<VehicleIdHex>,
) -> Result<Json<RevokedEnrolmentCredential>, Problem> {
    gate.car(vehicle_id.0)?;
    let revoked = api.enrolment().revoke_credential(vehicle_id.0, api.now()).await?;
    Ok(Json(RevokedEnrolmentCredential { revoked }))
}

async fn draw(api: &Api, vehicle: VehicleIdHex, replacement: bool) -> Result<Response, Problem> {
    let drawn = api.enrolment().draw_credential(vehicle.0, replacement, api.now()).await?;
    let answer = EnrolmentCredential {
        vehicle_id: vehicle,
        credential: drawn.secret,
        expires_at: Time(drawn.expires_at),
    };
    Ok((StatusCode::CREATED, Json(answer)).into_response())
}

fn desired_key(api: &Api) -> String {
    hex::encode(api.pki().desired_key().public_key())
}

fn factory(api: &Api, new: NewVehicle, csr_pem: Option<String>, place: &str) -> Result<Factory, Problem> {
    let at = |field: &str, problem: String| Problem::at(format!("{place}{field}"), problem);
    if new.region.0 != *api.registry().region() {
        // A region is a cell of its own; a car that lives elsewhere is registered there.
        let here =
            format!("this platform is the region `{}`; register the car in its own", api.registry().region());
        return Err(at("region", here));
    }
    for (field, text) in [("model", &new.model), ("architecture", &new.architecture)] {
        if text.is_empty() || text.chars().count() > 64 || text.chars().any(char::is_control) {
            return Err(at(field, "must have 1 to 64 characters".to_owned()));
        }
    }
    if !(1990..=2100).contains(&new.model_year) {
        return Err(at("model_year", "must be 1990 to 2100".to_owned()));
    }
    Ok(Factory {
        vin: new.vin.parse().map_err(|error: model::ParseError| at("vin", error.to_string()))?,
        brand: new.brand.0,
        model: new.model,
        model_year: new.model_year,
        architecture: new.architecture,
        csr_pem,
        grants: Vec::new(),
    })
}

fn item(api: &Api, vehicle: store::Vehicle, purpose: Purpose) -> VehicleItem {
    let connection = api.presence().of(vehicle.vehicle);
    VehicleItem {
        connected: connection.connected_at.is_some(),
        last_seen_at: last_seen(api, vehicle.vehicle).map(Time),
        state: state(api, vehicle.vehicle, purpose),
        quarantine: api.registry().quarantined(vehicle.vehicle).map(Into::into),
        vehicle_id: VehicleIdHex(vehicle.vehicle),
        brand: BrandSlug(vehicle.brand),
        model: vehicle.model,
        model_year: vehicle.model_year,
        architecture: vehicle.architecture,
        region: RegionName(vehicle.region),
    }
}

fn state(api: &Api, vehicle: VehicleId, purpose: Purpose) -> VehicleState {
    let car = api.registry().car(vehicle);
    car.map_or(VehicleState::Offline, |car| fleet::view::state(api, &car, purpose))
}

/// The newer of the connection's and the data's last sign of life.
fn last_seen(api: &Api, vehicle: VehicleId) -> Option<model::Timestamp> {
    let data = api.registry().car(vehicle).and_then(|car| api.twins().seen(car.subject));
    api.presence().of(vehicle).seen_at.max(data)
}

async fn detail(api: &Api, id: VehicleId, purpose: Purpose) -> Result<Vehicle, Problem> {
    let vehicle = api.store().vehicle(id).await?;
    let car = api.car(id)?;
    let certificate = api.store().newest_certificate(id).await?;
    let desired = api.store().desired(id).await?;
    let reported = api.store().reported(id).await?;
    let kind = DesiredKind::Campaigns.slug();
    let wanted = desired.iter().find(|row| row.kind == kind).map(|row| row.version);
    let has = reported.iter().find(|row| row.kind == kind && row.problem.is_none()).map(|row| row.version);
    let applied = wanted.is_some() && wanted == has;
    let mut campaigns = Vec::new();
    for row in api.store().campaigns_of_vehicle(id).await? {
        campaigns.push(AssignedCampaign {
            campaign_id: row.id.0,
            version: row.version.0,
            name: row.name,
            applied,
        });
    }
    let lanes = api.twins().lanes(car.subject);
    let queue_epoch = lanes.iter().map(|lane| lane.mark.epoch.0).max();
    let gaps = lanes.into_iter().filter(|lane| lane.mark.missing > 0);
    let connection = api.presence().of(id);
    Ok(Vehicle {
        vehicle_id: VehicleIdHex(id),
        brand: BrandSlug(vehicle.brand),
        model: vehicle.model,
        model_year: vehicle.model_year,
        architecture: vehicle.architecture,
        region: RegionName(vehicle.region),
        connected: connection.connected_at.is_some(),
        connected_at: connection.connected_at.map(Time),
        last_seen_at: last_seen(api, id).map(Time),
        state: state(api, id, purpose),
        certificate: certificate.map(|newest| CertificateSummary { not_after: Time(newest.not_after) }),
        quarantine: api.registry().quarantined(id).map(Into::into),
        campaigns,
        queue_epoch,
        gaps: gaps
            .map(|lane| Gap {
                lane: LaneSlug(lane.lane),
                queue_epoch: lane.mark.epoch.0,
                missing_batches: lane.mark.missing,
                next_seq: lane.mark.next.0,
            })
            .collect(),
    })
}

impl From<EnrolError> for Problem {
    fn from(error: EnrolError) -> Self {
        match error {
            EnrolError::VinTwice { place } => {
                Self::at(format!("vehicles[{place}].vehicle.vin"), "must stand once in the request")
            }
            EnrolError::Certificate { place, source } => match &source {
                PkiError::Csr | PkiError::KeyKind | PkiError::NamesVin | PkiError::NamesOther => {
                    Self::at(format!("vehicles[{place}].csr_pem"), source.to_string())
                }
                PkiError::File { .. }
                | PkiError::Damaged { .. }
                | PkiError::Missing { .. }
                | PkiError::Issue(_)
                | PkiError::Random => Self::internal(&source),
            },
            EnrolError::VinTaken { .. }
            | EnrolError::Registered { .. }
            | EnrolError::Certified { .. }
            | EnrolError::KeyTaken { .. }
            | EnrolError::KeyRevoked { .. }
            | EnrolError::Quarantined { .. }
            | EnrolError::HasCertificate => Self::conflict(error.to_string()),
            EnrolError::Refused => Self::new(Kind::Forbidden, error.to_string()),
            EnrolError::Desired(error) => error.into(),
            EnrolError::Pki(error) => Self::new(Kind::Unprocessable, error.to_string()),
        }
    }
}
