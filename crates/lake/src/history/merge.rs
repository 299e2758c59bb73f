//! Rows of many sources become rows of one time each.

use std::{cmp::Reverse, collections::BinaryHeap, ops::Range, sync::Arc};

use model::Timestamp;
use signals::{Leaf, Value};

use super::{HistoryRow, ReadCount};
use crate::{
    Chunk, Error,
    history::scan::{Scan, Wanted},
};

/// Rows of a chunk that are looked at together.
const CHUNK_ROWS: usize = 1_024;

/// Some rows of one source, by time. A column that the source does not have is empty.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) times: Vec<Timestamp>,
    pub(super) values: Vec<Vec<Option<Value>>>,
}

/// Where rows come from, by time. Nothing of it is read before its turn.
pub(super) struct Source {
    /// No row is earlier.
    least: Timestamp,
    origin: Origin,
    segment: Option<Segment>,
    row: usize,
}

enum Origin {
    File(Box<Scan>),
    Chunk { chunk: Arc<Chunk>, rows: Range<usize>, here: Vec<Here>, columns: usize },
}

/// A wanted column of a chunk.
struct Here {
    /// Its place in the chunk.
    column: usize,
    /// Its place among the query's signals.
    place: usize,
    leaf: Arc<Leaf>,
}

/// One row for each time that has a value. Where two sources have a value of one signal at one
/// time, the car sent the same reading in two campaigns, and the first will do.
pub(super) struct Merge {
    sources: Vec<Source>,
    columns: usize,
    /// Sources that may have rows, by a time that their next row is not before.
    order: BinaryHeap<Reverse<(Timestamp, usize)>>,
}

impl Source {
    pub(super) fn of_file(least: Timestamp, scan: Scan) -> Self {
        Self { least, origin: Origin::File(Box::new(scan)), segment: None, row: 0 }
    }

    /// The wanted columns of a buffered chunk between two times; `None` when it has none of them, or no row.
    /// Whoever holds a chunk has its next rows copied.
    pub(super) fn of_chunk(
        chunk: Arc<Chunk>,
        times: &Range<Timestamp>,
        wanted: &[Wanted],
        columns: usize,
    ) -> Option<Self> {
        let here = Here::of(&chunk, wanted);
        if here.is_empty() {
            return None;
        }
        let at = |bound: Timestamp| chunk.rows.times.partition_point(|time| *time < bound);
        let rows = at(times.start)..at(times.end);
        let least = chunk.rows.times[rows.clone()].first().copied()?;
        let origin = Origin::Chunk { chunk, rows, here, columns };
        Some(Self { least, origin, segment: None, row: 0 })
    }

    /// When its next row is; `None` at its end.
    async fn time(&mut self, read: &mut ReadCount) -> Result<Option<Timestamp>, Error> {
        loop {
            if let Some(time) = self.segment.as_ref().and_then(|segment| segment.times.get(self.row)) {
                return Ok(Some(*time));
            }
            self.row = 0;
            self.segment = match &mut self.origin {
                Origin::File(scan) => scan.next(read).await?,
                Origin::Chunk { chunk, rows, here, columns } => {
                    let end = rows.end.min(rows.start + CHUNK_ROWS);
                    let part = rows.start..end;
                    rows.start = end;
                    (!part.is_empty()).then(|| of_chunk(chunk, part, here, *columns))
                }
            };
            if self.segment.is_none() {
                return Ok(None);
            }
        }
    }

    /// Puts the values of its next row where there are none; says how many it has.
    fn take(&mut self, into: &mut [Option<Value>]) -> u64 {
        let Some(segment) = &mut self.segment else { return 0 };
        let mut samples = 0;
        for (values, into) in segment.values.iter_mut().zip(into) {
            let Some(value) = values.get_mut(self.row).and_then(Option::take) else { continue };
            samples += 1;
            into.get_or_insert(value);
        }
        self.row += 1;
        samples
    }
}

impl Merge {
    pub(super) fn new(sources: Vec<Source>, columns: usize) -> Self {
        let order = sources.iter().enumerate().map(|(index, source)| Reverse((source.least, index)));
        let order = order.collect();
        Self { sources, columns, order }
    }

    /// The next row that has a value.
    pub(super) async fn next(&mut self, read: &mut ReadCount) -> Result<Option<HistoryRow>, Error> {
        let mut row: Option<HistoryRow> = None;
        while let Some(Reverse((time, index))) = self.order.peek().copied() {
            if let Some(done) = row.take_if(|row| row.time < time)
                && done.values.iter().any(Option::is_some)
            {
                return Ok(Some(done));
            }
            self.order.pop();
            let source = &mut self.sources[index];
            let Some(at) = source.time(read).await? else { continue };
            if at == time {
                let row = row.get_or_insert_with(|| HistoryRow { time, values: vec![None; self.columns] });
                read.samples += source.take(&mut row.values);
            }
            // Its next row is not before this one.
            self.order.push(Reverse((at, index)));
        }
        Ok(row.filter(|row| row.values.iter().any(Option::is_some)))
    }
}

impl Here {
    fn of(chunk: &Chunk, wanted: &[Wanted]) -> Vec<Self> {
        let here = wanted.iter().filter_map(|wanted| {
            let signal = wanted.leaf.id;
            let column = chunk.rows.columns.binary_search_by_key(&signal, |column| column.signal).ok()?;
            // Another catalogue may give the same signal another type: its rows are in another column.
            let leaf = chunk.catalogue.by_id(signal)?;
            let same = crate::ColumnKind::of(leaf) == wanted.kind;
            same.then(|| Self { column, place: wanted.place, leaf: Arc::clone(&wanted.leaf) })
        });
        here.collect()
    }
}

/// Rows of a buffered chunk.
fn of_chunk(chunk: &Chunk, part: Range<usize>, here: &[Here], columns: usize) -> Segment {
    let rows = &chunk.rows;
    let mut values = vec![Vec::new(); columns];
    for Here { column, place, leaf } in here {
        let data = &rows.columns[*column];
        values[*place] = part
            .clone()
            .map(|row| {
                let missing = u32::try_from(row).is_ok_and(|row| {
                    let at = data.exceptions.binary_search_by_key(&row, |exception| exception.row);
                    at.is_ok_and(|at| {
                        let exception = &data.exceptions[at];
                        exception.raw.is_some() || exception.quality == signals::Quality::NotAvailable
                    })
                });
                if missing { None } else { data.data.value(leaf, row) }
            })
            .collect();
    }
    Segment { times: rows.times[part].to_vec(), values }
}
