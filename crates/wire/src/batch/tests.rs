use campaigns::{ArrayColumn, Column, ColumnData, Exception, RowGroup, TextColumn};
use model::{CatalogueHash, Seq, Timestamp, limits};
use proptest::{collection::vec, prelude::*};
use signals::{Catalogue, CatalogueBuilder, Leaf, Quality, SignalId, Value};

use super::{INTEGER_MAX, frame};
use crate::{
    tests::{catalogue, column, header_meta},
    *,
};

const START: i64 = 1_767_225_600_000_000;

fn times(rows: usize) -> Vec<Timestamp> {
    (0..).map(|row| Timestamp(START + row * 1_000_000)).take(rows).collect()
}

fn numbers(rows: u32) -> Column {
    let values: Vec<_> =
        (0..rows).map(|row| (Some(Value::Float(f64::from(row * row % 17))), Quality::Good)).collect();
    column(1, &values)
}

fn one_group(columns: Vec<Column>, rows: usize) -> Vec<RowGroup> {
    vec![RowGroup { times: times(rows), columns }]
}

fn encode(groups: &[RowGroup]) -> Vec<u8> {
    encode_batch(&header_meta(), groups, &catalogue()).unwrap()
}

fn decode(batch: &[u8]) -> Result<Decoded, Error> {
    let (header, body) = parse_header(batch)?;
    decode_columns(&header, body, &catalogue())
}

/// The batch with another body or header, and a checksum that fits.
fn resealed(batch: &[u8], change: impl FnOnce(&mut BatchHeader, &mut Vec<u8>)) -> Vec<u8> {
    let (mut header, body) = parse_header(batch).unwrap();
    let mut body = body.as_bytes().to_vec();
    change(&mut header, &mut body);
    frame::assemble(&header, &body).unwrap()
}

#[test]
fn a_batch_says_what_it_is_without_its_columns() {
    let batch = encode(&one_group(vec![numbers(10)], 10));
    let (header, _) = parse_header(&batch).unwrap();
    assert_eq!(header.meta, header_meta());
    assert_eq!((header.samples, header.columns), (10, 1));
    assert_eq!(header.base_time, Timestamp(START));
    assert_eq!(header.catalogue, catalogue().hash());
}

#[test]
fn every_damaged_byte_is_noticed() {
    let batch = encode(&one_group(vec![numbers(10)], 10));
    for index in 0..batch.len() {
        let mut damaged = batch.clone();
        damaged[index] ^= 0x10;
        assert!(parse_header(&damaged).is_err(), "byte {index}");
        assert!(parse_header(&batch[..index]).is_err(), "cut at {index}");
    }
}

#[test]
fn another_format_asks_for_an_update() {
    assert_eq!(parse_header(&[2, 0, 0, 0, 0, 0]), Err(Error::Format { got: 2 }));
    assert_eq!(parse_header(&[]), Err(Error::Truncated));
}

#[test]
fn an_oversized_batch_is_not_read() {
    let huge = vec![1; limits::BATCH_BYTES_MAX + 1];
    assert_eq!(parse_header(&huge), Err(Error::TooLarge { bytes: huge.len() }));
}

#[test]
fn limits_are_checked_in_the_header() {
    let batch = encode(&one_group(vec![numbers(10)], 10));
    let check = |field, change: fn(&mut BatchHeader)| {
        let bad = resealed(&batch, |header, _| change(header));
        assert_eq!(parse_header(&bad), Err(Error::Field { message: "the batch header", field }));
    };
    check("samples", |header| header.samples = limits::BATCH_SAMPLES_MAX + 1);
    check("samples", |header| header.samples = 0);
    check("columns", |header| header.columns = 11);
    check("raw_bytes", |header| (header.encoding, header.raw_bytes) = (Encoding::Zstd, u32::MAX));
    check("raw_bytes", |header| (header.encoding, header.raw_bytes) = (Encoding::Zstd, 0));
    check("base_time", |header| header.base_time = Timestamp(limits::SOURCE_TIME_MIN.0 - 1));
    check("base_time", |header| header.base_time = Timestamp(limits::SOURCE_TIME_MAX.0 + 1));
    check("seq", |header| header.meta.seq = Seq(limits::SEQ_MAX + 1));
}

#[test]
fn another_catalogue_is_named() {
    let batch = encode(&one_group(vec![numbers(10)], 10));
    let other = resealed(&batch, |header, _| header.catalogue = CatalogueHash(1));
    let error = Error::Catalogue { batch: CatalogueHash(1), ours: catalogue().hash() };
    assert_eq!(decode(&other), Err(error));
}

#[test]
fn an_unknown_signal_costs_only_its_column() {
    let speed = Catalogue::core().by_path("Vehicle.Speed").cloned().unwrap();
    let mut other = CatalogueBuilder::default();
    for id in [1, 3] {
        other.add(Leaf { id: SignalId(id), path: format!("Vehicle.Test{id}").into(), ..(*speed).clone() });
    }
    let stranger = Column { signal: SignalId(3), ..numbers(10) };
    let theirs =
        encode_batch(&header_meta(), &one_group(vec![numbers(10), stranger], 10), &other.build().unwrap());
    let mut ours = CatalogueBuilder::default();
    ours.add((**catalogue().by_id(SignalId(1)).unwrap()).clone());
    let ours = ours.build().unwrap();
    let batch = resealed(&theirs.unwrap(), |header, _| header.catalogue = ours.hash());
    let (header, body) = parse_header(&batch).unwrap();
    let decoded = decode_columns(&header, body, &ours).unwrap();
    assert_eq!(decoded.groups[0].columns, [numbers(10)]);
    let bad = BadColumn { signal: SignalId(3), samples: 10, problem: ColumnProblem::UnknownSignal };
    assert_eq!(decoded.bad_columns, [bad]);
}

#[test]
fn a_text_that_its_leaf_allows_takes_a_byte() {
    let catalogue = Catalogue::core();
    let leaf = catalogue.by_path("Vehicle.Body.Windshield.Front.Wiping.Mode").unwrap();
    let sized = |text: &str| {
        let mut column = Column::new(leaf);
        column.push(leaf, Some(&Value::from(text)), Quality::Good);
        let groups = one_group(vec![column], 1);
        let batch = encode_batch(&header_meta(), &groups, &catalogue).unwrap();
        let (header, body) = parse_header(&batch).unwrap();
        assert_eq!(decode_columns(&header, body, &catalogue).unwrap().groups, groups);
        batch.len()
    };
    assert_eq!(sized("NOT_ALLOWED") - sized("RAIN_SENSOR"), "NOT_ALLOWED".len());
}

#[test]
fn a_malformed_column_costs_only_itself() {
    let truth = column(4, &vec![(Some(Value::Bool(true)), Quality::Good); 10]);
    let batch = encode(&one_group(vec![numbers(10), truth], 10));
    // The last byte of the body is the boolean's constant.
    let bad = resealed(&batch, |_, body| {
        body.pop();
        body.push(0x7e);
    });
    let decoded = decode(&bad).unwrap();
    assert_eq!(decoded.groups[0].columns, [numbers(10)]);
    assert_eq!(decoded.bad_columns[0].problem, ColumnProblem::Malformed);
}

#[test]
fn rows_of_no_time_that_a_table_has_are_left_out() {
    let batch = encode(&one_group(vec![numbers(10)], 10));
    let late = resealed(&batch, |header, _| header.base_time = limits::SOURCE_TIME_MAX);
    let decoded = decode(&late).unwrap();
    assert_eq!((decoded.groups.len(), decoded.bad_columns[0].problem), (0, ColumnProblem::Times));
}

#[test]
fn a_body_that_promises_more_samples_than_its_header_is_refused() {
    let batch = encode(&one_group(vec![numbers(10)], 10));
    for samples in [9, 11] {
        let bad = resealed(&batch, |header, _| header.samples = samples);
        assert!(matches!(decode(&bad), Err(Error::Body { .. })), "{samples}");
    }
}

#[test]
fn a_bomb_is_bounded_by_its_header() {
    let songs: Vec<_> = (0..99)
        .map(|n| (Some(Value::Text(format!("the same long song {n}").into())), Quality::Good))
        .collect();
    let batch = encode(&one_group(vec![column(5, &songs)], 99));
    let (header, _) = parse_header(&batch).unwrap();
    assert_eq!(header.encoding, Encoding::Zstd);
    for change in [-1_i64, 1] {
        let raw_bytes = u32::try_from(i64::from(header.raw_bytes) + change).unwrap();
        let bad = resealed(&batch, |header, _| header.raw_bytes = raw_bytes);
        assert_eq!(decode(&bad), Err(Error::Compression { expected: raw_bytes }));
    }
    let bomb = zstd::bulk::compress(&vec![0; 8 * limits::BATCH_RAW_BYTES_MAX], 3).unwrap();
    let bad = resealed(&batch, |_, body| *body = bomb);
    assert_eq!(decode(&bad), Err(Error::Compression { expected: header.raw_bytes }));
}

#[test]
fn columns_that_break_their_rules_are_not_encoded() {
    let check = |groups: &[RowGroup], problem| {
        let encoded = encode_batch(&header_meta(), groups, &catalogue());
        assert_eq!(encoded, Err(Error::Columns { problem }));
    };
    check(&[], "there are none");
    check(&one_group(vec![], 1), "a group is empty");
    check(&one_group(vec![numbers(10)], 9), "a column breaks its rules");
    check(&one_group(vec![Column { signal: SignalId(4), ..numbers(10) }], 10), "a column breaks its rules");
    check(
        &one_group(vec![Column { signal: SignalId(999), ..numbers(10) }], 10),
        "a signal is not in the catalogue",
    );
    check(&one_group(vec![numbers(10), numbers(10)], 10), "columns are not sorted by signal");
    let backwards = RowGroup { times: vec![Timestamp(2), Timestamp(2)], columns: vec![numbers(2)] };
    check(&[backwards], "times do not increase strictly");
    let far = RowGroup { times: vec![Timestamp(0), Timestamp::MAX], columns: vec![numbers(2)] };
    check(&[far], "a time is out of range");
    let exceptions = vec![Exception { row: 10, quality: Quality::Stale, raw: None }];
    check(&one_group(vec![Column { exceptions, ..numbers(10) }], 10), "a column breaks its rules");
}

#[test]
fn a_batch_announces_what_was_dropped_later() {
    let batch = encode(&one_group(vec![numbers(10)], 10));
    let dropped = vec![SeqRange { first: Seq(3), last: Seq(40) }];
    let announced = announce_dropped(&batch, dropped.clone()).unwrap();
    assert_eq!(parse_header(&announced).unwrap().0.meta.dropped, dropped);
    assert_eq!(decode(&announced), decode(&batch));
    let endless = vec![SeqRange { first: Seq(0), last: Seq(u64::MAX) }];
    assert!(announce_dropped(&batch, endless).is_err());
    let overlapping = vec![dropped[0], dropped[0]];
    assert!(announce_dropped(&batch, overlapping).is_err());
}

fn any_quality() -> impl Strategy<Value = Option<Quality>> {
    prop_oneof![
        8 => Just(None),
        1 => Just(Some(Quality::Stale)),
        1 => Just(Some(Quality::OutOfRange)),
        1 => Just(Some(Quality::NotAvailable)),
    ]
}

fn any_texts(rows: usize) -> impl Strategy<Value = TextColumn> {
    let words = prop::sample::select(vec!["", "ON", "OFF", "é", "a somewhat longer text"]);
    vec(words, rows).prop_map(|words| {
        let mut texts = TextColumn::default();
        for word in words {
            let known = texts.dictionary.iter().position(|entry| &**entry == word);
            let place = known.unwrap_or_else(|| {
                texts.dictionary.push(word.into());
                texts.dictionary.len() - 1
            });
            texts.index.push(u32::try_from(place).unwrap());
        }
        texts
    })
}

fn any_data(id: u32, rows: usize) -> BoxedStrategy<ColumnData> {
    let number = prop_oneof![-50_i64..50, -INTEGER_MAX..=INTEGER_MAX];
    match id {
        4 => vec(any::<bool>(), rows).prop_map(ColumnData::Bool).boxed(),
        5 => any_texts(rows).prop_map(ColumnData::Text).boxed(),
        6 => vec(0_u32..4, rows)
            .prop_flat_map(move |lengths| {
                let items: u32 = lengths.iter().sum();
                (Just(lengths), vec(-50_i64..50, items as usize))
            })
            .prop_map(|(lengths, items)| {
                let ends = lengths
                    .iter()
                    .scan(0, |end, length| {
                        *end += length;
                        Some(*end)
                    })
                    .collect();
                ColumnData::Array(ArrayColumn { ends, items: Box::new(ColumnData::Fixed(items)) })
            })
            .boxed(),
        _ => vec(number, rows).prop_map(ColumnData::Fixed).boxed(),
    }
}

fn any_column(id: u32, rows: usize) -> impl Strategy<Value = Column> {
    (any_data(id, rows), vec((any_quality(), any::<bool>()), rows)).prop_map(move |(data, qualities)| {
        let exceptions = qualities.iter().zip(0..).filter_map(|((quality, raw), row)| {
            let raw = (*raw && *quality == Some(Quality::OutOfRange)).then(|| "1e99".into());
            Some(Exception { row, quality: (*quality)?, raw })
        });
        Column { signal: SignalId(id), data, exceptions: exceptions.collect() }
    })
}

fn any_group() -> impl Strategy<Value = RowGroup> {
    let ids = prop::sample::subsequence(vec![1, 2, 3, 4, 5, 6, 2_147_483_700], 1..7);
    (ids, vec(1_i64..3_000_000, 1..40)).prop_flat_map(|(ids, steps)| {
        let times: Vec<_> = steps
            .iter()
            .scan(START, |time, step| {
                *time += step;
                Some(Timestamp(*time))
            })
            .collect();
        let columns: Vec<_> = ids.into_iter().map(|id| any_column(id, times.len())).collect();
        (Just(times), columns).prop_map(|(times, columns)| RowGroup { times, columns })
    })
}

proptest! {
    #[test]
    fn batches_round_trip(groups in vec(any_group(), 1..4)) {
        let decoded = decode(&encode(&groups)).unwrap();
        prop_assert_eq!(decoded.groups, groups);
        prop_assert_eq!(decoded.bad_columns, []);
    }

    /// The second batch is damaged where `damage` says so.
    #[test]
    fn a_decoder_that_was_used_reads_as_a_new_one(
        batches in vec(vec(any_group(), 1..3), 3),
        damage in prop::option::of((any::<prop::sample::Index>(), any::<u8>())),
    ) {
        let mut used = Decoder::default();
        for (index, groups) in batches.iter().enumerate() {
            let batch = match damage {
                Some((place, byte)) if index == 1 => resealed(&encode(groups), |_, body| {
                    let place = place.index(body.len());
                    body[place] = byte;
                }),
                Some(_) | None => encode(groups),
            };
            let (header, body) = parse_header(&batch).unwrap();
            let decoded = used.decode(&header, body, &catalogue());
            prop_assert_eq!(&decoded, &decode(&batch));
            decoded.into_iter().flat_map(|decoded| decoded.groups).for_each(|rows| used.recycle(rows));
        }
    }

    #[test]
    fn arbitrary_batches_do_no_harm(bytes in vec(any::<u8>(), 0..200)) {
        prop_assert!(parse_header(&bytes).is_err());
    }

    #[test]
    fn arbitrary_bodies_do_no_harm(
        body in vec(any::<u8>(), 1..200), samples in 1_u32..1_000, encoding in any::<bool>(),
    ) {
        let batch = encode(&one_group(vec![numbers(10)], 10));
        let bad = resealed(&batch, |header, bytes| {
            header.raw_bytes = u32::try_from(body.len()).unwrap();
            header.samples = samples;
            header.columns = samples.min(20);
            header.encoding = if encoding { Encoding::Zstd } else { Encoding::Plain };
            *bytes = body;
        });
        if let Ok(decoded) = decode(&bad) {
            let got: usize = decoded.groups.iter().map(RowGroup::samples).sum();
            prop_assert!(got <= samples as usize);
        }
    }

    #[test]
    fn changed_bodies_do_no_harm(groups in vec(any_group(), 1..3), place in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let bad = resealed(&encode(&groups), |_, body| {
            let place = place.index(body.len());
            body[place] = byte;
        });
        let samples: usize = groups.iter().map(RowGroup::samples).sum();
        if let Ok(decoded) = decode(&bad) {
            let got: usize = decoded.groups.iter().map(RowGroup::samples).sum();
            let lost: u32 = decoded.bad_columns.iter().map(|bad| bad.samples).sum();
            prop_assert_eq!(got + lost as usize, samples);
        }
    }
}
