//! Words and sets.

use model::{Brand, Timestamp, VehicleId};

use super::cases::{self, ME};
use crate::{Action, Assignment, Brands, Error, Function, Link, Links, Realm};

#[test]
fn a_set_of_brands_is_never_empty() {
    assert!(matches!(Brands::new([]), Err(Error::NoBrand)));
    assert_eq!(Brands::ALL.iter().count(), 14);
    let two = Brands::new([Brand::Ds, Brand::Fiat]).unwrap();
    assert!(Brands::ALL.contains_all(two) && !two.contains_all(Brands::ALL));
}

#[test]
fn staff_and_customers_have_accounts_of_their_own() {
    let staff = [cases::assignment(Function::Operations, Brands::ALL)];
    assert_eq!(Assignment::realm_with(&staff, Function::Privacy).unwrap(), Realm::Staff);
    assert!(matches!(Assignment::realm_with(&staff, Function::Owner), Err(Error::MixedRealms)));
    assert_eq!(Assignment::realm_with(&[], Function::Dealer).unwrap(), Realm::Partner);
}

#[test]
fn links_are_found_by_car() {
    let vehicle = |byte| VehicleId::from_bytes([byte; 16]);
    let link = |byte, function| Link {
        person: ME,
        function,
        vehicle: vehicle(byte),
        brand: Brand::Opel,
        region: cases::home(),
        from: Timestamp(0),
        until: None,
        categories: None,
    };
    let links: Links = [link(9, Function::Owner), link(2, Function::Driver), link(9, Function::Driver)]
        .into_iter()
        .collect();
    assert_eq!(links.to(vehicle(9)).len(), 2);
    assert_eq!(links.to(vehicle(2)).len(), 1);
    assert!(links.to(vehicle(5)).is_empty());
}

#[test]
fn every_action_is_found_by_its_name() {
    for action in Action::ALL {
        assert_eq!(action.slug().parse::<Action>().unwrap(), *action);
    }
}
