use std::{collections::BTreeSet, fs, path::PathBuf};

use model::DataCategory;

use super::*;
use crate::{DataType, LeafKind, ScalarType, Vspec};

const REGISTRY_TSV: &str = include_str!("../../catalogue/registry.tsv");

/// What a release of Marque has shipped stays: so many rows, and this FNV-1a hash of them.
const FROZEN_ROWS: usize = 635;
const FROZEN_HASH: u64 = 0x90f6_d73c_0a84_250f;

fn registry_rows() -> Vec<&'static str> {
    REGISTRY_TSV.lines().filter(|line| !line.starts_with('#')).skip(1).collect()
}

fn row_of(leaf: &Leaf) -> String {
    let unit = leaf.unit.as_deref().unwrap_or_default();
    format!("{}\t{}\t{}\t{unit}\t{}", leaf.id, leaf.path, leaf.data_type, leaf.scale.digits())
}

#[test]
fn the_core_has_what_a_car_needs() {
    let catalogue = Catalogue::core();
    assert!(catalogue.len() >= 320, "{} leaves", catalogue.len());
    for path in
        ["Vehicle.Speed", "Vehicle.CurrentLocation.Latitude", "Vehicle.Chassis.SteeringWheel.AngleFine"]
    {
        assert!(catalogue.by_path(path).is_some(), "{path}");
    }
}

#[test]
fn every_leaf_is_registered_as_the_registry_says() {
    let rows: BTreeSet<_> = registry_rows().into_iter().map(str::to_owned).collect();
    let leaves: BTreeSet<_> = Catalogue::core().leaves().map(|leaf| row_of(leaf)).collect();
    let lost: Vec<_> = rows.difference(&leaves).collect();
    assert!(lost.is_empty(), "registered leaves never change or go: {lost:#?}");
    let new: Vec<_> = leaves.difference(&rows).collect();
    assert!(new.is_empty(), "append these rows to registry.tsv: {new:#?}");
}

#[test]
fn registered_rows_stay_as_they_were_released() {
    let rows = registry_rows();
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for byte in rows.iter().take(FROZEN_ROWS).flat_map(|row| row.bytes().chain([b'\n'])) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    assert!(rows.len() >= FROZEN_ROWS);
    assert_eq!(hash, FROZEN_HASH, "the first {FROZEN_ROWS} rows of registry.tsv have changed");
}

#[test]
fn ids_are_unique_and_low() {
    let catalogue = Catalogue::core();
    let ids: BTreeSet<_> = catalogue.leaves().map(|leaf| leaf.id).collect();
    assert_eq!(ids.len(), catalogue.len());
    assert!(ids.iter().all(|id| id.is_registered()));
}

#[test]
fn only_floats_have_decimals_and_every_unit_is_known() {
    for leaf in Catalogue::core().leaves() {
        let (DataType::Scalar(scalar) | DataType::Array(scalar)) = leaf.data_type;
        let float = matches!(scalar, ScalarType::Float | ScalarType::Double);
        assert!(float || leaf.scale == crate::Scale::ZERO, "{}", leaf.path);
        assert!(leaf.description.ends_with('.'), "{}", leaf.path);
        if let Some(unit) = &leaf.unit {
            assert!(&**unit == "iso8601" || crate::Unit::named(unit).is_some(), "{}: {unit}", leaf.path);
        }
    }
}

#[test]
fn scales_hold_the_resolution_that_consumers_rely_on() {
    let digits = |path: &str| Catalogue::core().by_path(path).unwrap().scale.digits();
    assert_eq!(digits("Vehicle.Speed"), 2);
    assert_eq!(digits("Vehicle.CurrentLocation.Latitude"), 7);
    assert_eq!(digits("Vehicle.Powertrain.TractionBattery.StateOfCharge.Current"), 2);
    assert_eq!(digits("Vehicle.Chassis.SteeringWheel.AngleFine"), 2);
    assert_eq!(digits("Vehicle.TraveledDistance"), 0);
}

#[test]
fn an_older_path_finds_the_leaf_of_today() {
    let catalogue = Catalogue::core();
    let leaf = catalogue.by_path("Vehicle.Powertrain.CombustionEngine.ECT").unwrap();
    assert_eq!(&*leaf.path, "Vehicle.Powertrain.CombustionEngine.EngineCoolant.Temperature");
}

#[test]
fn every_alias_leads_to_a_leaf_and_hides_none() {
    let registry = Registry::shipped();
    for (alias, path) in &registry.aliases {
        assert!(registry.leaves.contains_key(path), "{alias} -> {path}");
        assert!(!registry.leaves.contains_key(alias), "{alias}");
    }
}

#[test]
fn a_leaf_is_found_by_its_id() {
    let catalogue = Catalogue::core();
    for (place, leaf) in catalogue.leaves().enumerate() {
        assert_eq!(catalogue.index_of(leaf.id), Some(place));
    }
    assert_eq!(catalogue.index_of(crate::SignalId(1_999)), None);
    assert_eq!(catalogue.index_of(crate::SignalId(u32::MAX)), None);
}

/// Compares facts with the official release; descriptions are ours and must differ from it.
#[test]
fn the_core_is_typed_as_vss_6_0_types_it() {
    let file =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/vss/vss_release_6.0.json");
    let Ok(text) = fs::read_to_string(file) else {
        eprintln!("skipped: ../shared/data is absent");
        return;
    };
    let official: serde_json::Value = serde_json::from_str(&text).unwrap();
    let core = table::leaves("core.tsv", CORE).unwrap();
    assert!(core.len() >= 320);
    for leaf in core {
        let mut node = &serde_json::json!({ "children": official });
        for name in leaf.path.split('.') {
            node = &node["children"][name];
        }
        assert!(node.is_object(), "{} is not in VSS 6.0", leaf.path);
        let text = |name: &str| node[name].as_str().unwrap_or_default();
        assert_eq!(text("type").parse::<LeafKind>().unwrap(), leaf.kind, "{}", leaf.path);
        assert_eq!(text("datatype"), leaf.data_type.to_string(), "{}", leaf.path);
        assert_eq!(text("unit"), leaf.unit.as_deref().unwrap_or_default(), "{}", leaf.path);
        assert_eq!(node["min"].as_f64(), leaf.limits.min, "{}", leaf.path);
        assert_eq!(node["max"].as_f64(), leaf.limits.max, "{}", leaf.path);
        let allowed: Vec<_> = leaf.limits.allowed.iter().map(ToString::to_string).collect();
        let official: Vec<_> =
            node["allowed"].as_array().into_iter().flatten().map(|value| value.as_str().unwrap()).collect();
        assert_eq!(allowed, official, "{}", leaf.path);
        assert_ne!(text("description").to_lowercase(), leaf.description.to_lowercase(), "{}", leaf.path);
    }
}

#[test]
fn path_rules_protect_what_the_registry_protects() {
    for leaf in Catalogue::core().leaves() {
        if matches!(leaf.category, DataCategory::Location | DataCategory::Identity) {
            assert_eq!(crate::defaults::category_of(&leaf.path), leaf.category, "{}", leaf.path);
        }
    }
}

#[test]
fn the_shipped_catalogue_is_what_its_own_leaves_export_to() {
    let speed = r#"{"Vehicle":{"type":"branch","children":{"Speed":{"type":"sensor","datatype":"float","unit":"km/h"}}}}"#;
    let read = Vspec::read(speed).unwrap().catalogue;
    let leaf = read.by_path("Vehicle.Speed").unwrap();
    assert_eq!(row_of(leaf), row_of(Catalogue::core().by_path("Vehicle.Speed").unwrap()));
}
