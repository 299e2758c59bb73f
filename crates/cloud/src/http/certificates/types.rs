//! What the routes of certificates say.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::words::{BrandSlug, Time, VehicleIdHex};

/// Whether a certificate lets its car in.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = CertificateState)]
pub(crate) enum CertificateStateSlug {
    Valid,
    Expired,
    Revoked,
}

/// What became of an enrolment credential.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum CredentialState {
    /// It lets the car enrol.
    Open,
    Used,
    Expired,
    Revoked,
}

/// Which certificates to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct CertificatesQuery {
    #[param(inline)]
    pub brand: Option<BrandSlug>,
    #[param(inline)]
    pub state: Option<CertificateStateSlug>,
    /// Where the last page ended.
    pub cursor: Option<String>,
    /// 1 to 500; 50 without it.
    #[param(minimum = 1, maximum = 500)]
    pub limit: Option<u32>,
}

/// A car's certificate.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Certificate {
    /// In hexadecimal.
    pub serial: String,
    pub state: CertificateStateSlug,
    pub not_before: Time,
    pub not_after: Time,
    pub revoked_at: Option<Time>,
}

/// A certificate, and whose it is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CertificateItem {
    pub vehicle_id: VehicleIdHex,
    pub brand: BrandSlug,
    #[serde(flatten)]
    pub certificate: Certificate,
}

/// One page of certificates.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({ "items": [{
    "vehicle_id": "9f1c6a02d4e84b7f8a3d5c6e7f809112", "brand": "peugeot",
    "serial": "5b0c52b4c1d94f035b0c52b4c1d94f03", "state": "valid", "not_before": "2026-11-23T08:15:30.000000Z",
    "not_after": "2026-12-23T08:15:30.000000Z", "revoked_at": null
}], "next_cursor": null }))]
pub(crate) struct CertificatePage {
    pub items: Vec<CertificateItem>,
    /// Null at the end.
    pub next_cursor: Option<String>,
}

/// A one-time credential for a car's first certificate, without its secret.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EnrolmentCredentialItem {
    pub state: CredentialState,
    pub created_at: Time,
    pub expires_at: Time,
    pub used_at: Option<Time>,
}

/// A car's certificates, the newest first, and its newest enrolment credential.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "certificates": [{
        "serial": "5b0c52b4c1d94f035b0c52b4c1d94f03", "state": "valid", "not_before": "2026-11-23T08:15:30.000000Z",
        "not_after": "2026-12-23T08:15:30.000000Z", "revoked_at": null
    }],
    "enrolment_credential": {
        "state": "used", "created_at": "2026-11-20T08:15:30.000000Z", "expires_at": "2027-02-18T08:15:30.000000Z",
        "used_at": "2026-11-23T08:15:30.000000Z"
    }
}))]
pub(crate) struct VehicleCertificates {
    pub certificates: Vec<Certificate>,
    pub enrolment_credential: Option<EnrolmentCredentialItem>,
}
