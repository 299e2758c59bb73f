use super::*;

#[test]
fn each_reason_is_read_back_and_an_unknown_one_stays_a_quarantine() {
    for reason in QuarantineReason::ALL {
        assert_eq!(QuarantineReason::of(reason.slug()), reason);
    }
    assert_eq!(QuarantineReason::of("of-a-later-version"), QuarantineReason::ByHand);
}
