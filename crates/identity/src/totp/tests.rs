use super::*;

fn secret() -> Secret {
    Secret::from_bytes(*b"12345678901234567890")
}

fn at(secs: i64) -> Timestamp {
    Timestamp::from_millis(secs * 1_000)
}

/// RFC 6238 appendix B gives eight digits; six are their end.
#[test]
fn passwords_are_those_of_the_standard() {
    for (secs, password) in [
        (59, "287082"),
        (1_111_111_109, "081804"),
        (1_111_111_111, "050471"),
        (1_234_567_890, "005924"),
        (2_000_000_000, "279037"),
        (20_000_000_000, "353130"),
    ] {
        assert_eq!(secret().password(Step::at(at(secs))), password, "{secs}");
    }
}

#[test]
fn a_password_counts_once() {
    let now = at(1_000_000);
    let password = secret().password(Step::at(now));
    let step = secret().verify(&password, None, now);
    assert_eq!(step, Some(Step::at(now)));
    assert_eq!(secret().verify(&password, step, now), None);
}

#[test]
fn an_earlier_password_than_the_last_does_not_count() {
    let now = at(1_000_000);
    let before = secret().password(Step(Step::at(now).0 - 1));
    assert!(secret().verify(&before, None, now).is_some());
    assert_eq!(secret().verify(&before, Some(Step::at(now)), now), None);
}

#[test]
fn a_clock_may_be_off_by_one_step() {
    let now = at(1_000_000);
    let verify = |steps: i64| {
        let step = Step(Step::at(now).0.checked_add_signed(steps).unwrap());
        secret().verify(&secret().password(step), None, now).is_some()
    };
    assert_eq!([-2, -1, 0, 1, 2].map(verify), [false, true, true, true, false]);
}

#[test]
fn nonsense_does_not_count() {
    for given in ["", "12345", "1234567", "abcdef", "２８７０８２"] {
        assert_eq!(secret().verify(given, None, at(59)), None, "{given}");
    }
}

#[test]
fn the_uri_is_what_apps_read() {
    assert_eq!(
        secret().uri("Marque EU", "ann@example.org"),
        "otpauth://totp/Marque%20EU:ann%40example.org?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Marque%20EU&algorithm=SHA1&digits=6&period=30"
    );
}

#[test]
fn a_secret_is_not_printed() {
    assert_eq!(format!("{:?}", secret()), "Secret(..)");
}
