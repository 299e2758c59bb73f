//! Both ends of a replay: what the log holds, and what the platform shows of it.

use std::{cmp::Ordering, collections::BTreeMap, fs::File, io::BufReader, path::Path, sync::Arc};

use anyhow::Context as _;
use brain::Snapshot;
use bus::{log::LogReader, profile::Profile};
use model::{Micros, Timestamp, VehicleId};
use serde_json::{Value, json};
use signals::{Quality, Reading, SignalId};

use super::{PURPOSE, hashed::Hashed};
use crate::cli::{
    api::Api,
    replay::{coverage::Coverage, decoding::Decoding, rfc3339},
};

/// Columns and rows that one question asks for.
const SIGNALS_PER_QUESTION: usize = 32;
const ROWS_PER_PAGE: u32 = 10_000;

/// What a log says of a car.
#[derive(Debug, Default)]
pub(super) struct Decoded {
    pub coverage: Coverage,
    /// From the first frame to the latest.
    pub span: Micros,
    /// By path.
    pub signals: Vec<DecodedSignal>,
    /// What the log is known by when nobody gives it a name: its content.
    pub name: String,
}

/// What a signal leaves in the car's history.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct DecodedSignal {
    pub path: Arc<str>,
    /// Values at different times.
    pub readings: u64,
    /// Readings that a campaign does not take, or that history does not show.
    pub left_out: LeftOut,
    /// Whether it is still good before the log's end, which makes it stale: one value more.
    pub ends_stale: bool,
}

impl DecodedSignal {
    pub(super) fn expected(&self) -> u64 {
        self.readings + u64::from(self.ends_stale)
    }
}

/// Decodes the log without brain and platform. A strict one fails at the first line that cannot be read.
pub(super) fn decode(file: &Path, profile: &Arc<Profile>, strict: bool) -> anyhow::Result<Decoded> {
    let log = File::open(file).with_context(|| format!("open {}", file.display()))?;
    let mut log = Hashed::new(log);
    let reader = LogReader::new(BufReader::new(&mut log));
    let mut reader = if strict { reader } else { reader.tolerant() };
    let mut decoding = Decoding::new(profile);
    let mut tallies = BTreeMap::<SignalId, Tally>::new();
    for frame in reader.by_ref() {
        decoding.take(&frame?, |sample| tallies.entry(sample.signal).or_default().add(&sample.reading));
    }
    let coverage = decoding.coverage(reader.bad_lines());
    let name = format!("{:016x}", log.hash());
    let end = decoding.end().unwrap_or(Timestamp::MIN);
    let signal = |(signal, tally): (&SignalId, &Tally)| {
        let leaf = profile.catalogue().by_id(*signal)?;
        let ends_stale = tally.good && tally.last.is_some_and(|last| last < end);
        let Tally { readings, left_out, .. } = *tally;
        Some(DecodedSignal { path: Arc::clone(&leaf.path), readings, left_out, ends_stale })
    };
    let mut signals: Vec<_> = tallies.iter().filter_map(signal).collect();
    signals.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(Decoded { coverage, span: decoding.span(), signals, name })
}

/// Readings of a log that its history does not show, by why.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct LeftOut {
    /// Their time is before that of the reading before: a car that took them could not tell a late reading from
    /// one that it has sent already.
    pub time_goes_back: u64,
    /// Their time is that of the reading before.
    pub time_repeats: u64,
    /// The bus says that there is no value, or one out of range.
    pub without_value: u64,
}

impl LeftOut {
    fn plus(self, other: Self) -> Self {
        Self {
            time_goes_back: self.time_goes_back + other.time_goes_back,
            time_repeats: self.time_repeats + other.time_repeats,
            without_value: self.without_value + other.without_value,
        }
    }

    fn to_json(self) -> Value {
        json!({
            "time_goes_back": self.time_goes_back,
            "time_repeats": self.time_repeats,
            "without_value": self.without_value,
        })
    }
}

#[derive(Debug, Default)]
struct Tally {
    readings: u64,
    left_out: LeftOut,
    last: Option<Timestamp>,
    good: bool,
}

impl Tally {
    /// A campaign takes one reading of a signal at one time; history shows those within the limits.
    fn add(&mut self, reading: &Reading) {
        self.good = reading.quality == Quality::Good;
        match self.last.map(|last| reading.source_time.cmp(&last)) {
            Some(Ordering::Less) => return self.left_out.time_goes_back += 1,
            Some(Ordering::Equal) => return self.left_out.time_repeats += 1,
            Some(Ordering::Greater) | None => self.last = Some(reading.source_time),
        }
        match reading.quality {
            Quality::Good | Quality::Stale => self.readings += 1,
            Quality::OutOfRange | Quality::NotAvailable => self.left_out.without_value += 1,
        }
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

    pub(super) fn left_out(&self) -> LeftOut {
        self.signals.iter().fold(LeftOut::default(), |sum, signal| sum.plus(signal.left_out))
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
        self.stats.bus_messages == self.decoded.coverage.frames && expected.eq(self.visible.iter().copied())
    }

    /// Which readings of the log its times keep out of the platform, if any.
    pub(in crate::cli::replay) fn left_out(&self) -> Option<String> {
        let LeftOut { time_goes_back, time_repeats, .. } = self.decoded.left_out();
        (time_goes_back + time_repeats > 0).then(|| {
            format!(
                "{} readings were left out: the time of {time_goes_back} is before that of the reading before of \
                 the same signal, the time of {time_repeats} is the same; a car collects only later readings. \
                 Sort the log by time to keep those that go back",
                time_goes_back + time_repeats
            )
        })
    }

    pub(in crate::cli::replay) fn to_json(&self) -> Value {
        let signals = self.decoded.signals.iter().zip(&self.visible);
        let signals = signals.map(|(signal, visible)| {
            json!({ "path": &*signal.path, "decoded": signal.readings, "left_out": signal.left_out.to_json(), "ends_stale": signal.ends_stale, "visible": visible })
        });
        json!({
            "vehicle_id": self.vehicle.to_string(),
            "campaign_id": self.campaign,
            "from": rfc3339(self.start),
            "to": rfc3339(self.decoded.end(self.start)),
            "frames": self.decoded.coverage.frames,
            "frames_played": self.stats.bus_messages,
            "known_frames": self.decoded.coverage.known_frames,
            "bad_lines": self.decoded.coverage.bad_lines,
            "samples_in_log": self.decoded.coverage.samples,
            "samples_left_out": self.decoded.left_out().to_json(),
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
