use model::{CampaignId, CampaignVersion};

use super::*;

fn campaign() -> Campaign {
    let catalogue = Catalogue::core();
    Campaign {
        id: CampaignId(4),
        version: CampaignVersion(1),
        name: "Speed".to_owned(),
        purpose: Purpose::FleetManagement,
        groups: vec![Group {
            signals: vec![catalogue.by_path("Vehicle.Speed").unwrap().id],
            lane: Lane::Live,
            how: How::Every(Micros::SECOND),
            flush_every: Micros::SECOND,
        }],
        limits: UploadLimits::default(),
    }
}

#[track_caller]
fn check(change: impl FnOnce(&mut Campaign), message: &str) {
    let mut campaign = campaign();
    change(&mut campaign);
    let error = campaign.validate(&Catalogue::core()).unwrap_err();
    assert_eq!(error.to_string(), message);
}

#[test]
fn a_good_campaign_passes() {
    assert_eq!(campaign().validate(&Catalogue::core()), Ok(()));
}

#[test]
fn an_error_names_the_place() {
    check(|it| it.name.clear(), "campaign 4: a name has 1 to 120 characters");
    check(|it| it.groups.clear(), "campaign 4: it has 0 groups; 1 to 32 are allowed");
    check(
        |it| it.groups[0].signals.clear(),
        "campaign 4, group 0: there are 0 signals in its lane; 1 to 4096 are allowed",
    );
    check(
        |it| it.groups[0].signals.push(SignalId(999_999)),
        "campaign 4, group 0: signal 999999 is not in this catalogue; use one that has it, or remove the signal",
    );
    check(
        |it| it.groups[0].signals = vec![it.groups[0].signals[0]; 2],
        "campaign 4, group 0: `Vehicle.Speed` stands twice; remove one",
    );
    check(
        |it| it.groups[0].how = How::Every(Micros(1)),
        "campaign 4, group 0: `every` is 1 µs; it must be 10000 µs to 86400000000 µs",
    );
    check(
        |it| it.groups[0].how = How::OnChange { min_interval: Micros::ZERO, min_delta: f64::NAN },
        "campaign 4, group 0: `min_delta` is NaN; it must be 0 or a positive number",
    );
    check(
        |it| it.groups[0].flush_every = Micros(-1),
        "campaign 4, group 0: `flush_every` is -1 µs; it must be 0 µs to 3600000000 µs",
    );
    check(
        |it| it.limits.samples_per_minute_max = Some(0),
        "campaign 4: a quota of 0 samples a minute collects nothing; leave it out for no quota",
    );
}

#[test]
fn what_names_the_car_is_never_collected() {
    let catalogue = Catalogue::core();
    for path in ["Vehicle.VehicleIdentification.VIN", "Vehicle.VehicleIdentification.LicensePlate"] {
        let leaf = catalogue.by_path(path).unwrap();
        let mut campaign = campaign();
        campaign.groups[0].signals.push(leaf.id);
        let error = campaign.validate(&Catalogue::core()).unwrap_err();
        assert_eq!(error, Error::NeverGoesUp { campaign: CampaignId(4), group: 0, path: path.to_owned() });
    }
}
