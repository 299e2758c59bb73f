use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
};

use super::*;

pub(super) fn data(path: &str) -> Option<PathBuf> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data").join(path);
    if !file.exists() {
        eprintln!("skipped: ../shared/data is absent");
        return None;
    }
    Some(file)
}

/// Plays a log at full speed and gives the lines and the summary.
fn play(log: &[u8], profile: &Arc<Profile>) -> (Vec<serde_json::Value>, Summary) {
    let mut out = Vec::new();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let start = model::Timestamp(0);
    let reader = LogReader::new(log).tolerant();
    let played = print::json(reader, profile, Replay::new(Pace::Full, start), || start, &mut out);
    let summary = runtime.block_on(played).unwrap();
    let lines = out.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    (lines.map(|line| serde_json::from_slice(line).unwrap()).collect(), summary)
}

/// `(seconds, value)` of one path.
fn series(lines: &[serde_json::Value], path: &str) -> Vec<(f64, f64)> {
    let of_path = lines.iter().filter(|line| line["path"] == path);
    let seconds = |line: &serde_json::Value| {
        let time: jiff::Timestamp = line["time"].as_str().unwrap().parse().unwrap();
        time.as_microsecond() as f64 / 1e6
    };
    of_path.map(|line| (seconds(line), line["value"].as_f64().unwrap())).collect()
}

/// An array of doubles as numpy saves it.
fn npy(path: &str) -> Option<Vec<f64>> {
    let bytes = fs::read(data(path)?).unwrap();
    assert_eq!(bytes.get(..6), Some(b"\x93NUMPY".as_slice()));
    let header = usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    assert!(std::str::from_utf8(&bytes[10..10 + header]).unwrap().contains("'descr': '<f8'"));
    let (numbers, _) = bytes[10 + header..].as_chunks();
    Some(numbers.iter().map(|number| f64::from_le_bytes(*number)).collect())
}

/// The greatest distance between the reference and the sample nearest in time.
pub(super) fn worst(samples: &[(f64, f64)], folder: &str) -> f64 {
    let times = npy(&format!("comma2k19/{folder}/t")).unwrap();
    let values = npy(&format!("comma2k19/{folder}/value")).unwrap();
    assert_eq!(times.len(), values.len());
    assert_eq!(times.len(), samples.len(), "a sample for each time of the reference");
    let distance = |(time, value): (&f64, &f64)| {
        let after = samples.partition_point(|(at, _)| at < time);
        let near = samples[after.saturating_sub(1)..(after + 1).min(samples.len())].iter();
        let (_, nearest) = near.min_by(|a, b| (a.0 - time).abs().total_cmp(&(b.0 - time).abs())).unwrap();
        (nearest - value).abs()
    };
    times.iter().zip(&values).map(distance).fold(0.0, f64::max)
}

fn rav4() -> Option<(Vec<serde_json::Value>, Summary)> {
    let log = fs::read(data("comma2k19/rav4_2017_40.candump.log")?).unwrap();
    let dbc = data("dbc/toyota_new_mc_pt_generated.dbc")?;
    let profile = maps::profile(&maps::Sources { dbc: Some(&dbc), ..Default::default() }).unwrap();
    assert_eq!(profile.name(), "toyota-rav4-2017");
    Some(play(&log, &profile))
}

/// The reference speed is the mean of the four wheels, which the maps take too; the frame of the
/// speedometer (0B4) reads about 4 % higher.
#[test]
fn the_rav4_drives_as_its_reference_says() {
    let Some((lines, summary)) = rav4() else { return };
    assert_eq!((summary.coverage.frames, summary.coverage.bad_lines), (98_800, 0));
    assert_eq!(summary.coverage.samples, lines.len() as u64);
    let angle = series(&lines, "Vehicle.Chassis.SteeringWheel.AngleFine");
    assert!(worst(&angle, "steering_angle") < 0.1);
    let speed: Vec<_> = series(&lines, "Vehicle.Speed").iter().map(|(t, v)| (*t, v / 3.6)).collect();
    let error = worst(&speed, "speed");
    // Half a step of the stored speed, whose last digit is a hundredth of a km/h.
    assert!(error < 0.005 / 3.6 + 1e-9, "{error} m/s");
}

#[test]
fn the_kona_speaks_vss_from_both_of_its_buses() {
    let Some(log) = data("kona_ev/230112-7-2019-pcan-ccan-power-off-on-ready-off.csv") else { return };
    let Some(dbc) = data("dbc/hyundai_kia_generic.dbc") else { return };
    let profile = maps::profile(&maps::Sources { dbc: Some(&dbc), ..Default::default() }).unwrap();
    assert_eq!(profile.name(), "hyundai-kona-ev");
    let (lines, summary) = play(&fs::read(log).unwrap(), &profile);
    assert_eq!((summary.coverage.frames, summary.coverage.bad_lines), (39_546, 0));
    // It was switched on and off at its place.
    let speed = series(&lines, "Vehicle.Speed");
    assert!(speed.len() > 400 && speed.iter().all(|(_, speed)| *speed == 0.0), "{}", speed.len());
    let gears: HashMap<_, _> = lines
        .iter()
        .filter(|line| line["path"] == "Vehicle.Powertrain.Transmission.GearLever")
        .map(|line| (line["value"].to_string(), ()))
        .collect();
    assert!(gears.contains_key("\"PARK\""), "{gears:?}");
}

#[test]
fn another_release_of_vss_gives_the_same_signals() {
    let Some(vss) = data("vss/vss_release_6.0.json") else { return };
    let Some(dbc) = data("dbc/toyota_new_mc_pt_generated.dbc") else { return };
    let sources = maps::Sources { dbc: Some(&dbc), vss: Some(&vss), ..Default::default() };
    let profile = maps::profile(&sources).unwrap();
    assert_eq!(profile.unknown_paths().len(), 0, "{:?}", profile.unknown_paths());
    let (lines, _) = play(b"(1.0) can0 025#0FFC1000C00000FD\n", &profile);
    let angles = series(&lines, "Vehicle.Chassis.SteeringWheel.AngleFine");
    assert_eq!(angles, [(1.0, -6.4)]);
}

#[test]
fn a_database_that_no_maps_fit_asks_for_some() {
    let dbc = tempfile::NamedTempFile::new().unwrap();
    fs::write(dbc.path(), "BO_ 1 M: 8 X\n SG_ S : 0|8@1+ (1,0) [0|0] \"\" X\n").unwrap();
    let error = maps::profile(&maps::Sources { dbc: Some(dbc.path()), ..Default::default() }).unwrap_err();
    assert!(error.to_string().contains("--map FILE"), "{error}");
    let map = tempfile::NamedTempFile::new().unwrap();
    let text = "[profile]\nname = \"mine\"\ntitle = \"Mine\"\ndescription = \"Mine.\"\n\
                [external]\ndbc = true\n[map]\n\"Vehicle.Speed\" = \"M.S\"\n";
    fs::write(map.path(), text).unwrap();
    let sources = maps::Sources { dbc: Some(dbc.path()), map: Some(map.path()), ..Default::default() };
    let (lines, summary) =
        play(b"(1.5) can0 001#07\nnoise\n(2.5) can0 002#07\n", &maps::profile(&sources).unwrap());
    assert_eq!(
        lines,
        [serde_json::json!({
            "time": "1970-01-01T00:00:01.500000Z", "path": "Vehicle.Speed", "value": 7.0,
            "unit": "km/h", "quality": "good",
        })]
    );
    let coverage = Coverage { frames: 2, known_frames: 1, bad_lines: 1, samples: 1 };
    let expected = Summary { coverage, signals: 1 };
    assert_eq!(summary, expected);
}

#[test]
fn a_recording_at_real_speed_waits_between_its_frames() {
    let dbc = "BO_ 1 M: 8 X\n SG_ S : 0|8@1+ (1,0) [0|0] \"\" X\n";
    let database = bus::dbc::read(dbc.as_bytes()).unwrap().database;
    let text = "[profile]\nname = \"mine\"\ntitle = \"Mine\"\ndescription = \"Mine.\"\n\
                [external]\ndbc = true\n[map]\n\"Vehicle.Speed\" = \"M.S\"\n";
    let profile = Profile::parse_external(text, &database, &signals::Catalogue::core()).unwrap();
    let log = b"(100.0) can0 001#01\n(160.0) can0 001#02\n".as_slice();
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let waited = runtime.block_on(async {
        let started = tokio::time::Instant::now();
        let now = move || model::Timestamp(i64::try_from(started.elapsed().as_micros()).unwrap());
        let replay = Replay::new(Pace::Real, model::Timestamp(0));
        print::json(LogReader::new(log), &Arc::new(profile), replay, now, &mut Vec::new()).await.unwrap();
        started.elapsed()
    });
    assert_eq!(waited.as_secs(), 60);
}

/// Two frames of a cycle of a second, with a signal each.
const TWO_FRAMES: &str = r#"
[profile]
name = "mine"
title = "Mine"
description = "Mine."
stale_cycles = 10

[[frame]]
id = 0x1
name = "M"
origin = "marque"
length = 1
cycle_ms = 1000
[frame.signals]
S = { bits = "0|8@1+", unit = "km/h", na = 0xFF }

[[frame]]
id = 0x2
name = "N"
origin = "marque"
length = 1
cycle_ms = 1000
[frame.signals]
T = { bits = "0|8@1+", unit = "km", na = 0xFF }

[map]
"Vehicle.Speed" = "M.S"
"Vehicle.TraveledDistance" = "N.T"
"#;

#[test]
fn a_log_is_decoded_alike_wherever_it_is_counted() {
    let profile = Arc::new(Profile::parse(TWO_FRAMES, &signals::Catalogue::core()).unwrap());
    let log = b"(100.0) can0 001#01\n(100.5) can0 002#01\n(400.0) can0 001#02\n(399.0) can0 001#03\n";
    let (lines, summary) = play(log, &profile);
    let said: Vec<_> = lines
        .iter()
        .map(|line| (line["path"].as_str().unwrap(), line["quality"].as_str().unwrap()))
        .collect();
    let (speed, way) = ("Vehicle.Speed", "Vehicle.TraveledDistance");
    assert_eq!(said, [(speed, "good"), (way, "good"), (speed, "good"), (way, "stale"), (speed, "good")]);
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), log).unwrap();
    assert_eq!(upload::tests::coverage(file.path(), &profile), summary.coverage);
}
