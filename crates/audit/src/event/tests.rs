use model::{Brand, Purpose, Region, Timestamp};
use proptest::{option, prelude::*, sample::select};

use super::*;
use crate::tests::{event, word};

fn any_slug() -> impl Strategy<Value = Slug> {
    "[a-z][a-z0-9._-]{0,63}".prop_map(|text| text.parse().unwrap())
}

fn any_word() -> impl Strategy<Value = Word> {
    "[!-~]{1,128}".prop_filter_map("a VIN", |text| text.parse().ok())
}

fn any_field() -> impl Strategy<Value = Field> {
    prop_oneof![
        any_word().prop_map(Field::Plain),
        any::<[u8; 32]>().prop_map(|bytes| Field::Committed(Commitment::from_bytes(bytes))),
    ]
}

fn any_event() -> impl Strategy<Value = Event> {
    let who = (any_slug(), any_field(), any_slug(), any_slug(), any_field());
    let what = (
        "[a-z][a-z0-9-]{1,15}".prop_map(|text| text.parse::<Region>().unwrap()),
        option::of(select(&Brand::ALL[..])),
        option::of(select(&Purpose::ALL[..])),
        select(&Outcome::ALL[..]),
        option::of(any_slug()),
    );
    let rest = (any::<i64>(), option::of(any_word()), option::of(any_field()));
    (who, what, rest).prop_map(|(who, what, rest)| Event {
        at: Timestamp(rest.0),
        actor: Actor { kind: who.0, id: who.1 },
        action: who.2,
        resource: Resource { kind: who.3, id: who.4 },
        region: what.0,
        brand: what.1,
        purpose: what.2,
        outcome: what.3,
        reason: what.4,
        request: rest.1,
        address: rest.2,
    })
}

#[test]
fn a_slug_is_a_plain_name() {
    for good in ["a", "vehicle.history.read", "session.end_own", "operator", "a-1", &"x".repeat(64)] {
        assert!(good.parse::<Slug>().is_ok(), "{good}");
    }
    for bad in ["", "A", "1a", ".a", "-a", "a b", "_a", "a+b", "ä", &"x".repeat(65)] {
        assert!(bad.parse::<Slug>().is_err(), "{bad}");
    }
}

#[test]
fn a_word_is_visible_ascii() {
    for bad in ["", " ", "a b", "a\n", "é", &"x".repeat(129)] {
        assert!(matches!(bad.parse::<Word>(), Err(Error::Word)), "{bad}");
    }
    assert!("urn:marque:vehicle:eu:000102030405060708090a0b0c0d0e0f".parse::<Word>().is_ok());
}

#[test]
fn a_vin_does_not_get_into_the_log() {
    for bad in [
        "VF3CCHMZ0KT012345",
        "vf3cchmz0kt012345",
        "VIN:VF3CCHMZ0KT012345",
        "/v1/vehicles/VF3CCHMZ0KT012345/history",
        "id=7,Vf3CchMz0Kt012345",
    ] {
        assert!(matches!(bad.parse::<Word>(), Err(Error::Vin)), "{bad}");
    }
    for good in ["000102030405060708090a0b0c0d0e0f", "VF3CCHMZ0KT01234", "VF3CCHMZ0KT0123456", "192.0.2.0/24"]
    {
        assert!(good.parse::<Word>().is_ok(), "{good}");
    }
}

#[test]
fn an_event_with_every_field_at_its_limit_can_be_read() {
    let (mut event, _) = event(0);
    let (slug, word): (Slug, Word) = ("x".repeat(64).parse().unwrap(), word(&"x".repeat(128)));
    event.at = Timestamp(i64::MIN);
    event.actor = Actor { kind: slug.clone(), id: Field::Plain(word.clone()) };
    event.action = slug.clone();
    event.resource = Resource { kind: slug.clone(), id: Field::Plain(word.clone()) };
    event.region = "x".repeat(16).parse().unwrap();
    (event.brand, event.purpose) = (Some(Brand::AlfaRomeo), Some(Purpose::ProductImprovement));
    (event.reason, event.request) = (Some(slug), Some(word.clone()));
    event.address = Some(Field::Plain(word));
    assert_eq!(Event::decode(&event.encode()).unwrap(), event);
}

#[test]
fn a_newer_version_says_that_it_is_newer() {
    let mut bytes = event(0).0.encode();
    bytes[2] = 2;
    assert!(matches!(Event::decode(&bytes), Err(Error::EventVersion { version: 2 })));
}

#[test]
fn an_event_that_is_cut_or_goes_on_is_refused() {
    let bytes = event(0).0.encode();
    for len in 0..bytes.len() {
        assert!(Event::decode(&bytes[..len]).is_err(), "{len}");
    }
    assert!(Event::decode(&[&bytes[..], &[0]].concat()).is_err());
    assert!(Event::decode(&[0; EVENT_BYTES_MAX + 1]).is_err());
}

proptest! {
    #[test]
    fn every_event_is_read_back(event in any_event()) {
        let bytes = event.encode();
        prop_assert!(bytes.len() <= EVENT_BYTES_MAX);
        prop_assert_eq!(Event::decode(&bytes).unwrap(), event);
    }

    #[test]
    fn an_event_has_one_spelling(
        event in any_event(), place in any::<prop::sample::Index>(), byte in any::<u8>(),
    ) {
        let mut bytes = event.encode();
        let place = place.index(bytes.len());
        bytes[place] = byte;
        if let Ok(other) = Event::decode(&bytes) {
            prop_assert_eq!(other.encode(), bytes);
        }
    }

    #[test]
    fn any_bytes_are_an_event_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        if let Ok(event) = Event::decode(&bytes) {
            prop_assert_eq!(event.encode(), bytes);
        }
    }
}
