use std::collections::{BTreeMap, BTreeSet};

use super::*;

fn fleet(vehicles: usize) -> Fleet {
    Fleet::new(FleetOptions::new(vehicles)).unwrap()
}

#[test]
fn fourteen_hundred_cars_are_a_hundred_of_each_brand() {
    let fleet = fleet(1_400);
    let mut brands = BTreeMap::new();
    for spec in fleet.specs() {
        *brands.entry(spec.brand()).or_insert(0) += 1;
    }
    assert_eq!(brands, Brand::ALL.into_iter().map(|brand| (brand, 100)).collect());
}

#[test]
fn twenty_eight_cars_have_all_brands_and_architectures() {
    let fleet = fleet(28);
    let architectures: BTreeSet<_> = fleet.specs().iter().map(|spec| spec.model.architecture).collect();
    let brands: BTreeSet<_> = fleet.specs().iter().map(CarSpec::brand).collect();
    assert_eq!(architectures.len(), ARCHITECTURES.len(), "{architectures:?}");
    assert_eq!(brands.len(), Brand::ALL.len());
}

#[test]
fn a_large_fleet_has_every_model() {
    let fleet = fleet(1_400);
    let models: BTreeSet<_> = fleet.specs().iter().map(|spec| (spec.brand(), &spec.model.name)).collect();
    assert_eq!(models.len(), ModelTable::builtin().models().len());
}

#[test]
fn a_longer_fleet_begins_with_the_shorter_one() {
    let (short, long) = (fleet(50), fleet(100));
    for (a, b) in short.specs().iter().zip(long.specs()) {
        assert_eq!((a.vin.reveal(), a.seed, a.model_year), (b.vin.reveal(), b.seed, b.model_year));
    }
}

#[test]
fn vins_differ_and_name_their_maker_and_number() {
    let fleet = fleet(1_400);
    let vins: BTreeSet<_> = fleet.specs().iter().map(|spec| spec.vin.reveal().to_owned()).collect();
    assert_eq!(vins.len(), 1_400);
    let spec = &fleet.specs()[1_234];
    assert!(spec.vin.reveal().starts_with(&*spec.model.wmi));
    assert!(spec.vin.reveal().ends_with("001234"));
}

#[test]
fn the_check_digit_is_that_of_the_standards_example() {
    assert_eq!(check_digit(b"1M8GDM9A_KP042788"), b'X');
}

#[test]
fn most_owners_grant_location_and_a_few_nothing_personal() {
    let fleet = fleet(1_400);
    let count = |persona| fleet.specs().iter().filter(|spec| spec.persona == persona).count();
    assert!((1_150..1_230).contains(&count(Persona::Open)), "{}", count(Persona::Open));
    assert!((30..90).contains(&count(Persona::Private)), "{}", count(Persona::Private));
    let private = fleet.specs().iter().find(|spec| spec.persona == Persona::Private).unwrap();
    assert!(!private.grants().iter().any(|(_, category)| *category == DataCategory::Driving));
    let shy = fleet.specs().iter().find(|spec| spec.persona == Persona::NoLocation).unwrap();
    assert!(!shy.grants().iter().any(|(_, category)| *category == DataCategory::Location));
    assert!(shy.grants().iter().any(|(_, category)| *category == DataCategory::Driving));
}
