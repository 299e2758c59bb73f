//! Entries as the platform writes them: an operator reads a car's history, both named by commitments.

use audit::{Actor, Event, Field, Label, Opening, Outcome, Resource, Salt, Slug, Word};
use model::{Brand, Purpose, Timestamp};

pub(crate) fn entry(number: u64) -> Vec<u8> {
    event(number).encode()
}

pub(crate) fn event(number: u64) -> Event {
    let committed = |label, value: String| {
        let mut salt = [0; 16];
        salt[..8].copy_from_slice(&number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
        Field::from(&Opening::new(label, Salt::from_bytes(salt), word(&value)))
    };
    Event {
        at: Timestamp(1_800_000_000_000_000 + i64::try_from(number).unwrap_or(0) * 1_000),
        actor: Actor { kind: slug("operator"), id: committed(Label::Actor, format!("op-{}", number % 50)) },
        action: slug("vehicle.history.read"),
        resource: Resource {
            kind: slug("vehicle"),
            id: committed(Label::Resource, format!("{:032x}", u128::from(number % 5_000))),
        },
        region: "eu".parse().expect("it is a region"),
        brand: Some(Brand::Peugeot),
        purpose: Some(Purpose::Maintenance),
        outcome: Outcome::Allowed,
        reason: None,
        request: Some(word(&format!("{number:016x}"))),
        address: Some(Field::Plain(word("192.0.2.0/24"))),
    }
}

fn slug(text: &str) -> Slug {
    text.parse().expect("it is a slug")
}

fn word(text: &str) -> Word {
    text.parse().expect("it is a word")
}
