//! Whether a batch may enter the log, by its header alone. Nothing is decompressed.

use identity::clone_watch::Content;
use link::ReasonCode;
use model::{CatalogueHash, ClockState, Lane, Micros, QueueEpoch, Seq, Timestamp};
use wire::{BatchHeader, parse_header};

use super::backend::{Admission, Registry};

/// How long a car may drive where there is no link, and collect for a campaign that has ended meanwhile.
const UNLINKED_MAX: Micros = Micros(30 * Micros::DAY.0);

/// How long a batch may lie in a car's queue before it comes: as long as a certificate lasts.
const QUEUED_MAX: Micros = Micros(90 * Micros::DAY.0);

/// Why a batch is refused. It is never sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// Format, sizes, limits or checksum.
    Invalid,
    /// Topic and header name different lanes.
    Lane,
    UnknownCampaign,
    UnknownVersion,
    NotAssigned,
    Purpose,
    /// It was collected under the owner before.
    FormerOwner,
    UnknownCatalogue,
    /// A topic of another car.
    Foreign,
    /// A report, fetch or link code that does not parse.
    Message,
}

impl Refusal {
    pub const ALL: [Self; 10] = [
        Self::Invalid,
        Self::Lane,
        Self::UnknownCampaign,
        Self::UnknownVersion,
        Self::NotAssigned,
        Self::Purpose,
        Self::FormerOwner,
        Self::UnknownCatalogue,
        Self::Foreign,
        Self::Message,
    ];

    /// How metrics spell it.
    pub const fn slug(self) -> &'static str {
        match self {
            Self::Invalid => "invalid",
            Self::Lane => "lane",
            Self::UnknownCampaign => "unknown_campaign",
            Self::UnknownVersion => "unknown_version",
            Self::NotAssigned => "not_assigned",
            Self::Purpose => "purpose",
            Self::FormerOwner => "former_owner",
            Self::UnknownCatalogue => "unknown_catalogue",
            Self::Foreign => "foreign_topic",
            Self::Message => "message",
        }
    }

    /// The PUBACK's reason code.
    pub const fn reason(self) -> ReasonCode {
        match self {
            Self::Invalid | Self::Lane | Self::Message => ReasonCode::PayloadFormatInvalid,
            Self::UnknownCampaign | Self::UnknownVersion | Self::UnknownCatalogue => {
                ReasonCode::ImplementationSpecific
            }
            Self::NotAssigned | Self::Purpose | Self::FormerOwner | Self::Foreign => {
                ReasonCode::NotAuthorized
            }
        }
    }

    /// The PUBACK's reason string.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Invalid => "the batch is damaged, too large or of an unknown format",
            Self::Lane => "the batch's header names another lane than its topic",
            Self::UnknownCampaign => "this region has no such campaign; fetch the campaigns again",
            Self::UnknownVersion => "the campaign has no such version yet; fetch the campaigns again",
            Self::NotAssigned => "the campaign is not assigned to this vehicle; fetch the campaigns again",
            Self::Purpose => "the batch names another purpose than its campaign",
            Self::FormerOwner => "it was collected under the car's former owner; fetch the consent again",
            Self::UnknownCatalogue => "no catalogue with this hash is loaded here; report and fetch again",
            Self::Foreign => "the topic is of another car",
            Self::Message => "the report, fetch or link code does not parse",
        }
    }
}

/// Whether a batch was measured later than a car may need to hear of its campaign's end. A clock that was not set
/// says nothing about that, so that it is the time at which the batch came that counts.
fn is_long_after(header: &BatchHeader, ended_at: Timestamp, now: Timestamp) -> bool {
    let last = ended_at + UNLINKED_MAX;
    match header.meta.clock {
        ClockState::Synced | ClockState::Corrected => header.base_time > last,
        ClockState::Unknown | ClockState::FreeRunning => now > last + QUEUED_MAX,
    }
}

/// What the gateway goes on with of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Checked {
    pub(super) epoch: QueueEpoch,
    pub(super) seq: Seq,
    pub(super) content: Content,
}

/// Checks a batch. `known` remembers the connection's last good catalogue.
pub(super) fn check_batch(
    payload: &[u8],
    lane: Lane,
    admission: &Admission,
    registry: &dyn Registry,
    now: Timestamp,
    known: &mut Option<CatalogueHash>,
) -> Result<Checked, Refusal> {
    let (header, _) = parse_header(payload).map_err(|_| Refusal::Invalid)?;
    let meta = &header.meta;
    if meta.lane != lane {
        return Err(Refusal::Lane);
    }
    let Some(assigned) = admission.campaigns.of(meta.campaign) else {
        let exists = registry.knows_campaign(meta.campaign);
        return Err(if exists { Refusal::NotAssigned } else { Refusal::UnknownCampaign });
    };
    if assigned.ended_at.is_some_and(|ended_at| is_long_after(&header, ended_at, now)) {
        return Err(Refusal::NotAssigned);
    }
    if meta.version > assigned.version {
        return Err(Refusal::UnknownVersion);
    }
    if meta.purpose != assigned.purpose {
        return Err(Refusal::Purpose);
    }
    if meta.consent_epoch < admission.first_epoch {
        return Err(Refusal::FormerOwner);
    }
    if *known != Some(header.catalogue) {
        if !registry.knows_catalogue(header.catalogue) {
            return Err(Refusal::UnknownCatalogue);
        }
        *known = Some(header.catalogue);
    }
    let content = Content {
        campaign: meta.campaign,
        version: meta.version,
        consent_epoch: meta.consent_epoch,
        base_time: header.base_time,
        samples: header.samples,
    };
    Ok(Checked { epoch: meta.epoch, seq: meta.seq, content })
}

#[cfg(test)]
mod tests;
