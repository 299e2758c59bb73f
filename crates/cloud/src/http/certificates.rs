//! Cars' certificates: which there are, until when, and which were taken back.

use axum::extract::State;
use model::Timestamp;
use store::{Certificate as Row, CertificateFilter, Credential};

use super::{
    Api,
    extract::{Json, Path, Query},
    gate::Gate,
    page,
    problem::Problem,
    words::{BrandSlug, Time, VehicleIdHex},
};
use types::{
    Certificate, CertificateItem, CertificatePage, CertificateStateSlug, CertificatesQuery, CredentialState,
    EnrolmentCredentialItem, VehicleCertificates,
};

pub(crate) mod types;

/// A car that renews each month has this many in eight years.
const OF_ONE_CAR_MAX: u32 = 100;

/// Lists cars' certificates.
#[utoipa::path(
    get, path = "/v1/certificates", tag = "vehicles", params(CertificatesQuery),
    extensions(("x-marque-action" = json!("certificate.list"))),
    responses((status = 200, description = "One page", body = CertificatePage)),
)]
pub(crate) async fn list_certificates(
    State(api): State<Api>,
    gate: Gate,
    Query(query): Query<CertificatesQuery>,
) -> Result<Json<CertificatePage>, Problem> {
    let (cursor, limit) = page::of(query.cursor.as_deref(), query.limit)?;
    let brands = gate.reach()?.brands_within(query.brand.map(|brand| brand.0))?;
    let filter = CertificateFilter {
        brands: Some(brands.map(|brands| brands.iter().collect()).unwrap_or_default()),
        state: query.state.map(Into::into),
    };
    let now = api.now();
    let page = api.store().certificates(&filter, now, cursor.as_ref(), limit).await?;
    let item = |(row, brand): (Row, model::Brand)| CertificateItem {
        vehicle_id: VehicleIdHex(row.vehicle),
        brand: BrandSlug(brand),
        certificate: certificate(row, now),
    };
    let items = page.items.into_iter().map(item).collect();
    Ok(Json(CertificatePage { items, next_cursor: page.next.map(|cursor| cursor.to_string()) }))
}

/// A car's certificates, the newest first, and its enrolment credential.
#[utoipa::path(
    get, path = "/v1/vehicles/{vehicle_id}/certificates", tag = "vehicles",
    extensions(("x-marque-action" = json!("certificate.read"))),
    params(("vehicle_id" = inline(VehicleIdHex), Path, description = "The vehicle's id")),
    responses((status = 200, description = "What there is, without any secret", body = VehicleCertificates)),
)]
pub(crate) async fn list_vehicle_certificates(
    State(api): State<Api>,
    gate: Gate,
    Path(vehicle_id): Path<VehicleIdHex>,
) -> Result<Json<VehicleCertificates>, Problem> {
    let car = gate.car(vehicle_id.0)?;
    let now = api.now();
    let certificates = api.store().certificates_of(car.vehicle, OF_ONE_CAR_MAX).await?;
    let credential = api.store().credential(car.vehicle).await?;
    Ok(Json(VehicleCertificates {
        certificates: certificates.into_iter().map(|row| certificate(row, now)).collect(),
        enrolment_credential: credential.map(|row| drawn(&row, now)),
    }))
}

fn certificate(row: Row, now: Timestamp) -> Certificate {
    Certificate {
        state: row.state(now).into(),
        serial: row.serial,
        not_before: Time(row.not_before),
        not_after: Time(row.not_after),
        revoked_at: row.revoked_at.map(Time),
    }
}

fn drawn(row: &Credential, now: Timestamp) -> EnrolmentCredentialItem {
    let state = if row.used.is_some() {
        CredentialState::Used
    } else if row.revoked_at.is_some() {
        CredentialState::Revoked
    } else if row.expires_at <= now {
        CredentialState::Expired
    } else {
        CredentialState::Open
    };
    EnrolmentCredentialItem {
        state,
        created_at: Time(row.created_at),
        expires_at: Time(row.expires_at),
        used_at: row.used.as_ref().map(|used| Time(used.at)),
    }
}

impl From<CertificateStateSlug> for store::CertificateState {
    fn from(slug: CertificateStateSlug) -> Self {
        match slug {
            CertificateStateSlug::Valid => Self::Valid,
            CertificateStateSlug::Expired => Self::Expired,
            CertificateStateSlug::Revoked => Self::Revoked,
        }
    }
}

impl From<store::CertificateState> for CertificateStateSlug {
    fn from(state: store::CertificateState) -> Self {
        match state {
            store::CertificateState::Valid => Self::Valid,
            store::CertificateState::Expired => Self::Expired,
            store::CertificateState::Revoked => Self::Revoked,
        }
    }
}
