//! Both ends of a replay: what the log holds, and what the platform shows of it.

use std::{collections::BTreeMap, fs::File, io::BufReader, path::Path, sync::Arc};

use anyhow::Context as _;
use brain::Snapshot;
use bus::{log::LogReader, profile::Profile};
use model::{Micros, Timestamp, VehicleId};
use serde_json::{Value, json};
use signals::{Quality, Reading, Sample, SignalId};

use super::PURPOSE;
use crate::cli::{api::Api, replay::rfc3339};

/// Columns and rows that one question asks for.
const SIGNALS_PER_QUESTION: usize = 32;
const ROWS_PER_PAGE: u32 = 10_000;

/// What a log says of a car.
#[derive(Debug, Default)]
pub(super) struct Decoded {
    pub frames: u64,
    pub bad_lines: u64,
    /// From the first frame to the latest.
    pub span: Micros,
    /// By path.
    pub signals: Vec<DecodedSignal>,
}

/// What a signal leaves in the car's history.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct DecodedSignal {
    pub path: Arc<str>,
    /// Values at different times.
    pub readings: u64,
    /// Whether it is still good before the log's end, which makes it stale: one value more.
    pub ends_stale: bool,
}

impl DecodedSignal {
    pub(super) fn expected(&self) -> u64 {
        self.readings + u64::from(self.ends_stale)
    }
}

/// Decodes the log without brain and platform.
pub(super) fn decode(file: &Path, profile: &Arc<Profile>) -> anyhow::Result<Decoded> {
    let log = File::open(file).with_context(|| format!("open {}", file.display()))?;
    let mut reader = LogReader::new(BufReader::new(log)).tolerant();
    let mut decoder = profile.decoder();
    let mut decoded = Decoded::default();
    let mut begin_and_end = None;
    let mut tallies = BTreeMap::new();
    for frame in reader.by_ref() {
        let frame = frame?;
        let (begin, end) = begin_and_end.get_or_insert((frame.time, frame.time));
        *end = frame.time.max(*end);
        decoded.frames += 1;
        decoded.span = end.since(*begin);
        let mut tally = |sample: Sample| {
            tallies.entry(sample.signal).or_insert_with(Tally::default).add(&sample.reading);
        };
        decoder.handle_frame(&frame, &mut tally);
        decoder.poll(*end, &mut tally);
    }
    decoded.bad_lines = reader.bad_lines();
    let end = begin_and_end.map_or(Timestamp::MIN, |(_, end)| end);
    let signal = |(signal, tally): (&SignalId, &Tally)| {
        let leaf = profile.catalogue().by_id(*signal)?;
        let ends_stale = tally.good && tally.last.is_some_and(|last| last < end);
        Some(DecodedSignal { path: Arc::clone(&leaf.path), readings: tally.readings, ends_stale })
    };
    decoded.signals = tallies.iter().filter_map(signal).collect();
    decoded.signals.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(decoded)
}

#[derive(Debug, Default)]
struct Tally {
    readings: u64,
    last: Option<Timestamp>,
    good: bool,
}

impl Tally {
    /// A campaign takes one reading of a signal at one time; history shows those within the limits.
    fn add(&mut self, reading: &Reading) {
        self.good = reading.quality == Quality::Good;
        if self.last.is_some_and(|last| reading.source_time <= last) {
            return;
        }
        self.last = Some(reading.source_time);
        let shown = match reading.quality {
            Quality::Good | Quality::Stale => true,
            Quality::OutOfRange | Quality::NotAvailable => false,
        };
        self.readings += u64::from(shown);
    }
}

/// Values in the car's history, in the order of the decoded signals.
pub(super) async fn count_history(
    api: &Api,
    vehicle: VehicleId,
    decoded: &Decoded,
    start: Timestamp,
) -> anyhow::Result<Vec<u64>> {
    let mut counts = Vec::with_capacity(decoded.signals.len());
    for signals in decoded.signals.chunks(SIGNALS_PER_QUESTION) {
        let mut seen = vec![0; signals.len()];
        let paths: Vec<_> = signals.iter().map(|signal| &*signal.path).collect();
        let question = question(vehicle, &paths, start, decoded.end(start));
        let mut cursor = None;
        loop {
            let page = api.get(&with_cursor(&question, cursor.as_deref())).await?;
            count_page(&page, &paths, &mut seen);
            cursor = page["next_cursor"].as_str().map(str::to_owned);
            if cursor.is_none() {
                break;
            }
        }
        counts.extend(seen);
    }
    Ok(counts)
}

pub(super) fn question(vehicle: VehicleId, paths: &[&str], from: Timestamp, to: Timestamp) -> String {
    format!(
        "/v1/vehicles/{vehicle}/history?signals={}&from={}&to={}&purpose={PURPOSE}&limit={ROWS_PER_PAGE}",
        paths.join(","),
        rfc3339(from),
        rfc3339(to),
    )
}

pub(super) fn with_cursor(question: &str, cursor: Option<&str>) -> String {
    cursor.map_or_else(|| question.to_owned(), |cursor| format!("{question}&cursor={cursor}"))
}

fn count_page(page: &Value, paths: &[&str], seen: &mut [u64]) {
    let columns = page["columns"].as_array().into_iter().flatten();
    let places: Vec<_> =
        columns.map(|column| paths.iter().position(|path| column["path"] == *path)).collect();
    for row in page["rows"].as_array().into_iter().flatten() {
        let values = row.as_array().into_iter().flatten().skip(1);
        for (value, place) in values.zip(&places) {
            if let Some(count) = place.and_then(|place| seen.get_mut(place)) {
                *count += u64::from(!value.is_null());
            }
        }
    }
}

impl Decoded {
    /// Behind the last frame of a replay that began at `start`.
    pub(super) fn end(&self, start: Timestamp) -> Timestamp {
        start + self.span + Micros(1)
    }
}

/// A replay from the log to the platform's history.
#[derive(Debug)]
pub(in crate::cli::replay) struct Report {
    pub(super) vehicle: VehicleId,
    pub(super) campaign: u64,
    pub(super) start: Timestamp,
    pub(super) decoded: Decoded,
    /// In the order of the decoded signals.
    pub(super) visible: Vec<u64>,
    pub(super) stats: Snapshot,
}

impl Report {
    /// Whether every frame and every reading arrived, once.
    pub(in crate::cli::replay) fn is_complete(&self) -> bool {
        let expected = self.decoded.signals.iter().map(DecodedSignal::expected);
        self.stats.bus_messages == self.decoded.frames && expected.eq(self.visible.iter().copied())
    }

    pub(in crate::cli::replay) fn to_json(&self) -> Value {
        let signals = self.decoded.signals.iter().zip(&self.visible);
        let signals = signals.map(|(signal, visible)| {
            json!({ "path": &*signal.path, "decoded": signal.readings, "ends_stale": signal.ends_stale, "visible": visible })
        });
        json!({
            "vehicle_id": self.vehicle.to_string(),
            "campaign_id": self.campaign,
            "from": rfc3339(self.start),
            "to": rfc3339(self.decoded.end(self.start)),
            "frames": self.decoded.frames,
            "frames_played": self.stats.bus_messages,
            "bad_lines": self.decoded.bad_lines,
            "samples_decoded": self.decoded.signals.iter().map(|signal| signal.readings).sum::<u64>(),
            "samples_stale_at_end": self.decoded.signals.iter().filter(|signal| signal.ends_stale).count(),
            "samples_sent": self.stats.samples_queued,
            "samples_acknowledged": self.stats.samples_acknowledged,
            "samples_visible": self.visible.iter().sum::<u64>(),
            "wire_bytes": self.stats.bytes_queued,
            "signals": signals.collect::<Vec<_>>(),
        })
    }
}
