//! The documents that people write, as JSON has them: campaigns. The API takes them, SQL keeps them, cars
//! get them in the wire's form.

use std::collections::BTreeSet;

use campaigns::{Campaign, Group, How, UploadLimits};
use model::{CampaignId, CampaignVersion, Micros};
use serde::{Deserialize, Serialize};
use signals::Catalogue;
use store::NewCampaign;
use utoipa::ToSchema;

use crate::words::{BrandSlug, LaneSlug, PlaceError, PurposeSlug};

/// What to collect, as a person writes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "name": "Fleet basics", "purpose": "fleet-management", "brands": ["peugeot", "opel"],
    "groups": [
        { "signals": ["Vehicle.Speed"], "lane": "live", "every_ms": 1000, "flush_every_ms": 1000 },
        {
            "signals": ["Vehicle.Cabin.Door.Row1.DriverSide.IsOpen"], "lane": "bulk",
            "on_change": { "min_interval_ms": 500 }, "flush_every_ms": 10000
        }
    ]
}))]
pub struct CampaignDocument {
    #[schema(min_length = 1, max_length = 120)]
    pub name: String,
    pub purpose: PurposeSlug,
    /// Whose cars may have it; at least one when it is created. They stay: a change may leave them out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 14)]
    pub brands: Vec<BrandSlug>,
    #[schema(min_items = 1, max_items = 32)]
    pub groups: Vec<CampaignGroup>,
    /// Samples of a car above it are dropped until the next minute, and counted; no limit when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1)]
    pub samples_per_minute_max: Option<u32>,
}

/// Signals that are collected together. Give `every_ms` or `on_change`, not both.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CampaignGroup {
    /// Paths of the catalogue.
    #[schema(min_items = 1, max_items = 4096)]
    pub signals: Vec<String>,
    pub lane: LaneSlug,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 10, maximum = 86_400_000)]
    pub every_ms: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_change: Option<OnChange>,
    /// How long a sample may wait for others before they leave together.
    #[schema(maximum = 3_600_000)]
    pub flush_every_ms: u32,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OnChange {
    /// Samples of a signal are at least this far apart.
    #[schema(maximum = 86_400_000)]
    pub min_interval_ms: u32,
    /// Smaller changes of a number do not count; in the signal's unit.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0)]
    pub min_delta: Option<f64>,
}

impl CampaignDocument {
    /// As SQL keeps it; brands have a place of their own.
    pub fn to_row(&self) -> NewCampaign {
        let signals: BTreeSet<&str> =
            self.groups.iter().flat_map(|group| group.signals.iter().map(String::as_str)).collect();
        NewCampaign {
            document: serde_json::to_string(&Self { brands: Vec::new(), ..self.clone() })
                .expect("a document holds only texts and finite numbers"),
            name: self.name.clone(),
            purpose: self.purpose.0,
            signals: u32::try_from(signals.len()).unwrap_or(u32::MAX),
        }
    }

    pub fn from_text(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// What cars get, or every place that is wrong.
    pub fn to_campaign(
        &self,
        id: CampaignId,
        version: CampaignVersion,
        catalogue: &Catalogue,
    ) -> Result<Campaign, Vec<PlaceError>> {
        let mut wrong = Vec::new();
        let groups = self.groups.iter().enumerate();
        let groups: Vec<Group> =
            groups.filter_map(|(index, group)| group.resolve(index, catalogue, &mut wrong)).collect();
        if !wrong.is_empty() {
            return Err(wrong);
        }
        let campaign = Campaign {
            id,
            version,
            name: self.name.clone(),
            purpose: self.purpose.0,
            groups,
            limits: UploadLimits { samples_per_minute_max: self.samples_per_minute_max },
        };
        campaign.validate(catalogue).map_err(|error| vec![place_of(&error)])?;
        Ok(campaign)
    }
}

impl CampaignGroup {
    fn resolve(&self, index: usize, catalogue: &Catalogue, wrong: &mut Vec<PlaceError>) -> Option<Group> {
        let mut signals = Vec::with_capacity(self.signals.len());
        for (signal, path) in self.signals.iter().enumerate() {
            match catalogue.require(path) {
                Ok(leaf) => signals.push(leaf.id),
                Err(error) => {
                    let place = format!("groups[{index}].signals[{signal}]");
                    wrong.push(PlaceError::new(place, error.to_string()));
                }
            }
        }
        let how = match (self.every_ms, &self.on_change) {
            (Some(every), None) => How::Every(millis(every)),
            (None, Some(change)) => How::OnChange {
                min_interval: millis(change.min_interval_ms),
                min_delta: change.min_delta.unwrap_or(0.0),
            },
            (Some(_), Some(_)) | (None, None) => {
                let either = "give either `every_ms` or `on_change`";
                wrong.push(PlaceError::new(format!("groups[{index}]"), either));
                return None;
            }
        };
        Some(Group { signals, lane: self.lane.0, how, flush_every: millis(self.flush_every_ms) })
    }
}

fn millis(millis: u32) -> Micros {
    Micros::from_millis(i64::from(millis))
}

/// Where the document says what the campaign's check refused.
fn place_of(error: &campaigns::Error) -> PlaceError {
    use campaigns::Error;
    let place = match error {
        Error::Name { .. } => "name".to_owned(),
        Error::GroupCount { .. } => "groups".to_owned(),
        Error::Quota { .. } => "samples_per_minute_max".to_owned(),
        Error::SignalCount { group, .. }
        | Error::UnknownSignal { group, .. }
        | Error::DuplicateSignal { group, .. }
        | Error::NeverGoesUp { group, .. } => format!("groups[{group}].signals"),
        Error::MinDelta { group, .. } => format!("groups[{group}].on_change.min_delta"),
        Error::OutOfRange { group, field, .. } => match *field {
            "every" => format!("groups[{group}].every_ms"),
            "flush_every" => format!("groups[{group}].flush_every_ms"),
            "min_interval" => format!("groups[{group}].on_change.min_interval_ms"),
            other => format!("groups[{group}].{other}"),
        },
    };
    let text = error.to_string();
    // Campaigns name themselves and the group; the place says that already.
    let detail = text.split_once(": ").map_or(text.as_str(), |(_, detail)| detail);
    PlaceError::new(place, detail)
}

#[cfg(test)]
mod tests;
