//! The documents that desired state carries.

use campaigns::{Campaign, Group, How, UploadLimits};
use consent::{Grant, Grants, Jurisdiction};
use model::{CampaignId, CampaignVersion, ConsentEpoch, DataCategory, Micros, Purpose, Timestamp, limits};
use prost::Message;
use signals::SignalId;

use crate::{
    Error,
    batch::{lane_code, lane_from, purpose_from, unknown},
    pb,
};

const CAMPAIGNS: &str = "the campaigns document";
const CONSENT: &str = "the consent document";

/// More campaigns than a car could follow; the document's size is the tighter limit.
const CAMPAIGNS_MAX: usize = 256;

/// What was granted, and where: all of a car's consent that the cloud decides. The driver's mode is
/// not in it, since only the car sets it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConsentDocument {
    pub grants: Grants,
    pub jurisdiction: Jurisdiction,
    /// The owner's first one: what was collected under an earlier epoch is of the owner before.
    pub first_epoch: ConsentEpoch,
}

pub fn encode_campaigns(campaigns: &[Campaign]) -> Vec<u8> {
    pb::CampaignsDocument { campaigns: campaigns.iter().map(campaign_to_pb).collect() }.encode_to_vec()
}

/// Reads campaigns. Whether a car can follow them is for [`campaigns::Plan`] to say.
pub fn decode_campaigns(bytes: &[u8]) -> Result<Vec<Campaign>, Error> {
    let document: pb::CampaignsDocument = parse(CAMPAIGNS, bytes)?;
    if document.campaigns.len() > CAMPAIGNS_MAX {
        return Err(Error::Field { message: CAMPAIGNS, field: "campaigns" });
    }
    document.campaigns.into_iter().map(campaign_from).collect()
}

pub fn encode_consent(document: &ConsentDocument) -> Vec<u8> {
    let grants = document.grants.entries().iter().map(|grant| pb::Grant {
        purpose: u32::from(grant.purpose.code()),
        category: u32::from(grant.category.code()),
        granted: grant.granted,
        at: grant.at.0,
    });
    pb::ConsentDocument {
        epoch: document.grants.epoch().0,
        jurisdiction: u32::from(document.jurisdiction.code()),
        grants: grants.collect(),
        first_epoch: document.first_epoch.0,
    }
    .encode_to_vec()
}

/// Reads grants. A grant of a purpose or category that this release does not know is left out: it
/// allows nothing that this release could do, and the others must count at once.
pub fn decode_consent(bytes: &[u8]) -> Result<ConsentDocument, Error> {
    let document: pb::ConsentDocument = parse(CONSENT, bytes)?;
    let jurisdiction = u8::try_from(document.jurisdiction).ok().and_then(Jurisdiction::from_code);
    let jurisdiction = jurisdiction.ok_or_else(|| unknown(CONSENT, "jurisdiction", document.jurisdiction))?;
    let known = document.grants.iter().filter_map(|grant| {
        Some(Grant {
            purpose: Purpose::from_code(u8::try_from(grant.purpose).ok()?)?,
            category: DataCategory::from_code(u8::try_from(grant.category).ok()?)?,
            granted: grant.granted,
            at: Timestamp(grant.at),
        })
    });
    Ok(ConsentDocument {
        grants: Grants::new(ConsentEpoch(document.epoch), known),
        jurisdiction,
        first_epoch: ConsentEpoch(document.first_epoch),
    })
}

/// Checks the size before anything is allocated.
pub(crate) fn parse<M: Message + Default>(message: &'static str, bytes: &[u8]) -> Result<M, Error> {
    if bytes.len() > limits::DOCUMENT_BYTES_MAX {
        let max = limits::DOCUMENT_BYTES_MAX;
        return Err(Error::DocumentTooLarge { message, bytes: bytes.len(), max });
    }
    M::decode(bytes).map_err(|error| Error::Protobuf { message, problem: error.to_string() })
}

fn campaign_to_pb(campaign: &Campaign) -> pb::Campaign {
    pb::Campaign {
        id: campaign.id.0,
        version: campaign.version.0,
        name: campaign.name.clone(),
        purpose: u32::from(campaign.purpose.code()),
        groups: campaign.groups.iter().map(group_to_pb).collect(),
        samples_per_minute_max: campaign.limits.samples_per_minute_max.unwrap_or(0),
    }
}

fn group_to_pb(group: &Group) -> pb::CampaignGroup {
    let how = match group.how {
        How::Every(period) => pb::campaign_group::How::Every(span(period)),
        How::OnChange { min_interval, min_delta } => {
            pb::campaign_group::How::OnChange(pb::OnChange { min_interval: span(min_interval), min_delta })
        }
    };
    pb::CampaignGroup {
        signals: group.signals.iter().map(|signal| signal.0).collect(),
        lane: lane_code(group.lane),
        how: Some(how),
        flush_every: span(group.flush_every),
    }
}

fn campaign_from(campaign: pb::Campaign) -> Result<Campaign, Error> {
    let quota = campaign.samples_per_minute_max;
    Ok(Campaign {
        id: CampaignId(campaign.id),
        version: CampaignVersion(campaign.version),
        name: campaign.name,
        purpose: purpose_from(CAMPAIGNS, campaign.purpose)?,
        groups: campaign.groups.iter().map(group_from).collect::<Result<_, _>>()?,
        limits: UploadLimits { samples_per_minute_max: (quota > 0).then_some(quota) },
    })
}

fn group_from(group: &pb::CampaignGroup) -> Result<Group, Error> {
    let how = match &group.how {
        Some(pb::campaign_group::How::Every(period)) => How::Every(span_from(*period, "every")?),
        Some(pb::campaign_group::How::OnChange(change)) => How::OnChange {
            min_interval: span_from(change.min_interval, "min_interval")?,
            min_delta: change.min_delta,
        },
        None => return Err(Error::Field { message: CAMPAIGNS, field: "how" }),
    };
    Ok(Group {
        signals: group.signals.iter().copied().map(SignalId).collect(),
        lane: lane_from(CAMPAIGNS, group.lane)?,
        how,
        flush_every: span_from(group.flush_every, "flush_every")?,
    })
}

/// A campaign's spans are never negative; validation saw to it.
fn span(span: Micros) -> u64 {
    u64::try_from(span.0).unwrap_or(0)
}

fn span_from(span: u64, field: &'static str) -> Result<Micros, Error> {
    i64::try_from(span).map(Micros).map_err(|_| Error::Field { message: CAMPAIGNS, field })
}
