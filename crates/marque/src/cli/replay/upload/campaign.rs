//! The campaign of a replay: every reading of every signal that the profile maps.

use anyhow::Context as _;
use bus::profile::Profile;
use model::VehicleId;
use serde_json::{Value, json};

use super::PURPOSE;
use crate::cli::api::Api;

/// Assigns the car its campaign. That of a replay before this one goes on, in a new version when the profile
/// maps other signals by now.
pub(super) async fn start(api: &Api, vehicle: VehicleId, profile: &Profile) -> anyhow::Result<u64> {
    let car = api.get(&format!("/v1/vehicles/{vehicle}")).await?;
    let mut document = document(vehicle, profile);
    let mut known = car["campaigns"].as_array().into_iter().flatten();
    if let Some(campaign) = known.find(|campaign| campaign["name"] == document["name"]) {
        let id = number(campaign)?;
        let path = format!("/v1/campaigns/{id}");
        let has = api.get(&path).await?;
        if has["groups"][0]["signals"] != document["groups"][0]["signals"] {
            api.put(&path, &document).await?;
        }
        return Ok(id);
    }
    document["brands"] = json!([car["brand"]]);
    let id = number(&api.post("/v1/campaigns", &document).await?)?;
    let assignment = json!({ "vehicle_ids": [vehicle.to_string()] });
    api.post(&format!("/v1/campaigns/{id}/assignments"), &assignment).await?;
    Ok(id)
}

fn number(campaign: &Value) -> anyhow::Result<u64> {
    campaign["campaign_id"].as_u64().context("read the campaign's number")
}

fn document(vehicle: VehicleId, profile: &Profile) -> Value {
    let leaves = profile.signals().filter_map(|(signal, _)| profile.catalogue().by_id(signal));
    let paths: Vec<_> = leaves.map(|leaf| &*leaf.path).collect();
    json!({
        "name": format!("Replay of {vehicle}"),
        "purpose": PURPOSE,
        "groups": [{
            "signals": paths,
            "lane": "bulk",
            "on_change": { "min_interval_ms": 0, "min_delta": 0.0 },
            "flush_every_ms": 10_000,
        }],
    })
}
