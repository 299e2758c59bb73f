use std::{fs, path::PathBuf};

use model::DataCategory;
use proptest::prelude::*;

use super::*;

fn file(name: &str) -> Option<String> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/vss").join(name);
    let text = fs::read_to_string(path).ok();
    if text.is_none() {
        eprintln!("skipped: ../shared/data is absent");
    }
    text
}

fn one(leaf: &str) -> String {
    format!(r#"{{"Vehicle":{{"type":"branch","children":{{"Odd":{leaf}}}}}}}"#)
}

#[track_caller]
fn check_release(name: &str, leaves: usize) {
    let Some(text) = file(name) else { return };
    let read = Vspec::read(&text).unwrap();
    let overlay = Registry::shipped().overlay().count();
    assert!(read.catalogue.len() + 60 >= leaves, "{} leaves", read.catalogue.len());
    assert!(read.catalogue.len() <= leaves + overlay);
    let again = Vspec::read(&text).unwrap();
    assert_eq!(read.catalogue.hash(), again.catalogue.hash());
    let location = read.catalogue.by_path("Vehicle.CurrentLocation.Latitude").unwrap();
    assert_eq!((location.category, location.scale.digits()), (DataCategory::Location, 7));
}

#[track_caller]
fn check_error(text: &str, expected: &str) {
    assert_eq!(Vspec::read(text).unwrap_err().to_string(), expected);
}

#[test]
fn release_4_0_loads() {
    check_release("vss_release_4.0.json", 910);
}

#[test]
fn release_6_0_loads() {
    check_release("vss_release_6.0.json", 1_263);
}

#[test]
fn the_head_of_vss_loads() {
    check_release("vss_HEAD.json", 1_367);
}

#[test]
fn what_tells_of_people_or_places_is_protected_in_every_release() {
    for name in ["vss_release_4.0.json", "vss_release_6.0.json", "vss_HEAD.json"] {
        let Some(text) = file(name) else { return };
        for leaf in Vspec::read(&text).unwrap().catalogue.leaves() {
            let words: Vec<_> = leaf.path.split('.').skip(1).collect();
            let any = |of: &[&str]| words.iter().any(|word| of.contains(word));
            let place =
                any(&["Latitude", "Longitude", "Altitude", "Heading", "CurrentLocation", "Orientation"]);
            let person = any(&["Occupant", "Identifier", "VIN", "LicensePlate", "PurchaseDate"])
                && !leaf.path.starts_with("Vehicle.Body.Lights.LicensePlate");
            if place {
                assert_eq!(leaf.category, DataCategory::Location, "{name} {}", leaf.path);
            }
            if person || words[0] == "Driver" {
                assert_eq!(leaf.category, DataCategory::Identity, "{name} {}", leaf.path);
            }
        }
    }
}

#[test]
fn what_nothing_names_is_off_until_someone_turns_it_on() {
    let text = r#"{"Vehicle":{"type":"branch","children":{"Oem":{"type":"branch","children":{
        "Gps":{"type":"branch","children":{"Lat":{"type":"sensor","datatype":"double"}}}}}}}}"#;
    let read = Vspec::read(text).unwrap();
    assert_eq!(read.catalogue.by_path("Vehicle.Oem.Gps.Lat").unwrap().category, DataCategory::Location);
}

#[test]
fn every_branch_of_the_releases_is_named() {
    for name in ["vss_release_4.0.json", "vss_release_6.0.json", "vss_HEAD.json"] {
        let Some(text) = file(name) else { return };
        for leaf in Vspec::read(&text).unwrap().catalogue.leaves() {
            let of_places =
                ["Location", "Navigation", "Orientation", "EvseId", "Latitude", "Longitude", "Altitude"];
            let told = of_places.iter().any(|word| leaf.path.contains(word));
            assert!(told || leaf.category != DataCategory::Location, "{name} {}", leaf.path);
        }
    }
}

#[test]
fn release_6_0_types_every_registered_leaf_alike() {
    let Some(text) = file("vss_release_6.0.json") else { return };
    assert_eq!(Vspec::read(&text).unwrap().redefined, vec![]);
}

#[test]
fn a_leaf_that_an_older_release_types_otherwise_keeps_the_registered_definition() {
    let Some(text) = file("vss_release_4.0.json") else { return };
    let read = Vspec::read(&text).unwrap();
    let odometer = read.redefined.iter().find(|leaf| leaf.path == "Vehicle.TraveledDistance").unwrap();
    assert_eq!((&*odometer.in_file, &*odometer.registered), ("float km", "uint32 m"));
    let leaf = read.catalogue.by_path("Vehicle.TraveledDistance").unwrap();
    assert_eq!(leaf.unit.as_deref(), Some("m"));
}

#[test]
fn a_renamed_leaf_keeps_its_id_across_releases() {
    let (Some(old), Some(new)) = (file("vss_release_4.0.json"), file("vss_HEAD.json")) else { return };
    let (old, new) = (Vspec::read(&old).unwrap().catalogue, Vspec::read(&new).unwrap().catalogue);
    for (before, now) in [
        (
            "Vehicle.Powertrain.CombustionEngine.ECT",
            "Vehicle.Powertrain.CombustionEngine.EngineCoolant.Temperature",
        ),
        ("Vehicle.OBD.DTCList", "Vehicle.Diagnostics.DTCList"),
    ] {
        assert_eq!(old.by_path(before).unwrap().id, new.by_path(now).unwrap().id);
    }
}

#[test]
fn an_unregistered_leaf_takes_a_hashed_id_a_category_and_a_scale() {
    let text = one(r#"{"type":"sensor","datatype":"float","unit":"V","min":0,"max":5.5}"#);
    let read = Vspec::read(&text).unwrap();
    let leaf = read.catalogue.by_path("Vehicle.Odd").unwrap();
    assert_eq!(leaf.id, SignalId::hashed("Vehicle.Odd"));
    assert_eq!(leaf.id.0, 0xea95_b003, "the hash is fixed for ever");
    assert_eq!((leaf.category, leaf.scale.digits()), (DataCategory::Location, 3));
    assert_eq!((leaf.limits.min, leaf.limits.max), (Some(0.0), Some(5.5)));
}

#[test]
fn overlay_leaves_come_with_every_release() {
    let read = Vspec::read(&one(r#"{"type":"sensor","datatype":"float"}"#)).unwrap();
    assert!(read.catalogue.by_path("Vehicle.Chassis.SteeringWheel.AngleFine").is_some());
}

#[test]
fn errors_name_the_path() {
    check_error(&one(r#"{"type":"sensor"}"#), "`Vehicle.Odd`: has no `datatype`");
    check_error(&one(r#"{"datatype":"float"}"#), "`Vehicle.Odd`: has no `type`");
    check_error(
        &one(r#"{"type":"knob","datatype":"float"}"#),
        "`Vehicle.Odd`: `knob` is none of sensor, actuator, attribute",
    );
    check_error(
        &one(r#"{"type":"sensor","datatype":"int7"}"#),
        "`Vehicle.Odd`: unknown VSS data type `int7`",
    );
    check_error(
        &one(r#"{"type":"sensor","datatype":"int8","min":"low"}"#),
        "`Vehicle.Odd`: `min` is not a number",
    );
    check_error(
        &one(r#"{"type":"sensor","datatype":"int8","allowed":["a"]}"#),
        "`Vehicle.Odd`: `a` is not int8",
    );
    check_error(&one("7"), "`Vehicle.Odd`: is not an object");
    check_error(
        "[]",
        "not a vspec JSON file: the file is not an object of branches; export one with `vspec export json`",
    );
}

proptest! {
    #[test]
    fn any_text_loads_or_is_refused_with_a_reason(text in ".{0,200}") {
        for text in [one(&text), text] {
            match Vspec::read(&text) {
                Ok(read) => prop_assert!(read.catalogue.len() >= Registry::shipped().overlay().count()),
                Err(error) => prop_assert!(!error.to_string().is_empty()),
            }
        }
    }
}
