use proptest::prelude::*;
use signals::Catalogue;

use super::*;

/// Speed 120.5 km/h, door closed, lever in drive, of service 1, sequence 7, at 1 s: for ever.
const GOLDEN: &[u8] = &[
    b'M', b'Z', 1, 0, 1, 0, 7, 0, 0x40, 0x42, 0x0f, 0, 0, 0, 0, 0, 3, 0, // header
    1, 3, 0xa4, 0xbc, 0x01, // signal 1: 12050 hundredths
    0xab, 0x02, 1, // signal 299: false
    0xdd, 0x0f, 4, 5, b'D', b'R', b'I', b'V', b'E', // signal 2013: text
];

fn golden_values() -> Vec<(Arc<Leaf>, Value)> {
    let catalogue = Catalogue::core();
    let leaf = |path| Arc::clone(catalogue.by_path(path).unwrap());
    vec![
        (leaf("Vehicle.Speed"), Value::Float(120.5)),
        (leaf("Vehicle.Cabin.Door.Row1.DriverSide.IsOpen"), Value::Bool(false)),
        (leaf("Vehicle.Powertrain.Transmission.GearLever"), Value::from("DRIVE")),
    ]
}

fn datagrams(values: &[(Arc<Leaf>, Value)], sequence: u16) -> Vec<Vec<u8>> {
    let header = Header { kind: DatagramKind::Current, service: 1, time: Timestamp(1_000_000) };
    let mut datagrams = Vec::new();
    let values = values.iter().map(|(leaf, value)| (&**leaf, value));
    encode(header, sequence, values, |bytes| datagrams.push(bytes));
    datagrams
}

fn records(bytes: &[u8]) -> Result<Vec<(SignalId, RecordValue<'_>)>, Error> {
    let mut records = Vec::new();
    Datagram::parse(bytes)?.records(|signal, value| records.push((signal, value)))?;
    Ok(records)
}

#[test]
fn the_golden_bytes_are_what_is_written() {
    assert_eq!(datagrams(&golden_values(), 7), [GOLDEN]);
}

#[test]
fn the_golden_bytes_are_read() {
    let datagram = Datagram::parse(GOLDEN).unwrap();
    assert_eq!((datagram.service, datagram.sequence, datagram.time), (1, 7, Timestamp(1_000_000)));
    let mut values = Vec::new();
    datagram.records(|signal, value| values.push((signal.0, value))).unwrap();
    let expected = [
        (1, RecordValue::Mantissa(12_050)),
        (299, RecordValue::Bool(false)),
        (2013, RecordValue::Text("DRIVE")),
    ];
    assert_eq!(values, expected);
}

#[test]
fn many_values_are_spread_over_datagrams_that_fit_an_ethernet_frame() {
    let values: Vec<_> = golden_values().into_iter().cycle().take(600).collect();
    let datagrams = datagrams(&values, u16::MAX);
    assert!(datagrams.len() > 1);
    assert!(datagrams.iter().all(|bytes| bytes.len() <= DATAGRAM_BYTES_MAX));
    let sequences: Vec<_> = datagrams.iter().map(|bytes| Datagram::parse(bytes).unwrap().sequence).collect();
    assert_eq!(sequences[..2], [u16::MAX, 0]);
    let count: usize = datagrams.iter().map(|bytes| records(bytes).unwrap().len()).sum();
    assert_eq!(count, 600);
}

#[test]
fn each_cut_datagram_is_refused() {
    for length in 0..GOLDEN.len() {
        assert!(records(&GOLDEN[..length]).is_err(), "{length} bytes");
    }
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _refused = records(&bytes);
        let mut headed = GOLDEN[..16].to_vec();
        headed.extend(bytes);
        let _refused = records(&headed);
    }

    #[test]
    fn numbers_come_back(number in any::<i64>()) {
        let mut bytes = Vec::new();
        put_varint(&mut bytes, zigzag(number));
        prop_assert_eq!(unzigzag(varint(&mut bytes.as_slice()).unwrap()), number);
    }
}
