//! Maps for frames of a DBC from outside, on real recordings.

use signals::Quality;

use super::*;
use crate::{dbc, log::LogReader, testdata};

/// Little-endian doubles behind NumPy's header.
fn npy(path: &str) -> Option<Vec<f64>> {
    let bytes = testdata::read(path)?;
    let header = usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    let (numbers, _) = bytes[10 + header..].as_chunks();
    Some(numbers.iter().map(|number| f64::from_le_bytes(*number)).collect())
}

fn replay(log: &str, database: &str, name: &str) -> Option<(Arc<Profile>, Vec<Sample>)> {
    let database = dbc::read(&testdata::read(database)?).unwrap().database;
    let profile = Profile::builtin_external(name, &database).unwrap();
    assert!(profile.unknown_paths().is_empty(), "{:?}", profile.unknown_paths());
    let mut decoder = profile.decoder();
    let mut samples = Vec::new();
    let log = testdata::read(log)?;
    for frame in LogReader::new(log.as_slice()) {
        decoder.handle_frame(&frame.unwrap(), &mut |sample| samples.push(sample));
    }
    Some((profile, samples))
}

fn series(samples: &[Sample], signal: SignalId) -> Vec<f64> {
    let of = samples.iter().filter(|sample| sample.signal == signal);
    of.map(|sample| {
        assert_eq!(sample.reading.quality, Quality::Good);
        sample.reading.value.as_ref().unwrap().as_f64().unwrap()
    })
    .collect()
}

#[test]
fn the_rav4s_speed_and_steering_angle_are_those_of_the_reference() {
    let Some((profile, samples)) = replay(
        "comma2k19/rav4_2017_40.candump.log",
        "dbc/toyota_new_mc_pt_generated.dbc",
        "toyota-rav4-2017",
    ) else {
        return;
    };
    for (path, reference, unit, error_max) in [
        ("Vehicle.Speed", "comma2k19/speed/value", 3.6, 0.001),
        ("Vehicle.Chassis.SteeringWheel.AngleFine", "comma2k19/steering_angle/value", 1.0, 0.001),
    ] {
        let decoded = series(&samples, id(&profile, path));
        let reference = npy(reference).unwrap();
        assert_eq!(decoded.len(), reference.len(), "{path}");
        for (decoded, reference) in decoded.iter().zip(reference) {
            assert!((decoded - reference * unit).abs() <= error_max, "{path}: {decoded}, {reference}");
        }
    }
}

#[test]
fn the_konas_log_says_its_gear_and_that_it_stands() {
    let Some((profile, samples)) = replay(
        "kona_ev/230112-7-2019-pcan-ccan-power-off-on-ready-off.csv",
        "dbc/hyundai_kia_generic.dbc",
        "hyundai-kona-ev",
    ) else {
        return;
    };
    let speeds = series(&samples, id(&profile, "Vehicle.Speed"));
    assert!(!speeds.is_empty() && speeds.iter().all(|speed| *speed == 0.0));
    let lever = id(&profile, "Vehicle.Powertrain.Transmission.GearLever");
    let in_park = |sample: &&Sample| sample.reading.value == Some(Value::from("PARK"));
    assert!(samples.iter().filter(|sample| sample.signal == lever).filter(in_park).count() > 10);
}

#[test]
fn a_profile_for_a_dbc_says_that_it_needs_one() {
    let error = Profile::builtin("toyota-rav4-2017").unwrap_err().to_string();
    assert!(error.contains("--dbc FILE"), "{error}");
}
