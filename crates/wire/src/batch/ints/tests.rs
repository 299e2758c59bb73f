use proptest::{collection::vec, prelude::*};

use super::*;

const ALL: [u8; 7] = [CONSTANT, PACKED, DELTA, DELTA2, RUNS, RICE, RICE2];

const FORMS: [Form; 2] = [Form::Inline, Form::Tail];

fn encoded(values: &[i64], form: Form) -> (u8, Vec<u8>) {
    let mut out = Vec::new();
    let tag = encode(values, form, &mut Scratch::default(), &mut out);
    (tag, out)
}

fn decoded(tag: u8, count: usize, form: Form, mut payload: &[u8]) -> Option<Vec<i64>> {
    let mut out = Vec::new();
    decode(tag, count, form, &mut payload, &mut out)?;
    payload.is_empty().then_some(out)
}

fn check(values: &[i64], encoding: u8, bytes_max: usize) {
    for form in FORMS {
        let (tag, payload) = encoded(values, form);
        assert_eq!(decoded(tag, values.len(), form, &payload).as_deref(), Some(values));
        assert_eq!(tag & ENCODING_MASK, encoding, "{} bytes", payload.len());
        assert!(payload.len() <= bytes_max, "{} bytes", payload.len());
    }
}

#[test]
fn what_never_changes_is_one_number() {
    check(&[700; 10_000], CONSTANT, 2);
}

#[test]
fn what_changes_by_the_same_amount_is_two_numbers() {
    let ticks: Vec<_> = (0..1_000).map(|tick| tick * 1_000_000).collect();
    check(&ticks, DELTA, 6);
}

#[test]
fn a_coarse_resolution_costs_no_more_than_its_steps() {
    let values: Vec<_> = (0..64).map(|n: i64| (n * n * 7_919 % 251 % 16) * 50).collect();
    check(&values, PACKED, 4 + 64 * 4 / 8);
}

#[test]
fn rare_changes_are_runs() {
    let values: Vec<_> = (0..3_000).map(|n| n / 1_000 * 77).collect();
    check(&values, RUNS, 12);
}

#[test]
fn what_accelerates_evenly_is_a_second_difference() {
    let values: Vec<_> = (0..200).map(|n: i64| n * n * 1_001).collect();
    check(&values, DELTA2, 10);
}

#[test]
fn an_outlier_does_not_widen_the_others() {
    let mut values: Vec<_> = (0..500_i64).map(|n| n * 3 + n * n * 7_919 % 251 % 9).collect();
    values[250] = INTEGER_MAX;
    let (tag, payload) = encoded(&values, Form::Tail);
    assert!(matches!(tag & ENCODING_MASK, RICE | RICE2), "{tag}");
    assert!(payload.len() < 400, "{} bytes", payload.len());
    assert_eq!(decoded(tag, values.len(), Form::Tail, &payload), Some(values));
}

#[test]
fn what_a_decimal_cannot_hold_is_refused() {
    let mut payload = Vec::new();
    write_signed(&mut payload, INTEGER_MAX + 1);
    assert_eq!(decoded(CONSTANT, 1, Form::Tail, &payload), None);
}

#[test]
fn every_cut_of_a_payload_is_refused() {
    for values in [vec![5, 5, 5, 9], (0..50).map(|n: i64| n * n % 91 * 1_000).collect::<Vec<_>>()] {
        let (tag, payload) = encoded(&values, Form::Inline);
        for length in 0..payload.len() {
            assert_eq!(decoded(tag, values.len(), Form::Inline, &payload[..length]), None, "{length}");
        }
    }
}

fn any_values() -> impl Strategy<Value = Vec<i64>> {
    let wide = -INTEGER_MAX..=INTEGER_MAX;
    prop_oneof![
        vec(wide.clone(), 0..80),
        vec(-100_i64..100, 0..300),
        (wide.clone(), vec(-20_i64..20, 1..100)).prop_map(|(start, steps)| {
            let mut value = start / 2;
            steps
                .iter()
                .map(|step| {
                    value += step * 250;
                    value
                })
                .collect()
        }),
        (wide, 1_usize..200).prop_map(|(value, count)| vec![value; count]),
    ]
}

proptest! {
    #[test]
    fn integers_round_trip(values in any_values()) {
        for form in FORMS {
            let (tag, payload) = encoded(&values, form);
            let again = decoded(tag, values.len(), form, &payload);
            prop_assert_eq!(again.as_ref(), Some(&values));
        }
    }

    #[test]
    fn arbitrary_bytes_do_no_harm(
        tag in prop_oneof![any::<u8>(), prop::sample::select(&ALL[..])],
        count in 0_usize..2_000,
        payload in vec(any::<u8>(), 0..64),
    ) {
        for form in FORMS {
            if let Some(values) = decoded(tag, count, form, &payload) {
                prop_assert_eq!(values.len(), count);
                prop_assert!(values.iter().all(|value| value.abs() <= INTEGER_MAX));
            }
        }
    }
}
