use proptest::prelude::*;

use super::*;

const SALT: Salt = Salt([7; 16]);
const NOW: Timestamp = Timestamp(1_000_000_000);

fn code() -> Code {
    Code::from_random([1, 2, 3, 4, 5])
}

fn shown() -> ShownCode {
    let hash = code().hash(SALT, CodeKind::Owner);
    ShownCode::new(VehicleId::from_bytes([1; 16]), CodeKind::Owner, hash, Timestamp::MAX, NOW)
}

fn right() -> CodeHash {
    code().hash(SALT, CodeKind::Owner)
}

fn wrong() -> CodeHash {
    Code::from_random([9; 5]).hash(SALT, CodeKind::Owner)
}

#[test]
fn a_code_is_read_as_people_type_it() {
    let text = code().to_string();
    assert_eq!(text.len(), 9);
    assert_eq!(text.parse::<Code>().unwrap(), code());
    assert_eq!(text.replace('-', " ").to_lowercase().parse::<Code>().unwrap(), code());
    for wrong in ["", "ABCD-EFG", "ABCD-EFGHJ", "ABCD-EFG0", "ABCD-EFGI"] {
        assert!(wrong.parse::<Code>().is_err(), "{wrong}");
    }
}

#[test]
fn every_bit_counts() {
    assert_eq!(Code::from_random([0; 5]).to_string(), "2222-2222");
    assert_eq!(Code::from_random([255; 5]).to_string(), "ZZZZ-ZZZZ");
    for bit in 0..40 {
        let mut bytes = [0; 5];
        bytes[bit / 8] = 1 << (bit % 8);
        assert_ne!(Code::from_random(bytes), Code::from_random([0; 5]));
    }
}

#[test]
fn a_code_counts_once() {
    let mut shown = shown();
    assert_eq!(shown.redeem(right(), CodeKind::Owner, NOW), Ok(()));
    assert_eq!(shown.redeem(right(), CodeKind::Owner, NOW), Err(CodeRefusal::Used));
}

#[test]
fn a_code_lasts_ten_minutes_whatever_the_car_says() {
    let last = NOW + LIFETIME_MAX;
    assert_eq!(shown().redeem(right(), CodeKind::Owner, Timestamp(last.0 - 1)), Ok(()));
    assert_eq!(shown().redeem(right(), CodeKind::Owner, last), Err(CodeRefusal::Expired));
    assert_eq!(shown().redeem(right(), CodeKind::Owner, Timestamp(NOW.0 - 1)), Err(CodeRefusal::Expired));
}

#[test]
fn five_wrong_tries_end_a_code() {
    let mut shown = shown();
    for _ in 0..WRONG_TRIES_MAX {
        assert_eq!(shown.redeem(wrong(), CodeKind::Owner, NOW), Err(CodeRefusal::Wrong));
    }
    assert_eq!(shown.redeem(right(), CodeKind::Owner, NOW), Err(CodeRefusal::Exhausted));
}

#[test]
fn a_code_of_one_kind_does_not_count_for_another() {
    let mut shown = shown();
    assert_eq!(shown.redeem(right(), CodeKind::Workshop, NOW), Err(CodeRefusal::Wrong));
    assert_eq!(
        shown.redeem(code().hash(SALT, CodeKind::Workshop), CodeKind::Workshop, NOW),
        Err(CodeRefusal::Wrong)
    );
    assert_eq!(shown.redeem(right(), CodeKind::Owner, NOW), Ok(()));
}

#[test]
fn salt_and_kind_change_the_hash() {
    assert_ne!(code().hash(SALT, CodeKind::Owner), code().hash(Salt([8; 16]), CodeKind::Owner));
    assert_ne!(code().hash(SALT, CodeKind::Owner), code().hash(SALT, CodeKind::Driver));
    assert_eq!(format!("{:?}", code()), "Code(..)");
}

proptest! {
    #[test]
    fn a_code_is_what_was_drawn(bytes: [u8; 5], others: [u8; 5]) {
        let code = Code::from_random(bytes);
        prop_assert_eq!(&code.to_string().parse::<Code>().unwrap(), &code);
        prop_assert_eq!(code == Code::from_random(others), bytes == others);
    }
}
