use std::path::Path;

use cloud::{config, platform::Platform};
use serde_json::json;

use super::*;
use crate::cli::replay::{
    maps,
    tests::{data, worst},
};

/// What the books of a replay say of a log before it is played.
pub(in crate::cli::replay) fn coverage(log: &Path, profile: &Arc<Profile>) -> super::super::Coverage {
    books::decode(log, profile, false).unwrap().coverage
}

/// A platform in a folder of its own, and how to sign in there.
async fn platform(folder: &Path) -> (Platform, CloudOptions) {
    let (platform, password_file) = crate::cli::tests::platform(folder).await;
    let options = CloudOptions {
        mqtt: Some(platform.mqtt_address().to_string()),
        login: Login::with_password_file(password_file),
        simulation_token_file: None,
        vehicle: None,
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
    let recording = Recording { file: &file, profile: &profile, vss: None, pace: Pace::Full, strict: false };
    let report = upload(&platform.url(), &options, &recording).await.unwrap();
    assert!(report.is_complete(), "{:#}", report.to_json());
    assert_eq!(report.decoded.coverage.frames, 98_800);

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
    let recording = Recording { file: &file, profile: &profile, vss: None, pace: Pace::Full, strict: false };
    let report = upload(&platform.url(), &options, &recording).await.unwrap();
    assert!(report.is_complete(), "{:#}", report.to_json());
    assert_eq!(report.decoded.coverage.frames, 39_546);
    let books = report.to_json();
    let left_out = json!({ "time_goes_back": 3_892, "time_repeats": 1_046, "without_value": 0 });
    assert_eq!(books["samples_left_out"], left_out);
    assert_eq!((&books["samples_in_log"], &books["samples_decoded"]), (&json!(19_163), &json!(14_225)));
    assert!(report.left_out().unwrap().starts_with("4938 readings"), "{:?}", report.left_out());
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_is_played_again_is_the_same_car() {
    let folder = tempfile::tempdir().unwrap();
    let (platform, options) = platform(folder.path()).await;
    let (log, profile) = short_drive(folder.path());
    let recording = Recording { file: &log, profile: &profile, vss: None, pace: Pace::Full, strict: false };
    let first = upload(&platform.url(), &options, &recording).await.unwrap();
    let second = upload(&platform.url(), &options, &recording).await.unwrap();
    assert!(first.is_complete() && second.is_complete(), "{:#}\n{:#}", first.to_json(), second.to_json());
    assert_eq!((first.vehicle, first.campaign), (second.vehicle, second.campaign));
    assert!(second.start > first.decoded.end(first.start));
    let other = CloudOptions { vehicle: Some("another".to_owned()), ..options };
    let other = upload(&platform.url(), &other, &recording).await.unwrap();
    assert_ne!(first.vehicle, other.vehicle);
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replay_that_cannot_be_registers_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (platform, options) = platform(folder.path()).await;
    let (log, profile) = short_drive(folder.path());
    let api = Api::sign_in(&platform.url(), &options.login).await.unwrap();
    let silent = folder.path().join("silent.log");
    fs::write(&silent, "(100.0) can0 002#07\n").unwrap();
    let nothing = Recording { file: &silent, profile: &profile, vss: None, pace: Pace::Full, strict: false };
    let error = upload(&platform.url(), &options, &nothing).await.unwrap_err();
    assert!(error.to_string().contains("known_frames=0 unknown_frames=1"), "{error:#}");
    let nowhere = CloudOptions { mqtt: Some("127.0.0.1:1".to_owned()), ..options };
    let vss = folder.path().join("own.json");
    fs::write(&vss, OWN_VSS).unwrap();
    let catalogues = api.get("/v1/catalogues").await.unwrap();
    let drive = Recording { file: &log, vss: Some(&vss), ..nothing };
    let error = upload(&platform.url(), &nowhere, &drive).await.unwrap_err();
    assert!(error.to_string().contains("127.0.0.1:1, where cars connect; --mqtt"), "{error:#}");
    assert_eq!(api.get("/v1/vehicles").await.unwrap()["items"], json!([]));
    assert_eq!(api.get("/v1/campaigns").await.unwrap()["items"], json!([]));
    assert_eq!(api.get("/v1/catalogues").await.unwrap(), catalogues);
    api.post_text("/v1/catalogues", OWN_VSS.to_owned()).await.expect("the catalogue is a good one");
    platform.stop().await;
}

const OWN_VSS: &str = r#"{ "Vehicle": { "type": "branch", "description": "The car.", "children": {
    "Speed": { "type": "sensor", "datatype": "float", "unit": "km/h", "description": "Its speed." } } } }"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_is_played_again_with_more_maps_is_shown_whole() {
    let folder = tempfile::tempdir().unwrap();
    let (platform, options) = platform(folder.path()).await;
    let (log, profile) = short_drive(folder.path());
    let recording = Recording { file: &log, profile: &profile, vss: None, pace: Pace::Full, strict: false };
    let first = upload(&platform.url(), &options, &recording).await.unwrap();
    let located = mapped("\"Vehicle.Speed\" = \"M.S\"\n\"Vehicle.CurrentLocation.Latitude\" = \"M.S\"\n");
    let recording = Recording { profile: &located, ..recording };
    let second = upload(&platform.url(), &options, &recording).await.unwrap();
    assert!(second.is_complete(), "{:#}", second.to_json());
    assert_eq!((first.vehicle, second.decoded.signals.len()), (second.vehicle, 2));

    // One that somebody else registered grants nothing.
    let api = Api::sign_in(&platform.url(), &options.login).await.unwrap();
    let car = json!({
        "vin": enrol::vin("granting nothing", options.brand, profile.name()), "brand": options.brand.slug(),
        "model": "Corsa", "model_year": 2024, "architecture": profile.name(), "region": options.region,
    });
    api.post("/v1/vehicles", &car).await.unwrap();
    let options = CloudOptions { vehicle: Some("granting nothing".to_owned()), ..options };
    let error = upload(&platform.url(), &options, &recording).await.unwrap_err();
    assert!(error.to_string().contains("does not grant location, driving"), "{error:#}");
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_car_that_is_connected_is_not_played_a_second_time() {
    let folder = tempfile::tempdir().unwrap();
    let (platform, options) = platform(folder.path()).await;
    let (log, profile) = short_drive(folder.path());
    let url = platform.url();
    let api = Api::sign_in(&url, &options.login).await.unwrap();
    let recording = Recording { file: &log, profile: &profile, vss: None, pace: Pace::Real, strict: false };
    let connected = async {
        loop {
            let cars = api.get("/v1/vehicles").await.unwrap();
            if cars["items"][0]["connected"] == true {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    let mut playing = std::pin::pin!(upload(&url, &options, &recording));
    tokio::select! {
        ended = &mut playing => panic!("it plays for a minute: {:?}", ended.err()),
        () = connected => {}
    }
    tokio::select! {
        ended = &mut playing => panic!("it plays for a minute: {:?}", ended.err()),
        second = upload(&url, &options, &recording) => {
            let error = second.unwrap_err();
            assert!(error.to_string().contains("another replay plays it"), "{error:#}");
        }
    }
    platform.stop().await;
}

#[test]
fn at_the_speed_of_its_recording_a_log_does_not_wait_for_what_ran_ahead() {
    let now = Timestamp(1_767_225_600_000_000);
    let said = |ahead_s: i64| Some(now + Micros::from_secs(ahead_s));
    for pace in [Pace::Full, Pace::Real] {
        assert_eq!(begin(None, now, pace).unwrap(), now);
        assert_eq!(begin(said(-60), now, pace).unwrap(), now);
        assert_eq!(begin(said(3), now, pace).unwrap(), now + Micros::from_secs(4));
    }
    assert_eq!(begin(said(3_600), now, Pace::Full).unwrap(), now + Micros::from_secs(3_601));
    let error = begin(said(3_600), now, Pace::Real).unwrap_err().to_string();
    assert!(error.contains("until 2026-01-01T01:00:01.000000Z") && error.contains("--vehicle"), "{error}");
}

#[test]
fn a_strict_replay_fails_at_a_line_that_cannot_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let (log, profile) = short_drive(folder.path());
    let frames = fs::read_to_string(&log).unwrap();
    fs::write(&log, format!("{frames}(nonsense) can0\n")).unwrap();
    assert_eq!(books::decode(&log, &profile, false).unwrap().coverage.bad_lines, 1);
    assert!(books::decode(&log, &profile, true).is_err());
}

/// A minute of one signal, and what it means.
fn short_drive(folder: &Path) -> (PathBuf, Arc<Profile>) {
    let log = folder.join("drive.log");
    let frames: String =
        (0..60).map(|second| format!("({}.0) can0 001#{second:02X}\n", 100 + second)).collect();
    fs::write(&log, frames).unwrap();
    (log, mapped("\"Vehicle.Speed\" = \"M.S\"\n"))
}

fn mapped(lines: &str) -> Arc<Profile> {
    let dbc = "BO_ 1 M: 8 X\n SG_ S : 0|8@1+ (1,0) [0|0] \"\" X\n";
    let database = bus::dbc::read(dbc.as_bytes()).unwrap().database;
    let head = "[profile]\nname = \"mine\"\ntitle = \"Mine\"\ndescription = \"Mine.\"\n\
                [external]\ndbc = true\n[map]\n";
    let text = format!("{head}{lines}");
    Arc::new(Profile::parse_external(&text, &database, &signals::Catalogue::core()).unwrap())
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
