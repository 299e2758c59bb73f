//! Rows of many sources become rows of one time each.

use std::ops::Range;

use model::Timestamp;
use signals::Value;

use super::HistoryRow;
use crate::{Chunk, history::scan::Wanted};

/// Rows of one source, by time. A column that the source does not have is empty.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) times: Vec<Timestamp>,
    pub(super) values: Vec<Vec<Option<Value>>>,
}

/// The rows of a buffered chunk between two times; `None` when there are none.
pub(super) fn of_chunk(
    chunk: &Chunk,
    times: &Range<Timestamp>,
    wanted: &[Wanted],
    columns: usize,
) -> Option<Segment> {
    let rows = &chunk.rows;
    let first = rows.times.partition_point(|time| *time < times.start);
    let last = rows.times.partition_point(|time| *time < times.end);
    let mut values = vec![Vec::new(); columns];
    let mut found = false;
    for column in wanted {
        let signal = column.leaf.id;
        let Ok(place) = rows.columns.binary_search_by_key(&signal, |column| column.signal) else { continue };
        let data = &rows.columns[place];
        // Another catalogue may give the same signal another type: its rows are in another column.
        let Some(leaf) = chunk.catalogue.by_id(signal) else { continue };
        if crate::ColumnKind::of(leaf) != column.kind {
            continue;
        }
        found = true;
        values[column.place] = (first..last)
            .map(|row| {
                let missing = u32::try_from(row).is_ok_and(|row| {
                    let at = data.exceptions.binary_search_by_key(&row, |exception| exception.row);
                    at.is_ok_and(|at| {
                        let exception = &data.exceptions[at];
                        exception.raw.is_some() || exception.quality == signals::Quality::NotAvailable
                    })
                });
                if missing { None } else { data.data.value(&column.leaf, row) }
            })
            .collect();
    }
    (found && first < last).then(|| Segment { times: rows.times[first..last].to_vec(), values })
}

/// One row for each time that has a value. Where two sources have a value of one signal at one
/// time, the car sent the same reading in two campaigns, and the first will do.
pub(super) fn merge(segments: Vec<Segment>, columns: usize) -> (Vec<HistoryRow>, u64) {
    let mut order: Vec<(Timestamp, usize, usize)> = Vec::new();
    for (source, segment) in segments.iter().enumerate() {
        order.extend(segment.times.iter().enumerate().map(|(row, time)| (*time, source, row)));
    }
    order.sort_unstable();
    let mut segments = segments;
    let mut rows: Vec<HistoryRow> = Vec::new();
    let mut samples = 0;
    for (time, source, row) in order {
        let here = rows.last_mut().filter(|last| last.time == time);
        let mut fresh = HistoryRow { time, values: Vec::new() };
        let target = match here {
            Some(last) => last,
            None => {
                fresh.values.resize(columns, None);
                &mut fresh
            }
        };
        let mut any = false;
        for (column, values) in segments[source].values.iter_mut().enumerate() {
            let Some(value) = values.get_mut(row).and_then(Option::take) else { continue };
            any = true;
            samples += 1;
            if target.values[column].is_none() {
                target.values[column] = Some(value);
            }
        }
        if any && !fresh.values.is_empty() {
            rows.push(fresh);
        }
    }
    (rows, samples)
}
