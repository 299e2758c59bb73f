use std::{
    collections::HashMap,
    io::Write as _,
    process::{Command, Stdio},
};

use proptest::prelude::*;

use crate::{
    ByteOrder, CanFrame, CanId, Decoded, Error, Message, Number, coding::tests::bit_by_bit, dbc, testdata,
};

/// The reference: a signal line taken apart by hand, decoded one bit at a time.
struct Line<'a> {
    name: &'a str,
    multiplex: Option<&'a str>,
    start_bit: u16,
    length: u8,
    byte_order: ByteOrder,
    signed: bool,
    factor: f64,
    offset: f64,
    unit: &'a str,
}

impl<'a> Line<'a> {
    /// ` SG_ NAME m0 : 15|8@0+ (1,0) [0|255] "unit" RECEIVER`
    fn parse(line: &'a str) -> Option<Self> {
        let (head, tail) = line.trim_start().strip_prefix("SG_ ")?.split_once(':')?;
        let mut head = head.split_whitespace();
        let name = head.next()?;
        let multiplex = head.next();
        let (place, tail) = tail.trim_start().split_once('(')?;
        let (linear, tail) = tail.split_once(')')?;
        let (start_bit, place) = place.split_once('|')?;
        let (length, flags) = place.split_once('@')?;
        let (factor, offset) = linear.split_once(',')?;
        Some(Self {
            name,
            multiplex,
            start_bit: start_bit.trim().parse().unwrap(),
            length: length.trim().parse().unwrap(),
            byte_order: if flags.starts_with('0') { ByteOrder::BigEndian } else { ByteOrder::LittleEndian },
            signed: flags.contains('-'),
            factor: factor.trim().parse().unwrap(),
            offset: offset.trim().parse().unwrap(),
            unit: tail.split('"').nth(1)?,
        })
    }

    fn bits(&self, data: &[u8]) -> Option<u64> {
        bit_by_bit(data, self.start_bit, self.length, self.byte_order)
    }

    fn raw(&self, data: &[u8]) -> Option<i128> {
        let bits = i128::from(self.bits(data)?);
        let negative = self.signed && bits >> (self.length - 1) & 1 == 1;
        Some(if negative { bits - (1 << self.length) } else { bits })
    }
}

/// Messages by id, each with its signal lines.
fn reference(text: &str) -> HashMap<u32, Vec<Line<'_>>> {
    let mut messages = HashMap::new();
    let mut current = None;
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("BO_ ") {
            let id: u32 = rest.split_whitespace().next().unwrap().parse().unwrap();
            let loose = rest.contains("VECTOR__INDEPENDENT_SIG_MSG");
            current = (!loose).then_some(if id > 0x7ff { id | 1 << 31 } else { id });
        } else if line.trim_start().starts_with("SG_ ") {
            let Some(current) = current else { continue };
            let signals: &mut Vec<_> = messages.entry(current).or_default();
            signals.push(Line::parse(line).unwrap());
        }
    }
    messages
}

/// A fixed sequence of payloads that have every bit on and off.
fn payloads() -> Vec<[u8; 8]> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut payloads = vec![[0; 8], [0xff; 8], [0x80; 8], [0x01; 8]];
    payloads.resize_with(60, || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    });
    payloads
}

fn check_message(file: &str, message: &Message, lines: &[Line<'_>]) {
    let root = lines.iter().find(|line| line.multiplex == Some("M"));
    for payload in payloads() {
        let mut found = vec![None; message.signals().len()];
        message.decode(&payload, |decoded| found[decoded.signal] = Some(decoded));
        for line in lines {
            let context = format!("{file} {}.{} of {payload:02x?}", message.name(), line.name);
            let (index, signal) = message.signal(line.name).unwrap_or_else(|| panic!("{context}"));
            assert_eq!(*signal.unit, *line.unit, "{context}");
            let selected = match line.multiplex.and_then(|multiplex| multiplex.strip_prefix('m')) {
                Some(value) => root.unwrap().bits(&payload) == Some(value.parse().unwrap()),
                None => true,
            };
            let Some(raw) = line.raw(&payload).filter(|_| selected) else {
                assert_eq!(found[index], None, "{context}");
                continue;
            };
            let Decoded { raw: got, value, .. } = found[index].unwrap_or_else(|| panic!("{context}"));
            let got = if line.signed { i128::from(got.cast_signed()) } else { i128::from(got) };
            assert_eq!(got, raw, "{context}");
            assert_eq!(value, raw as f64 * line.factor + line.offset, "{context}");
        }
    }
}

#[test]
fn every_real_database_decodes_as_bit_by_bit() {
    for (file, bytes) in testdata::files("dbc") {
        let read = dbc::read(&bytes).unwrap_or_else(|error| panic!("{file}: {error}"));
        // These files were read by eye: nothing in them is out of order.
        assert_eq!(read.warnings, [""; 0], "{file}");
        let text = String::from_utf8(bytes).unwrap();
        let reference = reference(&text);
        let with_signals = read.database.messages().iter().filter(|message| !message.signals().is_empty());
        let known = with_signals.clone().count();
        assert_eq!(known, reference.values().filter(|lines| !lines.is_empty()).count(), "{file}");
        for message in with_signals {
            let key = message.id().bits() | u32::from(message.id().is_extended()) << 31;
            assert_eq!(message.signals().len(), reference[&key].len(), "{file} {}", message.name());
            check_message(&file, message, &reference[&key]);
        }
    }
}

/// What cantools says of a file, or `None`, said out loud, where it is not installed.
fn cantools(file: &str) -> Option<Vec<serde_json::Value>> {
    let can_import = Command::new("python3").args(["-c", "import cantools"]).stderr(Stdio::null()).status();
    if !can_import.is_ok_and(|status| status.success()) {
        eprintln!("skipped: python3 has no cantools");
        return None;
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/src/dbc/second_opinion.py");
    let mut python = Command::new("python3");
    python.arg(script).arg(testdata::folder().join("dbc").join(file));
    let mut child = python.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().ok()?;
    let digits = |payload: [u8; 8]| format!("{:016x}\n", u64::from_be_bytes(payload));
    let payloads: String = payloads().into_iter().map(digits).collect();
    child.stdin.take()?.write_all(payloads.as_bytes()).ok()?;
    let output = child.wait_with_output().ok()?;
    assert!(output.status.success(), "{file}");
    let lines = output.stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| serde_json::from_slice(line).ok()).collect()
}

#[test]
fn every_real_database_decodes_as_cantools_does() {
    for (file, bytes) in testdata::files("dbc") {
        let Some(lines) = cantools(&file) else { return };
        let database = dbc::read(&bytes).unwrap().database;
        if lines.is_empty() {
            eprintln!("skipped: cantools does not read {file}");
        }
        for line in lines {
            let id = u32::try_from(line["id"].as_u64().unwrap()).unwrap();
            let bits = id & !(1 << 31);
            let standard = || CanId::standard(u16::try_from(bits).unwrap());
            let id = if id == bits { standard() } else { CanId::extended(bits) };
            let Some(message) = database.message(id.unwrap()) else {
                // The place for signals that no message carries has an id, too.
                assert_eq!(bits, 0, "{file}");
                continue;
            };
            let payload = line["payload"].as_str().unwrap();
            let context = format!("{file} {} of {payload}", message.name());
            let digits: Vec<_> = payload.chars().map(|digit| digit.to_digit(16).unwrap()).collect();
            let data: Vec<_> =
                digits.chunks(2).map(|pair| u8::try_from(pair[0] << 4 | pair[1]).unwrap()).collect();
            let mut values = serde_json::Map::new();
            message.decode(&data, |decoded| {
                let signal = &message.signals()[decoded.signal];
                let signed = signal.coding.number() == Number::Signed;
                let raw = if signed { decoded.raw.cast_signed().into() } else { decoded.raw.into() };
                values.insert(signal.name.to_string(), raw);
            });
            assert_eq!(line["values"], serde_json::Value::Object(values), "{context}");
        }
    }
}

#[test]
fn the_psa_database_has_the_messages_that_are_known_of_it() {
    let Some(bytes) = testdata::read("dbc/psa_aee2010_r3.dbc") else { return };
    let read = dbc::read(&bytes).unwrap();
    let signals: usize = read.database.messages().iter().map(|message| message.signals().len()).sum();
    // The file's 108th message is the place for 106 signals without a message.
    assert_eq!((read.database.messages().len(), signals, read.loose.len()), (107, 430, 106));
}

/// The blind-spot frames of Compact US Wide have 29 bits, and their file does not say so.
#[test]
fn an_id_of_more_than_11_bits_is_extended_though_the_file_forgot_to_say_so() {
    let read = synthetic();
    let forgotten = read.database.message("062CC033".parse().unwrap()).unwrap();
    assert_eq!(forgotten.signals()[0].value_name(1).map(|name| &**name), Some("seen"));
    assert_eq!(read.loose[0].name.as_ref(), "loose");
}

/// No real database here has these, and cars do: one of each.
const SYNTHETIC: &str = r#"VERSION ""
BU_: ECU
BO_ 100 NESTED: 8 ECU
 SG_ root M : 0|8@1+ (1,0) [0|0] "" ECU
 SG_ first m0M : 8|8@1+ (1,0) [0|0] "" ECU
 SG_ second m1 : 8|16@1- (0.5,-10) [-100|100] "km/h" ECU
 SG_ deep m3 : 16|8@1+ (1,0) [0|0] "" ECU
 SG_ plain : 56|8@1+ (1,0) [0|0] "" ECU

BO_ 2566844926 FLOATS: 16 ECU
 SG_ single : 7|32@0- (1,0) [0|0] "V" ECU
 SG_ double : 64|64@1- (1,0) [0|0] "A" ECU

BO_ 101 BROKEN: 8 ECU
 SG_ zero : 0|8@1+ (0,0) [0|0] "" ECU
 SG_ wide : 0|65@1+ (1,0) [0|0] "" ECU
 SG_ orphan m1 : 0|8@1+ (1,0) [0|0] "" ECU
 SG_ good : 8|8@1+ (1,0) [0|0] "" ECU

BO_ 102 LONG: 100 ECU
 SG_ any : 0|8@1+ (1,0) [0|0] "" ECU

BO_ 103596083 FORGOTTEN: 8 ECU
 SG_ any : 0|8@1+ (1,0) [0|0] "" ECU

BO_ 1073741824 NOID: 8 ECU
 SG_ any : 0|8@1+ (1,0) [0|0] "" ECU

BO_ 3221225472 VECTOR__INDEPENDENT_SIG_MSG: 0 Vector__XXX
 SG_ loose : 0|8@1+ (1,0) [0|0] "" Vector__XXX

CM_ SG_ 100 plain "what it is";
VAL_ 103596083 any 1 "seen" ;
VAL_ 100 plain 1 "on" 0 "off" ;
SIG_VALTYPE_ 2566844926 single : 1;
SIG_VALTYPE_ 2566844926 double : 2;
SG_MUL_VAL_ 100 first root 0-0, 4-7;
SG_MUL_VAL_ 100 second root 1-1;
SG_MUL_VAL_ 100 deep first 3-3, 10-20;
"#;

fn synthetic() -> dbc::Read {
    dbc::read(SYNTHETIC.as_bytes()).unwrap()
}

#[test]
fn extended_multiplexing_nests_and_has_ranges() {
    let read = synthetic();
    let message = read.database.message_named("NESTED").unwrap();
    let check = |data: [u8; 8], expected: &[&str]| {
        let mut found = Vec::new();
        message.decode(&data, |decoded| found.push(message.signals()[decoded.signal].name.to_string()));
        assert_eq!(found, expected, "{data:?}");
    };
    check([0, 0, 0, 0, 0, 0, 0, 0], &["root", "first", "plain"]);
    check([1, 0, 0, 0, 0, 0, 0, 0], &["root", "second", "plain"]);
    check([5, 3, 0, 0, 0, 0, 0, 0], &["root", "first", "deep", "plain"]);
    check([7, 15, 0, 0, 0, 0, 0, 0], &["root", "first", "deep", "plain"]);
    check([7, 21, 0, 0, 0, 0, 0, 0], &["root", "first", "plain"]);
    check([2, 3, 0, 0, 0, 0, 0, 0], &["root", "plain"]);
}

#[test]
fn floats_value_names_units_limits_and_comments_are_read() {
    let read = synthetic();
    let floats = read.database.message("18FEF1FE".parse().unwrap()).unwrap();
    assert_eq!(floats.signals()[0].coding.number(), Number::Float32);
    let mut data = [0; 16];
    data[..4].copy_from_slice(&1.5_f32.to_be_bytes());
    data[8..].copy_from_slice(&(-2.25_f64).to_le_bytes());
    let mut values = Vec::new();
    read.database.decode(&CanFrame::new(floats.id(), &data).unwrap(), |decoded| values.push(decoded.value));
    assert_eq!(values, [1.5, -2.25]);

    let nested = read.database.message_named("NESTED").unwrap();
    let (_, plain) = nested.signal("plain").unwrap();
    assert_eq!(plain.value_name(1).map(|name| &**name), Some("on"));
    assert_eq!(plain.value_name(2), None);
    assert_eq!(&*plain.comment, "what it is");
    let (_, second) = nested.signal("second").unwrap();
    assert_eq!((second.limits, &*second.unit), (Some((-100.0, 100.0)), "km/h"));
}

#[test]
fn what_no_frame_can_carry_is_left_out_with_a_warning() {
    let read = synthetic();
    let broken = read.database.message_named("BROKEN").unwrap();
    assert_eq!(broken.signals().len(), 1);
    assert!(read.database.message_named("LONG").is_none());
    assert!(read.database.message_named("NOID").is_none());
    let starts: Vec<_> = read.warnings.iter().map(|warning| warning.split(':').next().unwrap()).collect();
    assert_eq!(starts, ["BROKEN.zero", "BROKEN.wide", "BROKEN.orphan", "LONG", "NOID"]);
}

#[test]
fn a_file_in_windows_1252_is_read() {
    let text = SYNTHETIC.replace("km/h", "°C");
    let bytes: Vec<u8> = text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
    assert!(std::str::from_utf8(&bytes).is_err());
    let marked = [b"\xef\xbb\xbf", text.as_bytes()].concat();
    for bytes in [bytes, marked] {
        let read = dbc::read(&bytes).unwrap();
        let (_, second) = read.database.message_named("NESTED").unwrap().signal("second").unwrap();
        assert_eq!(&*second.unit, "°C");
    }
}

#[test]
fn what_is_no_database_is_an_error_that_says_where() {
    let error = dbc::read(b"BO_ twelve NAME: 8 ECU").unwrap_err();
    assert!(matches!(&error, Error::Dbc { .. }), "{error}");
    let error = dbc::read(b"BO_ 1 A: 8 ECU\n\nBO_ 1 B: 8 ECU\n").unwrap_err();
    assert_eq!(error.to_string(), "CAN id 001 stands twice in the database: `A` and `B`");
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _read_or_refused = dbc::read(&bytes).is_ok();
    }

    /// Broken copies of a good file reach further into the reader than noise does.
    #[test]
    fn a_damaged_file_is_read_or_refused(at in 0..SYNTHETIC.len(), byte in any::<u8>(), cut in 0..SYNTHETIC.len()) {
        let mut bytes = SYNTHETIC.as_bytes().to_vec();
        bytes[at] = byte;
        let _read_or_refused = dbc::read(&bytes).is_ok();
        let _read_or_refused = dbc::read(&bytes[..cut]).is_ok();
    }
}
