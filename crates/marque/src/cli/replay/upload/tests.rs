use std::path::Path;

use cloud::{config, platform::Platform};

use super::*;
use crate::cli::replay::{
    maps,
    tests::{data, worst},
};

/// A platform in a folder of its own, and how to sign in there.
async fn platform(folder: &Path) -> (Platform, CloudOptions) {
    let any_port = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
    let options = config::Options {
        data: folder.to_owned(),
        http: any_port,
        mqtt: any_port,
        ..config::Options::default()
    };
    let config = options.resolve().unwrap();
    let password_file = config.operator_password_file();
    let platform = Platform::start(config, cloud::clock::Clock::system()).await.unwrap();
    let options = CloudOptions {
        mqtt: Some(platform.mqtt_address().to_string()),
        login: Login::with_password_file(password_file),
        brand: Brand::Opel,
        region: config::Options::REGION.to_owned(),
    };
    (platform, options)
}

/// `(seconds since the first frame, value)` of one path, as history has it.
async fn series(api: &Api, report: &Report, path: &str) -> Vec<(f64, f64)> {
    let question = books::question(report.vehicle, &[path], report.start, report.decoded.end(report.start));
    let mut series = Vec::new();
    let mut cursor = None;
    loop {
        let page = api.get(&books::with_cursor(&question, cursor.as_deref())).await.unwrap();
        for row in page["rows"].as_array().unwrap() {
            let time: jiff::Timestamp = row[0].as_str().unwrap().parse().unwrap();
            let since = Timestamp(time.as_microsecond()).since(report.start);
            series.extend(row[1].as_f64().map(|value| (since.0 as f64 / 1e6, value)));
        }
        cursor = page["next_cursor"].as_str().map(str::to_owned);
        if cursor.is_none() {
            // The last value is the stale one that the log's end leaves.
            series.pop();
            return series;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_history_of_the_replayed_rav4_is_its_reference() {
    let Some(file) = data("comma2k19/rav4_2017_40.candump.log") else { return };
    let Some(dbc) = data("dbc/toyota_new_mc_pt_generated.dbc") else { return };
    let profile = maps::profile(&maps::Sources { dbc: Some(&dbc), ..Default::default() }).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (platform, options) = platform(folder.path()).await;
    let recording = Recording { file: &file, profile: &profile, vss: None, pace: Pace::Full };
    let report = upload(&platform.url(), &options, &recording).await.unwrap();
    assert!(report.is_complete(), "{:#}", report.to_json());
    assert_eq!(report.decoded.frames, 98_800);

    let api = Api::sign_in(&platform.url(), &options.login).await.unwrap();
    // The log's first frame.
    let first = 46_408.584_930;
    let shifted = |(since, value): (f64, f64), factor: f64| (since + first, value * factor);
    let angle = series(&api, &report, "Vehicle.Chassis.SteeringWheel.AngleFine").await;
    let angle: Vec<_> = angle.into_iter().map(|sample| shifted(sample, 1.0)).collect();
    assert!(worst(&angle, "steering_angle") < 0.1);
    let speed = series(&api, &report, "Vehicle.Speed").await;
    let speed: Vec<_> = speed.into_iter().map(|sample| shifted(sample, 1.0 / 3.6)).collect();
    assert!(worst(&speed, "speed") < 0.01);
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_reading_of_the_kona_arrives_once() {
    let Some(file) = data("kona_ev/230112-7-2019-pcan-ccan-power-off-on-ready-off.csv") else { return };
    let Some(dbc) = data("dbc/hyundai_kia_generic.dbc") else { return };
    let profile = maps::profile(&maps::Sources { dbc: Some(&dbc), ..Default::default() }).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (platform, options) = platform(folder.path()).await;
    let recording = Recording { file: &file, profile: &profile, vss: None, pace: Pace::Full };
    let report = upload(&platform.url(), &options, &recording).await.unwrap();
    assert!(report.is_complete(), "{:#}", report.to_json());
    assert_eq!(report.decoded.frames, 39_546);
    platform.stop().await;
}

#[test]
fn a_car_runs_what_is_wanted_when_it_reports_every_kind() {
    let check = |reported: Value, applied: bool| {
        let desired = json!([{ "kind": "campaigns", "version": 2 }, { "kind": "consent", "version": 1 }]);
        assert_eq!(is_applied(&json!({ "desired": desired, "reported": reported })), applied);
    };
    check(json!([]), false);
    check(json!([{ "kind": "campaigns", "version": 2 }]), false);
    check(json!([{ "kind": "campaigns", "version": 1 }, { "kind": "consent", "version": 1 }]), false);
    check(json!([{ "kind": "campaigns", "version": 2 }, { "kind": "consent", "version": 1 }]), true);
    assert!(!is_applied(&json!({ "desired": [], "reported": [] })));
    let refusing = json!({ "reported": [{ "kind": "consent", "version": 1, "error": "expired" }] });
    assert_eq!(refused(&refusing), Some("expired"));
}
