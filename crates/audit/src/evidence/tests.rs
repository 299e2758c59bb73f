use proptest::prelude::*;

use super::*;
use crate::tests::event;

#[test]
fn evidence_is_read_back() {
    let (event, openings) = event(1);
    for count in 0..=openings.len() {
        let evidence = Evidence::new(event.encode(), openings[..count].to_vec()).unwrap();
        assert_eq!(Evidence::decode(&evidence.encode()).unwrap(), evidence);
    }
}

#[test]
fn an_opening_of_another_entry_is_refused() {
    let error = Evidence::new(event(1).0.encode(), event(2).1).unwrap_err();
    assert!(matches!(error, Error::OtherOpening { label: "actor" }));
}

#[test]
fn an_entry_of_a_newer_version_goes_without_openings() {
    let mut entry = event(1).0.encode();
    entry[2] = 9;
    assert!(Evidence::new(entry.clone(), Vec::new()).unwrap().check().is_ok());
    assert!(matches!(Evidence::new(entry, event(1).1), Err(Error::EventVersion { version: 9 })));
}

#[test]
fn the_order_of_openings_is_one() {
    let (event, mut openings) = event(1);
    let sorted = Evidence::new(event.encode(), openings.clone()).unwrap();
    openings.reverse();
    openings.push(openings[0].clone());
    assert_eq!(Evidence::new(event.encode(), openings.clone()).unwrap(), sorted);
    let unsorted = Evidence { openings, ..sorted };
    assert!(Evidence::decode(&unsorted.encode()).is_err());
}

proptest! {
    #[test]
    fn any_bytes_are_evidence_or_refused(place in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let (event, openings) = event(1);
        let mut bytes = Evidence::new(event.encode(), openings).unwrap().encode();
        let place = place.index(bytes.len());
        bytes[place] = byte;
        if let Ok(evidence) = Evidence::decode(&bytes) {
            prop_assert_eq!(evidence.encode(), bytes);
        }
    }
}
