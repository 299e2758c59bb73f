//! Rows of intervals.

use model::{Micros, Timestamp};
use signals::Value;

use super::{HistoryRow, Reduction};

/// The beginning of the interval that a time is in; intervals count from 1970-01-01T00:00:00Z.
pub(super) fn interval_start(time: Timestamp, interval: Micros) -> Timestamp {
    Timestamp(time.0 - time.0.rem_euclid(interval.0))
}

/// Reduces rows that are sorted by time. Each signal becomes one column for each reduction.
pub(super) fn reduce(rows: Vec<HistoryRow>, interval: Micros, reductions: &[Reduction]) -> Vec<HistoryRow> {
    let mut reduced = Vec::new();
    let mut current: Option<(Timestamp, Vec<Summary>)> = None;
    for row in rows {
        let start = interval_start(row.time, interval);
        if current.as_ref().is_none_or(|(time, _)| *time != start) {
            reduced.extend(current.take().map(|(time, summaries)| finish(time, &summaries, reductions)));
        }
        let (_, summaries) =
            current.get_or_insert_with(|| (start, vec![Summary::default(); row.values.len()]));
        for (summary, value) in summaries.iter_mut().zip(row.values) {
            if let Some(value) = value {
                summary.add(value);
            }
        }
    }
    reduced.extend(current.map(|(time, summaries)| finish(time, &summaries, reductions)));
    reduced
}

fn finish(time: Timestamp, summaries: &[Summary], reductions: &[Reduction]) -> HistoryRow {
    let values =
        summaries.iter().flat_map(|summary| reductions.iter().map(|reduction| summary.get(*reduction)));
    HistoryRow { time, values: values.collect() }
}

/// What is known of the values of an interval.
#[derive(Debug, Clone, Default)]
struct Summary {
    least: Option<(f64, Value)>,
    greatest: Option<(f64, Value)>,
    last: Option<Value>,
    sum: f64,
    count: u32,
}

impl Summary {
    /// Values come by time.
    fn add(&mut self, value: Value) {
        if let Some(number) = value.as_f64() {
            if self.least.as_ref().is_none_or(|(least, _)| number < *least) {
                self.least = Some((number, value.clone()));
            }
            if self.greatest.as_ref().is_none_or(|(greatest, _)| number > *greatest) {
                self.greatest = Some((number, value.clone()));
            }
            self.sum += number;
            self.count += 1;
        }
        self.last = Some(value);
    }

    fn get(&self, reduction: Reduction) -> Option<Value> {
        match reduction {
            Reduction::Min => self.least.as_ref().map(|(_, value)| value.clone()),
            Reduction::Max => self.greatest.as_ref().map(|(_, value)| value.clone()),
            Reduction::Mean => (self.count > 0).then(|| Value::Float(self.sum / f64::from(self.count))),
            Reduction::Last => self.last.clone(),
        }
    }
}
