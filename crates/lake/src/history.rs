//! Reading a car's history: files and buffer as one.

mod merge;
mod reduce;
mod scan;

use std::{ops::Range, sync::Arc};

use model::{Brand, Micros, SubjectId, Timestamp};
use signals::{Leaf, Value};

use crate::{ColumnKind, Error, Lake, Table, TableName, table::View};
use merge::Segment;
use scan::Wanted;

/// What to read of one car.
#[derive(Debug, Clone)]
pub struct HistoryQuery {
    /// Chooses the partition; the registry knows it.
    pub brand: Brand,
    pub subject: SubjectId,
    /// The columns, in this order.
    pub signals: Vec<Arc<Leaf>>,
    /// From here on.
    pub from: Timestamp,
    /// Up to here, not included.
    pub to: Timestamp,
    pub reduce: Reduce,
    /// Rows of a page; at least 1.
    pub rows_max: usize,
    /// [`HistoryPage::next`] of the page before.
    pub after: Option<Timestamp>,
}

/// How rows are made of samples.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reduce {
    /// A row for each source time.
    Raw,
    /// A row for each interval that has a value; intervals count from 1970-01-01T00:00:00Z.
    Every { interval: Micros, reductions: Vec<Reduction> },
}

/// What an interval's values are reduced to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reduction {
    Min,
    Max,
    Mean,
    /// The value with the latest source time. The only one that texts and lists have.
    Last,
}

impl Reduction {
    pub const ALL: [Self; 4] = [Self::Min, Self::Max, Self::Mean, Self::Last];

    pub const fn slug(self) -> &'static str {
        match self {
            Self::Min => "min",
            Self::Max => "max",
            Self::Mean => "mean",
            Self::Last => "last",
        }
    }
}

/// A column of a page.
#[derive(Debug, Clone)]
pub struct HistoryColumn {
    pub leaf: Arc<Leaf>,
    /// `None` in raw rows.
    pub reduction: Option<Reduction>,
}

/// A page of rows, by time.
#[derive(Debug, Clone)]
pub struct HistoryPage {
    pub columns: Vec<HistoryColumn>,
    pub rows: Vec<HistoryRow>,
    /// Where the next page goes on; `None` at the end.
    pub next: Option<Timestamp>,
    pub read: ReadCount,
}

/// A row of a page. Samples that are not available have no value.
#[derive(Debug, Clone, PartialEq)]
pub struct HistoryRow {
    /// The source time, or the beginning of the interval.
    pub time: Timestamp,
    /// One for each column.
    pub values: Vec<Option<Value>>,
}

/// What a query cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReadCount {
    /// Files whose pages were read.
    pub files: u64,
    /// Bytes of them, footers included.
    pub bytes: u64,
    /// Samples seen before reduction.
    pub samples: u64,
}

/// How much time is read at once: a page is usually filled long before the query's end.
const WINDOW: Micros = Micros::DAY;

impl Lake {
    /// Reads a page of a car's history: files and buffer of one moment, no row missing and none
    /// twice whatever is flushed, committed or compacted meanwhile.
    pub async fn history(&self, query: &HistoryQuery) -> Result<HistoryPage, Error> {
        let columns = query.columns();
        let rows_max = query.rows_max.max(1);
        let sources = Sources::of(self, query);
        let mut read = ReadCount::default();
        let mut rows: Vec<HistoryRow> = Vec::new();
        let mut start = query.start();
        while start < query.to && rows.len() <= rows_max {
            let Some(first) = sources.first_time(start, query.to) else { break };
            let window = query.window(first.max(start));
            let segments = sources.read(query, &window, &mut read).await?;
            let (merged, samples) = merge::merge(segments, query.signals.len());
            read.samples += samples;
            rows.extend(match &query.reduce {
                Reduce::Raw => merged,
                Reduce::Every { interval, reductions } => reduce::reduce(merged, *interval, reductions),
            });
            start = window.end;
        }
        let more = rows.len() > rows_max;
        rows.truncate(rows_max);
        let next = rows.last().filter(|_| more).map(|row| row.time);
        Ok(HistoryPage { columns, rows, next, read })
    }
}

impl HistoryQuery {
    fn columns(&self) -> Vec<HistoryColumn> {
        let reductions = match &self.reduce {
            Reduce::Raw => vec![None],
            Reduce::Every { reductions, .. } => reductions.iter().copied().map(Some).collect(),
        };
        let of = |leaf: &Arc<Leaf>| {
            let leaf = Arc::clone(leaf);
            reductions
                .iter()
                .map(move |reduction| HistoryColumn { leaf: Arc::clone(&leaf), reduction: *reduction })
        };
        self.signals.iter().flat_map(|leaf| of(leaf).collect::<Vec<_>>()).collect()
    }

    /// Where this page begins.
    fn start(&self) -> Timestamp {
        let after = self.after.map(|after| match &self.reduce {
            Reduce::Raw => after + Micros(1),
            Reduce::Every { interval, .. } => after + *interval,
        });
        after.map_or(self.from, |after| after.max(self.from))
    }

    /// A window from a time on, which ends with an interval.
    fn window(&self, start: Timestamp) -> Range<Timestamp> {
        let end = match &self.reduce {
            Reduce::Raw => start + WINDOW,
            Reduce::Every { interval, .. } => {
                reduce::interval_start(start + WINDOW.max(*interval), *interval)
            }
        };
        start..end.min(self.to).max(start + Micros(1))
    }
}

/// What a query reads, as it was when the query began.
struct Sources {
    tables: Vec<Source>,
}

struct Source {
    table: Arc<Table>,
    view: View,
    wanted: Vec<Wanted>,
}

impl Sources {
    fn of(lake: &Lake, query: &HistoryQuery) -> Self {
        let mut tables = Vec::new();
        for table in lake.tables() {
            let view = table.view(query.brand, query.subject);
            let of_table = |(_, leaf): &(usize, &Arc<Leaf>)| TableName::of(leaf.category) == table.name();
            let wanted: Vec<_> = query
                .signals
                .iter()
                .enumerate()
                .filter(of_table)
                .map(|(place, leaf)| Wanted {
                    place,
                    name: view.columns.name_of(leaf),
                    kind: ColumnKind::of(leaf),
                    leaf: Arc::clone(leaf),
                })
                .collect();
            if !wanted.is_empty() {
                tables.push(Source { table: Arc::clone(table), view, wanted });
            }
        }
        Self { tables }
    }

    /// The least time in a range that may have a row.
    fn first_time(&self, start: Timestamp, end: Timestamp) -> Option<Timestamp> {
        let spans = self.tables.iter().flat_map(|source| {
            let files = source.view.files.iter().map(|file| file.source_times);
            let chunks = source
                .view
                .chunks
                .iter()
                .filter_map(|chunk| Some((*chunk.rows.times.first()?, *chunk.rows.times.last()?)));
            files.chain(chunks)
        });
        spans.filter(|(first, last)| *last >= start && *first < end).map(|(first, _)| first.max(start)).min()
    }

    async fn read(
        &self,
        query: &HistoryQuery,
        window: &Range<Timestamp>,
        read: &mut ReadCount,
    ) -> Result<Vec<Segment>, Error> {
        let columns = query.signals.len();
        let mut segments = Vec::new();
        for source in &self.tables {
            for file in source.view.files.iter() {
                let (first, last) = file.source_times;
                if last < window.start || first >= window.end {
                    continue;
                }
                let (found, bytes) =
                    scan::scan(&source.table, file, query.subject, window.clone(), &source.wanted, columns)
                        .await?;
                read.files += u64::from(bytes > 0);
                read.bytes += bytes;
                segments.extend(found);
            }
            let chunks = source.view.chunks.iter();
            segments
                .extend(chunks.filter_map(|chunk| merge::of_chunk(chunk, window, &source.wanted, columns)));
        }
        Ok(segments)
    }
}

#[cfg(test)]
mod tests;
