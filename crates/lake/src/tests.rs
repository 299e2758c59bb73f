//! What the tests of this crate share: a small catalogue, and chunks of it.

use std::sync::Arc;

use campaigns::{Column, ColumnData, Exception, RowGroup, TextColumn};
use model::{
    Brand, CampaignId, CampaignVersion, ClockState, ConsentEpoch, DataCategory, Lane, Micros, Purpose,
    QueueEpoch, Seq, SubjectId, Timestamp,
};
use signals::{
    Catalogue, CatalogueBuilder, DataType, Leaf, LeafKind, Limits, Quality, ScalarType, Scale, SignalId,
};

use crate::{Batch, Chunk, Lake, LakeOptions, TableName};

/// 2026-01-15T00:00:00Z.
pub(crate) const DAY: Timestamp = Timestamp(20_468 * Micros::DAY.0);

pub(crate) fn leaf(id: u32, path: &str, data_type: DataType, scale: u8, category: DataCategory) -> Leaf {
    Leaf {
        id: SignalId(id),
        path: path.into(),
        kind: LeafKind::Sensor,
        data_type,
        unit: None,
        limits: Limits::default(),
        category,
        scale: Scale::new(scale).unwrap(),
        description: "".into(),
    }
}

pub(crate) fn catalogue() -> Arc<Catalogue> {
    let scalar = DataType::Scalar;
    let mut builder = CatalogueBuilder::default();
    builder
        .add(leaf(10, "Vehicle.Speed", scalar(ScalarType::Float), 2, DataCategory::Driving))
        .add(leaf(11, "Vehicle.Gear", scalar(ScalarType::Int8), 0, DataCategory::Driving))
        .add(leaf(12, "Vehicle.Moving", scalar(ScalarType::Boolean), 0, DataCategory::Driving))
        .add(leaf(13, "Vehicle.State", scalar(ScalarType::String), 0, DataCategory::Driving))
        .add(leaf(14, "Vehicle.Faults", DataType::Array(ScalarType::String), 0, DataCategory::Diagnostics))
        .add(leaf(
            15,
            "Vehicle.CurrentLocation.Latitude",
            scalar(ScalarType::Double),
            7,
            DataCategory::Location,
        ));
    Arc::new(builder.build().unwrap())
}

pub(crate) fn id(path: &str) -> SignalId {
    catalogue().by_path(path).unwrap().id
}

pub(crate) fn subject(number: u8) -> SubjectId {
    SubjectId::from_bytes([number; 16])
}

pub(crate) fn batch(seq: u64, received: Timestamp) -> Batch {
    Batch {
        lane: Lane::Bulk,
        epoch: QueueEpoch(3),
        seq: Seq(seq),
        received,
        campaign: CampaignId(17),
        version: CampaignVersion(2),
        purpose: Purpose::Maintenance,
        consent_epoch: ConsentEpoch(4),
        clock: ClockState::Synced,
    }
}

/// A batch of ten seconds at 1 Hz: what each signal says follows from car and second.
pub(crate) fn rows(car: u8, seq: u64) -> RowGroup {
    let seconds: Vec<i64> = (0..10).map(|second| i64::try_from(seq).unwrap() * 10 + second).collect();
    let fixed =
        |of: &dyn Fn(i64) -> i64| ColumnData::Fixed(seconds.iter().map(|second| of(*second)).collect());
    let column = |path: &str, data| Column { signal: id(path), data, exceptions: Vec::new() };
    let mut columns = vec![
        column("Vehicle.Speed", fixed(&|second| speed(car, second))),
        column("Vehicle.Gear", fixed(&|second| second % 6)),
        column("Vehicle.Moving", ColumnData::Bool(seconds.iter().map(|second| second % 3 == 0).collect())),
        column(
            "Vehicle.State",
            ColumnData::Text(TextColumn {
                dictionary: vec!["parked".into(), "driving".into()],
                index: seconds.iter().map(|second| u32::from(second % 20 >= 10)).collect(),
            }),
        ),
        column("Vehicle.CurrentLocation.Latitude", fixed(&|second| 487_000_000 + second)),
    ];
    columns[0].exceptions = vec![
        Exception { row: 3, quality: Quality::NotAvailable, raw: None },
        Exception { row: 5, quality: Quality::Stale, raw: None },
        Exception { row: 7, quality: Quality::OutOfRange, raw: Some("1e300".into()) },
    ];
    columns.sort_by_key(|column| column.signal);
    let times = seconds.iter().map(|second| DAY + Micros::from_secs(*second)).collect();
    RowGroup { times, columns }
}

pub(crate) fn speed(car: u8, second: i64) -> i64 {
    i64::from(car) * 1_000 + second
}

/// The speed that rows of [`rows`] have at a second, if they have one.
pub(crate) fn stored_speed(car: u8, second: i64) -> Option<f64> {
    (!matches!(second % 10, 3 | 7)).then(|| Scale::new(2).unwrap().number(speed(car, second)))
}

pub(crate) fn append(lake: &Lake, car: u8, seqs: std::ops::Range<u64>) {
    for seq in seqs {
        let received = DAY + Micros::from_secs(i64::try_from(seq).unwrap() * 10 + 11);
        let chunks =
            Chunk::split(subject(car), Brand::Fiat, 1, batch(seq, received), rows(car, seq), &catalogue());
        for (table, chunk) in chunks {
            lake.table(table).append(chunk);
        }
    }
}

/// Flushes all tables to files that are not committed.
pub(crate) async fn flush(lake: &Lake, name: &str) -> Vec<(TableName, Vec<crate::DataFile>)> {
    let mut flushed = Vec::new();
    for table in lake.tables() {
        let cut = table.cut();
        let files = table.write(&cut, name, DAY).await.unwrap();
        table.replace_cut(&cut, files.clone());
        flushed.push((table.name(), files));
    }
    flushed
}

pub(crate) fn open(root: &std::path::Path) -> Arc<Lake> {
    Arc::new(Lake::open(root, &LakeOptions::default()).unwrap())
}
