use model::{ConsentEpoch, DataCategory, Purpose, Timestamp};
use proptest::{prelude::*, sample::select};

use crate::*;

fn any_grant() -> impl Strategy<Value = Grant> {
    (select(&Purpose::ALL[..]), select(&DataCategory::ALL[..]), any::<bool>(), 0_i64..50)
        .prop_map(|(purpose, category, granted, at)| Grant { purpose, category, granted, at: Timestamp(at) })
}

fn any_grants() -> impl Strategy<Value = Vec<Grant>> {
    prop::collection::vec(any_grant(), 0..40)
}

fn any_place() -> impl Strategy<Value = Jurisdiction> {
    select(&Jurisdiction::ALL[..])
}

fn grants(list: &[Grant]) -> Grants {
    Grants::new(ConsentEpoch(1), list.iter().copied())
}

/// Every pair's decision, to compare whole sets.
fn all_decisions(grants: &Grants, place: Jurisdiction, mode: DriverMode) -> Vec<Decision> {
    Purpose::ALL
        .into_iter()
        .flat_map(|purpose| DataCategory::ALL.map(|category| (purpose, category)))
        .map(|(purpose, category)| decide(grants, place, mode, purpose, category))
        .collect()
}

#[test]
fn nothing_leaves_a_car_whose_owner_said_nothing() {
    for place in Jurisdiction::ALL {
        let decisions = all_decisions(&Grants::default(), place, DriverMode::Open);
        assert!(decisions.iter().all(|decision| !decision.is_allowed()), "{place}");
    }
}

#[test]
fn a_grant_allows_its_own_pair_only() {
    let list = [Grant {
        purpose: Purpose::Maintenance,
        category: DataCategory::Tyres,
        granted: true,
        at: Timestamp(1),
    }];
    let decisions = all_decisions(&grants(&list), Jurisdiction::Eu, DriverMode::Open);
    assert_eq!(decisions.iter().filter(|decision| decision.is_allowed()).count(), 1);
}

#[test]
fn the_reason_says_what_to_change() {
    let deny = |place, mode, category| decide(&Grants::default(), place, mode, Purpose::Safety, category);
    let open = DriverMode::Open;
    assert_eq!(deny(Jurisdiction::Eu, open, DataCategory::Location), Decision::Deny(DenyReason::LocationOff));
    assert_eq!(deny(Jurisdiction::Cn, open, DataCategory::Cabin), Decision::Deny(DenyReason::StaysInTheCar));
    assert_eq!(deny(Jurisdiction::UsCa, open, DataCategory::Cabin), Decision::Deny(DenyReason::NoGrant));
}

#[test]
fn of_two_words_at_the_same_time_the_withdrawal_wins() {
    let said =
        |granted| Grant { purpose: Purpose::Safety, category: DataCategory::Body, granted, at: Timestamp(3) };
    for list in [[said(true), said(false)], [said(false), said(true)]] {
        let decisions = all_decisions(&grants(&list), Jurisdiction::Default, DriverMode::Open);
        assert!(decisions.iter().all(|decision| !decision.is_allowed()));
    }
}

#[test]
fn a_further_word_starts_the_next_epoch() {
    let first = Grants::new(ConsentEpoch(7), []);
    let second = first.with(Grant {
        purpose: Purpose::Safety,
        category: DataCategory::Body,
        granted: true,
        at: Timestamp(1),
    });
    assert_eq!(second.epoch(), ConsentEpoch(8));
    assert_eq!(second.entries().len(), 1);
}

#[test]
fn names_and_codes_round_trip() {
    for place in Jurisdiction::ALL {
        assert_eq!(place.slug().parse(), Ok(place));
        assert_eq!(Jurisdiction::from_code(place.code()), Some(place));
    }
    for mode in DriverMode::ALL {
        assert_eq!(mode.slug().parse(), Ok(mode));
    }
    for purpose in Purpose::ALL {
        assert_eq!(purpose.slug().parse(), Ok(purpose));
        assert_eq!(Purpose::from_code(purpose.code()), Some(purpose));
    }
    assert_eq!("EU".parse::<Jurisdiction>(), Err(Error::Jurisdiction));
    assert_eq!("".parse::<DriverMode>(), Err(Error::DriverMode));
}

proptest! {
    #[test]
    fn location_is_never_allowed_without_an_explicit_grant(
        list in any_grants(), place in any_place(), mode in select(&DriverMode::ALL[..]),
        purpose in select(&Purpose::ALL[..]),
    ) {
        let decision = decide(&grants(&list), place, mode, purpose, DataCategory::Location);
        let explicit = list.iter().any(|grant| {
            grant.granted && grant.purpose == purpose && grant.category == DataCategory::Location
        });
        prop_assert!(explicit || !decision.is_allowed());
        prop_assert!(mode == DriverMode::Open || !decision.is_allowed());
    }

    #[test]
    fn a_private_driver_lets_nothing_out(list in any_grants(), place in any_place()) {
        let decisions = all_decisions(&grants(&list), place, DriverMode::AllPrivate);
        prop_assert!(decisions.iter().all(|decision| *decision == Decision::Deny(DenyReason::AllPrivate)));
    }

    #[test]
    fn withdrawing_is_as_if_never_granted(list in any_grants(), last in any_grant(), place in any_place()) {
        let pair = |grant: &Grant| grant.purpose == last.purpose && grant.category == last.category;
        let never: Vec<Grant> = list.iter().copied().filter(|grant| !pair(grant)).collect();
        let withdrawn = grants(&list).with(Grant { granted: false, at: Timestamp(100), ..last });
        prop_assert_eq!(
            all_decisions(&withdrawn, place, DriverMode::Open),
            all_decisions(&grants(&never), place, DriverMode::Open)
        );
    }

    #[test]
    fn a_stricter_mode_never_allows_more(list in any_grants(), place in any_place()) {
        let granted = grants(&list);
        let allowed = |mode| all_decisions(&granted, place, mode).iter().map(|d| d.is_allowed()).collect::<Vec<_>>();
        let (open, no_location) = (allowed(DriverMode::Open), allowed(DriverMode::NoLocation));
        prop_assert!(no_location.iter().zip(&open).all(|(strict, wide)| *wide || !strict));
    }

    #[test]
    fn the_order_of_words_with_times_does_not_matter(mut list in any_grants()) {
        let forwards = grants(&list);
        list.reverse();
        prop_assert_eq!(forwards, grants(&list));
    }
}
