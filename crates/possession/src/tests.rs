use proptest::prelude::*;

use super::*;

const SALT: Salt = Salt([7; 16]);

fn code() -> Code {
    Code::from_random([1, 2, 3, 4, 5])
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
