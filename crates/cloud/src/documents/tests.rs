use super::*;

fn document(json: serde_json::Value) -> CampaignDocument {
    serde_json::from_value(json).unwrap()
}

fn check_wrong(groups: serde_json::Value, places: &[&str]) {
    let document = document(serde_json::json!({ "name": "n", "purpose": "maintenance", "groups": groups }));
    let wrong = document.to_campaign(CampaignId(1), CampaignVersion(1), &Catalogue::core()).unwrap_err();
    let found: Vec<&str> = wrong.iter().map(|wrong| wrong.place.as_str()).collect();
    assert_eq!(found, places, "{wrong:?}");
    assert!(wrong.iter().all(|wrong| !wrong.detail.is_empty()));
}

#[test]
fn a_document_becomes_a_campaign_and_survives_storage() {
    let document = document(serde_json::json!({
        "name": "Basics", "purpose": "fleet-management",
        "groups": [
            { "signals": ["Vehicle.Speed"], "lane": "live", "every_ms": 1000, "flush_every_ms": 1000 },
            { "signals": ["Vehicle.Speed"], "lane": "bulk",
              "on_change": { "min_interval_ms": 500, "min_delta": 0.5 }, "flush_every_ms": 10000 }
        ]
    }));
    let campaign = document.to_campaign(CampaignId(3), CampaignVersion(2), &Catalogue::core()).unwrap();
    assert_eq!(campaign.groups[0].how, How::Every(Micros::SECOND));
    let change = How::OnChange { min_interval: Micros(500_000), min_delta: 0.5 };
    assert_eq!((campaign.groups[1].how, campaign.groups[1].lane), (change, model::Lane::Bulk));
    assert_eq!(CampaignDocument::from_text(&document.to_row().document), Some(document));
}

#[test]
fn every_wrong_place_is_named() {
    check_wrong(
        serde_json::json!([
            { "signals": ["Vehicle.Speed", "Vehicle.Sped"], "lane": "live", "every_ms": 1000, "flush_every_ms": 0 },
            { "signals": ["Vehicle.Speed"], "lane": "live", "flush_every_ms": 0 }
        ]),
        &["groups[0].signals[1]", "groups[1]"],
    );
}

#[test]
fn what_the_campaign_check_refuses_has_its_place_too() {
    let group = |change: fn(&mut serde_json::Value)| {
        let mut group = serde_json::json!({
            "signals": ["Vehicle.Speed"], "lane": "live", "every_ms": 1000, "flush_every_ms": 1000
        });
        change(&mut group);
        serde_json::json!([group])
    };
    check_wrong(serde_json::json!([]), &["groups"]);
    check_wrong(group(|group| group["every_ms"] = 1.into()), &["groups[0].every_ms"]);
    check_wrong(group(|group| group["flush_every_ms"] = 86_400_000.into()), &["groups[0].flush_every_ms"]);
    check_wrong(
        group(|group| group["signals"] = serde_json::json!(["Vehicle.VehicleIdentification.VIN"])),
        &["groups[0].signals"],
    );
}
