use std::sync::Arc;

use campaigns::{Column, RowGroup};
use model::{Timestamp, VehicleId};
use signals::{Catalogue, Quality, Value};

use super::{Layout, Rows};
use crate::bench::pipeline::drive::PATHS;

const TIME: Timestamp = Timestamp(1_767_225_600_000_000);

fn group(signals: usize) -> (Arc<Catalogue>, RowGroup) {
    let catalogue = Catalogue::core();
    let mut leaves: Vec<_> =
        PATHS.iter().take(signals).map(|path| catalogue.require(path).unwrap()).collect();
    leaves.sort_by_key(|leaf| leaf.id);
    let columns = leaves.into_iter().map(|leaf| {
        let mut column = Column::new(leaf);
        column.push(leaf, Some(&Value::Float(2.5)), Quality::Good);
        column
    });
    let group = RowGroup { times: vec![TIME], columns: columns.collect() };
    (catalogue, group)
}

#[test]
fn a_narrow_row_is_time_vehicle_signal_and_value() {
    let (catalogue, group) = group(1);
    let mut rows = Rows::new(Layout::Narrow, 0);
    rows.push(VehicleId::from_bytes([7; 16]), &group, &catalogue).unwrap();
    let bytes = rows.finish();
    let mut expected = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0\0\x04".to_vec();
    expected.extend(8_i32.to_be_bytes());
    expected.extend((TIME.0 - 946_684_800_000_000).to_be_bytes());
    expected.extend(16_i32.to_be_bytes());
    expected.extend([7; 16]);
    expected.extend(4_i32.to_be_bytes());
    expected.extend(group.columns[0].signal.0.to_be_bytes());
    expected.extend(8_i32.to_be_bytes());
    expected.extend(2.5_f64.to_be_bytes());
    expected.extend([0xff, 0xff]);
    assert_eq!(bytes, expected);
}

#[test]
fn a_wide_row_has_all_signals_of_a_moment() {
    let (catalogue, group) = group(20);
    let mut rows = Rows::new(Layout::Wide, 0);
    rows.push(VehicleId::from_bytes([7; 16]), &group, &catalogue).unwrap();
    assert_eq!(rows.finish().len(), 19 + 2 + 12 + 20 + 20 * 12 + 2);
}

#[test]
fn a_wide_row_that_lacks_signals_is_refused() {
    let (catalogue, group) = group(3);
    let pushed = Rows::new(Layout::Wide, 0).push(VehicleId::from_bytes([7; 16]), &group, &catalogue);
    assert!(pushed.is_err());
}
