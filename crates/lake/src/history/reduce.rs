//! Rows of intervals.

use model::{Micros, Timestamp};
use signals::Value;

use super::{HistoryRow, Reduction};

/// The beginning of the interval that a time is in; intervals count from 1970-01-01T00:00:00Z.
fn interval_start(time: Timestamp, interval: Micros) -> Timestamp {
    Timestamp(time.0 - time.0.rem_euclid(interval.0))
}

/// Reduces rows that come by time. Each signal becomes one column for each reduction.
pub(super) struct Reducer<'a> {
    interval: Micros,
    reductions: &'a [Reduction],
    current: Option<(Timestamp, Vec<Summary>)>,
}

impl<'a> Reducer<'a> {
    pub(super) fn new(interval: Micros, reductions: &'a [Reduction]) -> Self {
        Self { interval, reductions, current: None }
    }

    /// Takes a row, and gives the interval that ended before it.
    pub(super) fn add(&mut self, row: HistoryRow) -> Option<HistoryRow> {
        let start = interval_start(row.time, self.interval);
        let ended = self.current.take_if(|(time, _)| *time != start);
        let (_, summaries) =
            self.current.get_or_insert_with(|| (start, vec![Summary::default(); row.values.len()]));
        for (summary, value) in summaries.iter_mut().zip(row.values) {
            if let Some(value) = value {
                summary.add(value);
            }
        }
        ended.map(|(time, summaries)| finish(time, &summaries, self.reductions))
    }

    /// The last interval.
    pub(super) fn finish(self) -> Option<HistoryRow> {
        self.current.map(|(time, summaries)| finish(time, &summaries, self.reductions))
    }
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
