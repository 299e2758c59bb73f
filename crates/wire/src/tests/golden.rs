//! Bytes that must decode for ever, and that this release still encodes the same.

use std::{fs, path::Path};

use campaigns::RowGroup;
use model::{Seq, Timestamp};
use signals::{Quality, Value};

use super::{access, catalogue, column, documents, envelope, header_meta};
use crate::*;

const START: i64 = 1_767_225_600_000_000;

/// The golden bytes; where there are none yet, writes them and fails.
#[track_caller]
fn check(name: &str, encoded: &[u8]) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata").join(name).with_extension("hex");
    let Ok(golden) = fs::read_to_string(&path) else {
        fs::write(&path, format!("{}\n", hex::encode(encoded))).unwrap();
        panic!("{} was missing and is written; look at it and commit it", path.display());
    };
    assert_eq!(hex::encode(encoded), golden.trim(), "{name} is encoded in another way");
    hex::decode(golden.trim()).unwrap()
}

fn check_columns(name: &str, groups: &[RowGroup], meta: &BatchMeta) {
    let encoded = encode_batch(meta, groups, &catalogue()).unwrap();
    let golden = check(name, &encoded);
    let (header, body) = parse_header(&golden).unwrap();
    assert_eq!(&header.meta, meta);
    let decoded = decode_columns(&header, body, &catalogue()).unwrap();
    assert_eq!(decoded.groups, groups);
    assert_eq!(decoded.bad_columns, []);
}

fn check_column(name: &str, id: u32, values: &[(Option<Value>, Quality)]) {
    let times = (0..).map(|row| Timestamp(START + row * 1_000_000)).take(values.len()).collect();
    check_columns(name, &[RowGroup { times, columns: vec![column(id, values)] }], &header_meta());
}

fn good(values: impl IntoIterator<Item = Value>) -> Vec<(Option<Value>, Quality)> {
    values.into_iter().map(|value| (Some(value), Quality::Good)).collect()
}

#[test]
fn constant_numbers() {
    check_column("batch-constant", 1, &good([21.5; 10].map(Value::Float)));
}

#[test]
fn packed_numbers() {
    let values = [20.0, 20.5, 21.0, 20.5, 20.0, 21.0, 21.0, 20.0, 20.5, 20.0];
    check_column("batch-packed", 1, &good(values.map(Value::Float)));
}

#[test]
fn drifting_numbers() {
    let values = [45.0, 45.000_012_3, 45.000_024_9, 45.000_037_0, 45.000_049_8, 45.000_061_1];
    check_column("batch-delta", 2, &good(values.map(Value::Float)));
}

#[test]
fn accelerating_numbers() {
    check_column("batch-delta2", 3, &good((0..12).map(|n: u64| Value::Uint(n * n * 1_001))));
}

#[test]
fn stepping_numbers() {
    check_column("batch-runs", 3, &good((0..200).map(|n: u64| Value::Uint(n / 90 * 5_000))));
}

#[test]
fn spiking_numbers() {
    let value = |n: i64| Value::Int(if n == 30 { 30_000 } else { n * n % 5 });
    check_column("batch-rice", 2_147_483_700, &good((0..60).map(value)));
}

#[test]
fn booleans() {
    check_column("batch-boolean", 4, &good([false, true, true, false, true].map(Value::Bool)));
}

#[test]
fn texts() {
    check_column("batch-text", 5, &good(["PARK", "DRIVE", "DRIVE", "é", "PARK"].map(Value::from)));
}

#[test]
fn arrays() {
    let row = |items: &[f64]| Value::Array(items.iter().copied().map(Value::Float).collect());
    check_column("batch-array", 6, &good([row(&[20.5, 20.5, 21.0]), row(&[]), row(&[20.5, 20.5, 21.5])]));
    let row = |items: &[&str]| Value::Array(items.iter().copied().map(Value::from).collect());
    check_column("batch-text-array", 7, &good([row(&["P0420"]), row(&["P0420", "P0171"])]));
}

#[test]
fn qualities() {
    let values = [
        (Some(Value::Uint(5)), Quality::Good),
        (Some(Value::Uint(6)), Quality::Stale),
        (Some(Value::Uint(6)), Quality::Stale),
        (None, Quality::NotAvailable),
        (Some(Value::Uint(7)), Quality::OutOfRange),
        (Some(Value::Uint(u64::MAX)), Quality::Good),
    ];
    check_column("batch-quality", 3, &values);
}

#[test]
fn several_groups_and_dropped_ranges() {
    let times = |step: i64, rows: i64| (0..rows).map(|row| Timestamp(START + row * step)).collect::<Vec<_>>();
    let groups = [
        RowGroup {
            times: times(1_000_000, 3),
            columns: vec![
                column(1, &good([1.0, 2.0, 3.0].map(Value::Float))),
                column(4, &good([true; 3].map(Value::Bool))),
                column(2_147_483_700, &good([-1, -2, -3].map(Value::Int))),
            ],
        },
        RowGroup { times: times(7, 1), columns: vec![column(5, &good([Value::from("ON")]))] },
    ];
    let dropped = vec![SeqRange { first: Seq(3), last: Seq(9) }, SeqRange { first: Seq(20), last: Seq(20) }];
    check_columns("batch-groups", &groups, &BatchMeta { dropped, ..header_meta() });
}

#[test]
fn compressed_bodies() {
    let texts = (0..60).map(|n| Value::Text(format!("Song number {n} of the same long record").into()));
    check_column("batch-zstd", 5, &good(texts));
}

#[test]
fn desired_documents() {
    let campaigns = documents::campaigns();
    assert_eq!(decode_campaigns(&check("campaigns", &encode_campaigns(&campaigns))).unwrap(), campaigns);
    let consent = documents::consent();
    assert_eq!(decode_consent(&check("consent", &encode_consent(&consent))).unwrap(), consent);
    let second_owner = ConsentDocument { first_epoch: model::ConsentEpoch(8), ..consent };
    let golden = check("consent-second-owner", &encode_consent(&second_owner));
    assert_eq!(decode_consent(&golden).unwrap(), second_owner);
}

#[test]
fn messages() {
    let report = documents::report();
    assert_eq!(decode_report(&check("report", &encode_report(&report))).unwrap(), report);
    let fetch = documents::fetch();
    assert_eq!(decode_fetch(&check("fetch", &encode_fetch(&fetch))).unwrap(), fetch);
    let notice = documents::notice();
    assert_eq!(decode_notice(&check("notice", &encode_notice(&notice))).unwrap(), notice);
}

#[test]
fn messages_of_access() {
    let code = access::link_code();
    assert_eq!(decode_link_code(&check("link-code", &encode_link_code(&code))).unwrap(), code);
    let notices = access::notices();
    let golden = check("access-notices", &encode_access_notices(&notices));
    assert_eq!(decode_access_notices(&golden).unwrap(), notices);
    let asked = [AccessNotice { number: 7, kind: AccessNoticeKind::ReleaseRequested, at: Timestamp(START) }];
    let golden = check("access-notices-release", &encode_access_notices(&asked));
    assert_eq!(decode_access_notices(&golden).unwrap(), asked);
    let fetch = Fetch { access: Some(6), ..documents::fetch() };
    assert_eq!(decode_fetch(&check("fetch-access", &encode_fetch(&fetch))).unwrap(), fetch);
}

#[test]
fn signed_envelopes() {
    let key = envelope::key(1);
    let sealed = key.sign(&envelope::envelope()).unwrap();
    let golden = check("envelope", &sealed);
    let keys = VerifyingKeys::new([*key.public_key()]);
    assert_eq!(keys.open(&golden, &envelope::expected()), Ok(envelope::envelope()));
}
