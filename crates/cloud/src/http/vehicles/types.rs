//! What the vehicle routes say.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    http::{consent::types::GrantChange, fleet::types::VehicleState, quarantines::types::QuarantineSummary},
    words::{BrandSlug, LaneSlug, PurposeSlug, RegionName, Time, VehicleIdHex},
};

/// Which vehicles to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct VehiclesQuery {
    #[param(inline)]
    pub brand: Option<BrandSlug>,
    #[param(inline)]
    pub region: Option<RegionName>,
    pub model: Option<String>,
    pub architecture: Option<String>,
    #[param(inline)]
    pub state: Option<VehicleState>,
    /// Finds text in the id, the brand, the model and the architecture.
    #[param(max_length = 64)]
    pub q: Option<String>,
    /// What `state` is used for, in the list and as a filter; `fleet-management` when absent.
    #[param(inline)]
    #[expect(dead_code, reason = "the gate reads it; here it is a name that is known")]
    pub purpose: Option<PurposeSlug>,
    /// Items of a page; 50 when absent.
    #[param(minimum = 1, maximum = 500)]
    pub limit: Option<u32>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
}

/// One page of vehicles, in the order of their ids.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({ "items": [{
    "vehicle_id": "9f1c6a02d4e84b7f8a3d5c6e7f809112", "brand": "peugeot", "model": "208",
    "model_year": 2024, "architecture": "psa-aee2010", "region": "eu",
    "connected": true, "last_seen_at": "2026-11-23T08:15:30.250000Z", "state": "moving",
    "quarantine": null
}], "next_cursor": null }))]
pub(crate) struct VehiclePage {
    pub items: Vec<VehicleItem>,
    /// Give it as `cursor` for the next page; null on the last.
    pub next_cursor: Option<String>,
}

/// A vehicle in a list.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct VehicleItem {
    pub vehicle_id: VehicleIdHex,
    pub brand: BrandSlug,
    pub model: String,
    pub model_year: u16,
    pub architecture: String,
    pub region: RegionName,
    pub connected: bool,
    pub last_seen_at: Option<Time>,
    pub state: VehicleState,
    /// Whether its identity is in quarantine; null when it is not.
    pub quarantine: Option<QuarantineSummary>,
}

/// A vehicle with what the platform knows about it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "vehicle_id": "9f1c6a02d4e84b7f8a3d5c6e7f809112", "brand": "peugeot", "model": "208",
    "model_year": 2024, "architecture": "psa-aee2010", "region": "eu",
    "connected": true, "connected_at": "2026-11-23T08:00:00.000000Z",
    "last_seen_at": "2026-11-23T08:15:30.250000Z", "state": "moving",
    "certificate": { "not_after": "2027-02-21T08:00:00.000000Z" },
    "quarantine": null,
    "campaigns": [{ "campaign_id": 1, "version": 2, "name": "Fleet basics", "applied": true }],
    "queue_epoch": 1795424400, "gaps": []
}))]
pub(crate) struct Vehicle {
    pub vehicle_id: VehicleIdHex,
    pub brand: BrandSlug,
    pub model: String,
    pub model_year: u16,
    pub architecture: String,
    pub region: RegionName,
    pub connected: bool,
    /// When the connection that is open now was made.
    pub connected_at: Option<Time>,
    pub last_seen_at: Option<Time>,
    pub state: VehicleState,
    /// The certificate that ends last; null before the car has one.
    pub certificate: Option<CertificateSummary>,
    /// Whether its identity is in quarantine; null when it is not.
    pub quarantine: Option<QuarantineSummary>,
    pub campaigns: Vec<AssignedCampaign>,
    /// The highest epoch of the car's queue that batches came from; null before the first. A queue that has lost
    /// its memory must begin above it.
    pub queue_epoch: Option<u32>,
    /// Lanes of which batches are missing that the car has not announced as dropped.
    pub gaps: Vec<Gap>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CertificateSummary {
    pub not_after: Time,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AssignedCampaign {
    pub campaign_id: u64,
    pub version: u32,
    pub name: String,
    /// Whether the car has reported that it runs this version.
    pub applied: bool,
}

/// Batches of a lane that never came.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Gap {
    pub lane: LaneSlug,
    pub queue_epoch: u32,
    /// How many, since the car's first batch.
    pub missing_batches: u64,
    /// The number of the batch that is expected next.
    pub next_seq: u64,
}

/// A vehicle to register.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "vin": "VF3CCHMZ0KT012345", "brand": "peugeot", "model": "208", "model_year": 2024,
    "architecture": "psa-aee2010", "region": "eu"
}))]
pub(crate) struct NewVehicle {
    /// Stands in the registry and nowhere else; never returned.
    #[schema(pattern = "^[A-HJ-NPR-Z0-9]{17}$", write_only)]
    pub vin: String,
    pub brand: BrandSlug,
    #[schema(min_length = 1, max_length = 64)]
    pub model: String,
    #[schema(minimum = 1990, maximum = 2100)]
    pub model_year: u16,
    #[schema(min_length = 1, max_length = 64)]
    pub architecture: String,
    pub region: RegionName,
}

impl std::fmt::Debug for NewVehicle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewVehicle").field("brand", &self.brand).finish_non_exhaustive()
    }
}

/// Vehicles as they leave the factory: registered, certified and with their owners' first grants in one
/// transaction. A VIN that is registered already keeps its id.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "vehicles": [{
    "vehicle": {
        "vin": "VF3CCHMZ0KT012345", "brand": "peugeot", "model": "208", "model_year": 2024,
        "architecture": "psa-aee2010", "region": "eu"
    },
    "csr_pem": "-----BEGIN CERTIFICATE REQUEST-----\n...\n-----END CERTIFICATE REQUEST-----\n",
    "grants": [{ "purpose": "fleet-management", "category": "driving", "granted": true }]
}] }))]
pub(crate) struct Enrolment {
    #[schema(min_items = 1, max_items = 1000)]
    pub vehicles: Vec<EnrolVehicle>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EnrolVehicle {
    pub vehicle: NewVehicle,
    /// A PKCS#10 request; its own names are ignored.
    #[schema(max_length = 8192)]
    pub csr_pem: Option<String>,
    #[serde(default)]
    #[schema(max_items = 66)]
    pub grants: Vec<GrantChange>,
}

/// In the order of the request.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({ "items": [{
    "vehicle_id": "9f1c6a02d4e84b7f8a3d5c6e7f809112", "created": true,
    "certificate_pem": "-----BEGIN CERTIFICATE-----\n...\n-----END CERTIFICATE-----\n"
}], "ca_pem": "-----BEGIN CERTIFICATE-----\n...\n-----END CERTIFICATE-----\n",
    "desired_key": "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a" }))]
pub(crate) struct Enrolled {
    pub items: Vec<EnrolledVehicle>,
    /// The region's CA, which the gateway's own certificate comes from too.
    pub ca_pem: String,
    /// The Ed25519 public key, in hexadecimal, that desired state is signed with.
    pub desired_key: String,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EnrolledVehicle {
    pub vehicle_id: VehicleIdHex,
    /// False when the VIN was registered before.
    pub created: bool,
    pub certificate_pem: Option<String>,
}

/// Looks a car up by its VIN; a POST, since VINs do not belong into URLs and their logs.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "vin": "VF3CCHMZ0KT012345" }))]
pub(crate) struct VinSearch {
    #[schema(pattern = "^[A-HJ-NPR-Z0-9]{17}$", write_only)]
    pub vin: String,
}

impl std::fmt::Debug for VinSearch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("VinSearch").finish_non_exhaustive()
    }
}

/// Asks for a certificate for the car's own key.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "csr_pem": "-----BEGIN CERTIFICATE REQUEST-----\n...\n-----END CERTIFICATE REQUEST-----\n"
}))]
pub(crate) struct CertificateRequest {
    /// A PKCS#10 request; its own names are ignored, the SAN URI is the car's.
    #[schema(max_length = 8192)]
    pub csr_pem: String,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "certificate_pem": "-----BEGIN CERTIFICATE-----\n...\n-----END CERTIFICATE-----\n",
    "ca_pem": "-----BEGIN CERTIFICATE-----\n...\n-----END CERTIFICATE-----\n",
    "desired_key": "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
    "not_after": "2027-02-21T08:00:00.000000Z"
}))]
pub(crate) struct IssuedCertificate {
    pub certificate_pem: String,
    /// The region's CA, which the gateway's own certificate comes from too.
    pub ca_pem: String,
    /// The Ed25519 public key, in hexadecimal, that desired state is signed with.
    pub desired_key: String,
    pub not_after: Time,
}

/// What became of a vehicle's certificates.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({ "revoked": 1 }))]
pub(crate) struct RevokedCertificates {
    /// How many were valid until now.
    pub revoked: u32,
}

/// The user name is the vehicle's id, the password is the credential (HTTP Basic, over EST).
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "vehicle_id": "9f1c6a02d4e84b7f8a3d5c6e7f809112",
    "credential": "5d0c9e0a4be8b9d0b3f4a1c27e66d1f09a8b7c6d5e4f3a2b",
    "expires_at": "2027-02-21T08:00:00.000000Z"
}))]
pub(crate) struct EnrolmentCredential {
    pub vehicle_id: VehicleIdHex,
    /// Shown this once.
    pub credential: String,
    pub expires_at: Time,
}

impl std::fmt::Debug for EnrolmentCredential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EnrolmentCredential").field("vehicle_id", &self.vehicle_id).finish_non_exhaustive()
    }
}

/// What became of a vehicle's credential.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({ "revoked": true }))]
pub(crate) struct RevokedEnrolmentCredential {
    /// Whether there was one that could still be used.
    pub revoked: bool,
}
