//! Reads the Delta tables without the platform's code: Delta's log as JSON, its files as Parquet.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    path::Path,
};

use arrow::{
    array::{Array, AsArray as _, RecordBatch},
    datatypes::{Int64Type, TimestampMicrosecondType},
};
use model::{Lane, SubjectId};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;

/// A batch's name, by subject: epoch, lane, number.
pub(crate) type StoredKey = (SubjectId, i64, Lane, i64);

/// What the tables hold of one batch.
#[derive(Debug, Default)]
pub(crate) struct Stored {
    /// Table, source time and column of each. Signals of one time may stand in several rows.
    samples: BTreeSet<(usize, i64, String)>,
    /// Samples that are there once more.
    pub(crate) twice: u64,
}

impl Stored {
    pub(crate) fn samples(&self) -> u64 {
        self.samples.len() as u64
    }

    fn add(&mut self, table: usize, time: i64, column: &str) {
        self.twice += u64::from(!self.samples.insert((table, time, column.to_owned())));
    }
}

/// Not signals' columns.
const FIXED: [&str; 12] = [
    "subject",
    "source_time",
    "receive_time",
    "queue_epoch",
    "lane",
    "seq",
    "campaign",
    "campaign_version",
    "purpose",
    "consent_epoch",
    "clock",
    "quality",
];

/// All batches of the tables of a lake.
pub(crate) fn read(lake: &Path) -> BTreeMap<StoredKey, Stored> {
    let mut stored = BTreeMap::new();
    for (number, table) in ["telemetry", "location"].iter().enumerate() {
        let table = lake.join(table);
        for file in files(&table) {
            let file = File::open(table.join(file)).unwrap();
            for rows in ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap() {
                add(number, &rows.unwrap(), &mut stored);
            }
        }
    }
    stored
}

/// The files that a table's log says are in it now, from its first version on.
fn files(table: &Path) -> BTreeSet<String> {
    let mut active = BTreeSet::new();
    let mut version = 0;
    while let Ok(text) = fs::read_to_string(table.join(format!("_delta_log/{version:020}.json"))) {
        for line in text.lines() {
            let action: Value = serde_json::from_str(line).unwrap();
            let path = |action: &Value| action["path"].as_str().unwrap().replace("%3D", "=");
            if let Some(remove) = action.get("remove") {
                assert!(active.remove(&path(remove)), "version {version} removes what is not there");
            }
            if let Some(add) = action.get("add") {
                assert!(active.insert(path(add)), "version {version} adds a file again");
            }
        }
        version += 1;
    }
    assert!(version > 0, "{} has no log", table.display());
    active
}

fn add(table: usize, rows: &RecordBatch, stored: &mut BTreeMap<StoredKey, Stored>) {
    let column = |name: &str| rows.column_by_name(name).unwrap();
    let subjects = column("subject").as_string::<i32>();
    let lanes = column("lane").as_string::<i32>();
    let epochs = column("queue_epoch").as_primitive::<Int64Type>();
    let seqs = column("seq").as_primitive::<Int64Type>();
    let times = column("source_time").as_primitive::<TimestampMicrosecondType>();
    let quality = column("quality").as_map();
    let schema = rows.schema();
    let signals: Vec<_> = rows
        .columns()
        .iter()
        .zip(schema.fields())
        .map(|(column, field)| (column, field.name().as_str()))
        .filter(|(_, name)| !FIXED.contains(name))
        .collect();
    for row in 0..rows.num_rows() {
        let key = (
            subjects.value(row).parse().unwrap(),
            epochs.value(row),
            lanes.value(row).parse().unwrap(),
            seqs.value(row),
        );
        let time = times.value(row);
        let batch: &mut Stored = stored.entry(key).or_default();
        for (_, name) in signals.iter().filter(|(signal, _)| signal.is_valid(row)) {
            batch.add(table, time, name);
        }
        if quality.is_valid(row) {
            let entries = quality.value(row);
            let words = entries.column(1).as_string::<i32>().iter().flatten();
            // A sample without a value of its column's type, as the tables say it.
            let none = |word: &str| word == "not-available" || word.starts_with("out-of-range=");
            for (name, _) in entries
                .column(0)
                .as_string::<i32>()
                .iter()
                .flatten()
                .zip(words)
                .filter(|(_, word)| none(word))
            {
                batch.add(table, time, name);
            }
        }
    }
}
