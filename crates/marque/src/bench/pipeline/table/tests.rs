use std::time::Duration;

use super::{Report, Round, Row, Size};
use crate::bench::{
    gateway::disk::Sync,
    pipeline::{rows::Layout, side::Side},
};

fn row(side: Side, seconds: u64) -> Row {
    let mut row = Row::new(side, 20);
    for _ in 0..2 {
        row.add(Round {
            samples: 1_000_000,
            publish: Duration::from_secs(seconds - 1),
            applied: Duration::from_secs(seconds),
            stored: Duration::from_secs(seconds),
            cpu: vec![("one", Duration::from_secs(1)), ("two", Duration::from_secs(3))],
            bytes: 1_600_000,
            samples_in_tables: 2_000_000,
        });
    }
    row
}

#[test]
fn rounds_add_up_and_the_ratio_is_of_stored_samples() {
    let rows = vec![row(Side::Marque, 2), row(Side::Peer(Layout::Narrow), 8)];
    let size = Size { samples_per_message: 20, wire_bytes_per_sample: 5.0, rows };
    let sync = Sync { p50_us: 100.0, p99_us: 200.0 };
    let report = Report { sync, connections: 1, window: 1, copy_samples: 10, copiers: 1, sizes: vec![size] };
    let json: serde_json::Value = serde_json::from_str(&report.to_json().unwrap()).unwrap();
    let sides = &json["sizes"][0]["sides"];
    assert_eq!(sides[0]["stored_samples_per_s"], 500_000.0);
    assert_eq!(sides[0]["stored_bytes_per_sample"], 0.8);
    assert_eq!(sides[0]["marque_is_faster_by"], serde_json::Value::Null);
    assert_eq!(sides[1]["cpu_s_per_million_samples"], 4.0);
    assert_eq!(sides[1]["marque_is_faster_by"], 4.0);
}
