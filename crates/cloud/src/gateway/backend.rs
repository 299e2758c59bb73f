//! What the gateway asks of the rest of the platform.

use std::fmt;

use bytes::Bytes;
use identity::clone_watch::Reason;
use lake::log::BoxFuture;
use link::ReasonCode;
use model::{
    Brand, CampaignId, CampaignVersion, CatalogueHash, ConsentEpoch, Purpose, Region, SubjectId, Timestamp,
    VehicleId,
};
use wire::{Fetch, LinkCode, Report, topic::Topic};

use crate::words::Network;

/// SHA-256 of a certificate in DER.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint(pub [u8; 32]);

/// Who wants in.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Credentials {
    pub vehicle: VehicleId,
    /// What the certificate says; none on the loopback listener without TLS.
    pub certificate: Option<Certificate>,
}

/// What identifies a car's certificate.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Certificate {
    pub region: Region,
    pub fingerprint: Fingerprint,
}

/// What a car may do, until [`super::Gateway::changed`] says that it changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admission {
    pub subject: SubjectId,
    pub brand: Brand,
    /// The owner's first one: what was collected under an earlier epoch is of the owner before.
    pub first_epoch: ConsentEpoch,
    pub campaigns: Assignments,
    /// When its certificate ends, and its connection with it; none without a certificate.
    pub until: Option<Timestamp>,
}

/// A campaign that a car carries out, or did. Batches of its earlier versions may still be on their way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Assignment {
    pub campaign: CampaignId,
    /// The latest version.
    pub version: CampaignVersion,
    pub purpose: Purpose,
    /// Since when the car shall not collect for it any more.
    pub ended_at: Option<Timestamp>,
}

/// A car's campaigns, also of the past: each batch is looked up here, and in years they are hundreds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignments(Box<[Assignment]>);

impl Assignments {
    pub fn of(&self, campaign: CampaignId) -> Option<&Assignment> {
        let place = self.0.binary_search_by_key(&campaign, |assigned| assigned.campaign).ok()?;
        self.0.get(place)
    }
}

impl FromIterator<Assignment> for Assignments {
    fn from_iter<I: IntoIterator<Item = Assignment>>(assignments: I) -> Self {
        let mut assignments: Box<[_]> = assignments.into_iter().collect();
        assignments.sort_unstable_by_key(|assigned| assigned.campaign);
        Self(assignments)
    }
}

/// Why a car is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Denial {
    #[error("the vehicle is not enrolled in this region")]
    UnknownVehicle,
    #[error("the vehicle is at home in another region; connect there")]
    OtherRegion,
    #[error("the certificate was never issued for this vehicle; enrol it again")]
    UnknownCertificate,
    #[error("the certificate is revoked; enrol the vehicle again")]
    Revoked,
    #[error("the certificate has expired; enrol the vehicle again")]
    Expired,
    #[error("{QUARANTINED}")]
    Quarantined,
    #[error("the registry does not answer; try again later")]
    Unavailable,
}

impl Denial {
    pub(super) const fn reason(self) -> ReasonCode {
        match self {
            Self::UnknownVehicle
            | Self::UnknownCertificate
            | Self::OtherRegion
            | Self::Expired
            | Self::Quarantined => ReasonCode::NotAuthorized,
            Self::Revoked => ReasonCode::Banned,
            Self::Unavailable => ReasonCode::ServerUnavailable,
        }
    }
}

/// What a car in quarantine hears, at the door and where it is connected.
pub(super) const QUARANTINED: &str =
    "the vehicle's identity is in quarantine; ask those who guard identities";

/// A backend could not do its part for now; the car is sent away to try again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unavailable(pub String);

/// Who is enrolled, and what the region knows.
pub trait Registry: fmt::Debug + Send + Sync {
    /// Asked at every CONNECT, also of resumed TLS sessions. A future that is ready when it is first
    /// polled costs the car no second trip.
    fn admit(&self, who: Credentials) -> BoxFuture<'static, Result<Admission, Denial>>;

    /// Asked once per connection and catalogue; answers from memory.
    fn knows_catalogue(&self, catalogue: CatalogueHash) -> bool;

    /// Asked of a campaign that is not assigned; answers from memory.
    fn knows_campaign(&self, campaign: CampaignId) -> bool;
}

/// Signed desired state.
pub trait Desired: fmt::Debug + Send + Sync {
    /// What is newer than what the car has, with the topics under `down/` that it goes to: envelopes, and
    /// notices of who got access.
    fn newer(
        &self,
        vehicle: VehicleId,
        have: Fetch,
    ) -> BoxFuture<'static, Result<Vec<(Topic, Bytes)>, Unavailable>>;
}

/// What cars report.
pub trait Reports: fmt::Debug + Send + Sync {
    /// Ends when the report is kept.
    fn report(
        &self,
        vehicle: VehicleId,
        at: Timestamp,
        report: Report,
    ) -> BoxFuture<'static, Result<(), Unavailable>>;

    /// Ends when the code counts that the car shows.
    fn shows_code(
        &self,
        vehicle: VehicleId,
        at: Timestamp,
        code: LinkCode,
    ) -> BoxFuture<'static, Result<(), Unavailable>>;
}

/// Something that a car whose identity is its own does rarely, or never.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sighting {
    pub vehicle: VehicleId,
    pub at: Timestamp,
    pub reason: Reason,
    /// Where the two connections came from, if there were two.
    pub networks: Option<(Network, Network)>,
    /// How often it was seen since it was told last.
    pub count: u32,
}

/// A car came or went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connectivity {
    pub vehicle: VehicleId,
    pub at: Timestamp,
    pub change: Change,
}

/// What happened to a car's connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    Connected,
    /// `with_will`: the connection had left a will for this case.
    Disconnected {
        cause: Cause,
        with_will: bool,
    },
}

/// Why a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cause {
    /// The car said goodbye.
    Goodbye,
    /// The socket ended without a word.
    Lost,
    /// Nothing was heard for one and a half keep alives.
    Silent,
    /// The same car connected anew.
    TakenOver,
    /// The car broke the rules of the link.
    Violation,
    /// The car took what it was sent too slowly.
    Slow,
    /// The registry withdrew its admission.
    Withdrawn,
    /// It looks as if two cars had its identity.
    Quarantined,
    /// The platform could not serve it.
    Unavailable,
    /// The gateway stops.
    Shutdown,
}
