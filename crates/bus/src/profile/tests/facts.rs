//! Each frame that names a public source is laid out as that source says, bit by bit.

use std::collections::BTreeMap;

use super::*;
use crate::{ByteOrder, Message, Number, dbc, profile::Origin, testdata};

#[test]
fn frames_from_opendbc_are_laid_out_as_its_files_say() {
    let mut compared = 0;
    let mut databases = BTreeMap::new();
    for profile in all() {
        for (frame, message) in profile.frames().iter().zip(profile.database().messages()) {
            let Origin::OpenDbc(name) = &frame.origin else { continue };
            if !databases.contains_key(name) {
                let Some(bytes) = testdata::read(&format!("dbc/{name}.dbc")) else { return };
                databases.insert(Arc::clone(name), dbc::read(&bytes).unwrap().database);
            }
            let source = databases[name].message_named(&frame.name);
            let source = source.unwrap_or_else(|| panic!("{name} has no {}", frame.name));
            assert_eq!(message.id(), source.id(), "{}", frame.name);
            assert_eq!(message.payload_len(), source.payload_len(), "{}", frame.name);
            for signal in message.signals() {
                let (_, of_source) = source.signal(&signal.name).unwrap();
                assert_eq!(signal.coding, of_source.coding, "{}.{}", frame.name, signal.name);
                compared += 1;
            }
        }
    }
    assert!(compared > 150, "{compared} signals were compared");
}

/// What PSA-RE's YAML says of a frame. Its bits count bytes from 1 and run from the top.
struct Facts {
    id: u32,
    length: usize,
    signals: BTreeMap<String, SignalFacts>,
}

#[derive(Default)]
struct SignalFacts {
    first: (u16, u16),
    last: (u16, u16),
    factor: Option<f64>,
    offset: f64,
    signed: bool,
    invalid: Option<u64>,
}

fn number(text: &str) -> Option<u64> {
    match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

impl Facts {
    /// Reads the lines that matter; the files are regular enough for that.
    fn parse(text: &str) -> Self {
        let mut facts = Self { id: 0, length: 0, signals: BTreeMap::new() };
        let mut current = String::new();
        for line in text.lines() {
            let line = line.split(" #").next().unwrap_or_default();
            let indent = line.len() - line.trim_start().len();
            let Some((key, value)) = line.trim().split_once(':') else { continue };
            let value = value.trim().trim_matches('\'');
            match (indent, key) {
                (0, "id") => facts.id = u32::try_from(number(value).unwrap()).unwrap(),
                (0, "length") => facts.length = value.parse().unwrap(),
                (2, name) if value.is_empty() => current = name.to_owned(),
                (4, "bits") => {
                    let (first, last) = value.split_once('-').unwrap_or((value, value));
                    let place = |text: &str| {
                        let (byte, bit) = text.split_once('.').unwrap();
                        (byte.parse().unwrap(), bit.parse().unwrap())
                    };
                    let signal = facts.signals.entry(current.clone()).or_default();
                    (signal.first, signal.last) = (place(first), place(last));
                }
                (4, key) => {
                    let signal = facts.signals.entry(current.clone()).or_default();
                    match key {
                        "factor" | "resolution" => signal.factor = value.parse().ok(),
                        "offset" => signal.offset = value.parse().unwrap_or_default(),
                        "type" => signal.signed = matches!(value, "sint" | "int16"),
                        "invalid" => signal.invalid = number(value),
                        _ => {}
                    }
                }
                _ => {}
            }
        }
        facts
    }

    fn check(&self, message: &Message) {
        assert_eq!(message.id().bits(), self.id, "{}", message.name());
        assert_eq!(message.payload_len(), self.length, "{}", message.name());
        for signal in message.signals() {
            let facts = &self.signals[&*signal.name];
            let name = format!("{}.{}", message.name(), signal.name);
            let coding = &signal.coding;
            assert_eq!(coding.byte_order(), ByteOrder::BigEndian, "{name}");
            assert_eq!(coding.start_bit(), (facts.first.0 - 1) * 8 + facts.first.1, "{name}");
            let length = (facts.last.0 - facts.first.0) * 8 + facts.first.1 - facts.last.1 + 1;
            assert_eq!(u16::from(coding.length()), length, "{name}");
            assert_eq!(coding.number() == Number::Signed, facts.signed, "{name}");
            assert_eq!(coding.offset(), facts.offset, "{name}");
            assert_eq!(coding.factor(), facts.factor.unwrap_or(1.0), "{name}");
        }
    }
}

#[test]
fn frames_from_psa_re_are_laid_out_as_its_files_say() {
    let profile = Profile::builtin("psa-aee2004").unwrap();
    let mut compared = 0;
    for (frame, message) in profile.frames().iter().zip(profile.database().messages()) {
        let Origin::PsaRe(path) = &frame.origin else { continue };
        let Some(text) = testdata::read(&format!("psa_re/buses/{path}.yml")) else { return };
        let facts = Facts::parse(std::str::from_utf8(&text).unwrap());
        facts.check(message);
        for (signal, not_available) in message.signals().iter().zip(&frame.not_available) {
            // A code that does not fit its signal's bits (the odometer's) is widened to all ones.
            let stated =
                facts.signals[&*signal.name].invalid.filter(|code| *code >= signal.coding.mask() / 2);
            if let (Some(stated), Some(used)) = (stated, not_available) {
                assert_eq!(signal.coding.extend(stated & signal.coding.mask()), *used, "{}", signal.name);
            }
        }
        compared += message.signals().len();
    }
    assert!(compared > 60, "{compared} signals were compared");
}
