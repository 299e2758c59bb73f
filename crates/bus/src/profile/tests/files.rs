use super::*;
use crate::profile::{ModelTable, Origin, Provenance, builtin};
use model::Brand;

#[test]
fn every_builtin_architecture_parses_and_maps_only_paths_of_the_core_catalogue() {
    for profile in all() {
        assert!(profile.unknown_paths().is_empty(), "{}: {:?}", profile.name(), profile.unknown_paths());
        assert!(profile.signals().len() >= 20, "{} maps few signals", profile.name());
        assert!(!profile.sources().is_empty());
    }
}

#[test]
fn every_builtin_architecture_loads_with_every_release_of_vss() {
    let dir = std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/vss");
    for release in ["vss_release_4.0.json", "vss_release_6.0.json", "vss_HEAD.json"] {
        let Ok(text) = std::fs::read_to_string(dir.join(release)) else {
            eprintln!("skipped: ../shared/data is absent");
            return;
        };
        let catalogue = Arc::new(signals::Vspec::read(&text).unwrap().catalogue);
        for name in ARCHITECTURES {
            // Those that map a DBC need one; its absence is the only reason not to load.
            match Profile::parse(builtin::text(name).unwrap(), &catalogue) {
                Ok(profile) => assert!(profile.signals().len() >= 15, "{name} with {release}"),
                Err(error) => assert!(error.to_string().contains("DBC"), "{name} with {release}: {error}"),
            }
        }
    }
}

#[test]
fn every_path_of_a_service_and_a_diagnostic_is_in_the_core_catalogue() {
    let catalogue = signals::Catalogue::core();
    for name in ARCHITECTURES {
        let file: toml::Table = toml::from_str(builtin::text(name).unwrap()).unwrap();
        let mut paths = Vec::new();
        for service in file.get("service").and_then(toml::Value::as_array).into_iter().flatten() {
            paths.extend(service["paths"].as_array().unwrap().iter().map(|path| path.as_str().unwrap()));
        }
        for diagnostic in file.get("diagnostic").and_then(toml::Value::as_array).into_iter().flatten() {
            paths.push(diagnostic["path"].as_str().unwrap());
        }
        for path in paths {
            assert!(catalogue.by_path(path).is_some(), "{name}: {path}");
        }
    }
}

#[test]
fn extension_frames_are_ours_and_have_extended_ids_of_their_own_range() {
    for profile in all() {
        for (frame, message) in profile.frames().iter().zip(profile.database().messages()) {
            let ours = frame.origin == Origin::Marque;
            assert_eq!(ours, frame.name.starts_with("MQ_"), "{}: {}", profile.name(), frame.name);
            let in_range = message.id().is_extended() && message.id().bits() >> 16 == 0x18ff;
            assert_eq!(ours, in_range, "{}: {}", profile.name(), frame.name);
        }
    }
}

#[test]
fn an_architecture_prefers_its_own_frames_to_extensions() {
    let profile = Profile::builtin("psa-aee2010").unwrap();
    let of = |path| profile.provenance(id(&profile, path));
    assert_eq!(of("Vehicle.Speed"), Some(Provenance::Native));
    assert_eq!(of("Vehicle.CurrentLocation.Latitude"), Some(Provenance::Extension));
    assert_eq!(of("Vehicle.OBD.EngineLoad"), Some(Provenance::Diagnostic));
    assert_eq!(of("Vehicle.Cabin.Sunroof.Position"), None);
}

#[test]
fn what_a_car_lacks_is_listed_by_path() {
    let profile = Profile::builtin("opel-gm-legacy").unwrap();
    let missing: Vec<_> = profile.not_available().map(|leaf| leaf.path.to_string()).collect();
    assert!(missing.contains(&"Vehicle.Powertrain.TractionBattery.StateOfCharge.Current".to_owned()));
    assert!(missing.contains(&"Vehicle.Cabin.Door.Row1.DriverSide.IsOpen".to_owned()));
    assert!(!missing.contains(&"Vehicle.Speed".to_owned()));
    assert_eq!(missing.len() + profile.signals().len(), profile.catalogue().len());
}

#[test]
fn the_model_table_has_every_brand_and_architecture() {
    let table = ModelTable::builtin();
    assert!(table.models().len() >= 30);
    for brand in Brand::ALL {
        assert!(table.of_brand(brand).count() >= 2, "{brand}");
    }
    for architecture in ARCHITECTURES {
        assert!(table.models().iter().any(|model| model.architecture == *architecture), "{architecture}");
    }
}

#[test]
fn an_unknown_profile_is_refused_with_the_names_that_there_are() {
    let error = Profile::builtin("psa-aee2099").unwrap_err().to_string();
    assert!(error.contains("psa-aee2010"), "{error}");
}

fn refusal(text: &str) -> String {
    Profile::parse(text, &signals::Catalogue::core()).unwrap_err().to_string()
}

const HEAD: &str = r#"
[profile]
name = "test"
title = "Test"
description = "A test."

[[frame]]
id = 0x100
name = "F"
origin = "marque"
length = 8
cycle_ms = 100
[frame.signals]
S = { bits = "7|8@0+", unit = "m/s" }
"#;

#[test]
fn a_map_to_a_signal_that_the_frame_lacks_says_so() {
    let error = refusal(&format!("{HEAD}\n[map]\n\"Vehicle.Speed\" = \"F.T\""));
    assert!(error.contains("frame `F` has no signal `T`"), "{error}");
}

#[test]
fn units_that_measure_different_things_are_refused() {
    let error = refusal(&format!("{HEAD}\n[map]\n\"Vehicle.Exterior.AirTemperature\" = \"F.S\""));
    assert!(error.contains("different things"), "{error}");
}

#[test]
fn a_signal_that_feeds_two_paths_needs_a_way_back() {
    let map = "[map]\n\"Vehicle.Speed\" = \"F.S\"\n\"Vehicle.AverageSpeed\" = \"F.S\"";
    let error = refusal(&format!("{HEAD}\n{map}"));
    assert!(error.contains("[encode]"), "{error}");
}

#[test]
fn a_value_that_the_leaf_does_not_take_is_refused() {
    let map = "[map.\"Vehicle.LowVoltageSystemState\"]\nfrom = \"F.S\"\nvalues = { 1 = \"DRIVING\" }";
    let error = refusal(&format!("{HEAD}\n{map}"));
    assert!(error.contains("DRIVING"), "{error}");
}

#[test]
fn units_convert_on_the_way_in_and_back() {
    let text = format!("{HEAD}\n[map]\n\"Vehicle.Speed\" = \"F.S\"");
    let profile = Arc::new(Profile::parse(&text, &signals::Catalogue::core()).unwrap());
    let speed = id(&profile, "Vehicle.Speed");
    let messages = profile.encoder().encode(&[(speed, Value::Float(36.0))], Timestamp(5));
    let BusMessage::Can(frame) = &messages[0] else { panic!("a CAN frame was expected") };
    assert_eq!(frame.data(), [10, 0, 0, 0, 0, 0, 0, 0]);
    let samples = decode(&mut profile.decoder(), &messages);
    assert_eq!(samples[0].reading, signals::Reading::good(Value::Float(36.0), Timestamp(5)));
}
