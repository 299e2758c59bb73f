//! Reading a car's history: files and buffer as one.

mod merge;
mod reduce;
mod scan;

use std::sync::Arc;

use model::{Brand, Micros, SubjectId, Timestamp};
use signals::{Leaf, Value};
use tokio::{runtime::Handle, sync::oneshot};

use crate::{ColumnKind, Error, Lake, TableName};
use merge::{Merge, Source};
use reduce::Reducer;
use scan::{Scan, Wanted};

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

/// Queries that are read at once: reading is work for cores, and each may hold some megabytes for each
/// file that it reads.
pub(crate) const QUERIES_MAX: usize = 4;

/// A page ends early when so much was read for it; who wants more asks for the next. An interval is
/// always read whole.
const PAGE_READ_BYTES_MAX: u64 = 256 << 20;

impl Lake {
    /// Reads a page of a car's history: files and buffer of one moment, no row missing and none
    /// twice whatever is flushed, committed or compacted meanwhile. Takes memory for the page and some
    /// rows of each file, however long the query's span is. Within a tokio runtime.
    pub async fn history(&self, query: &HistoryQuery) -> Result<HistoryPage, Error> {
        let permit = Arc::clone(&self.queries).acquire_owned().await.map_err(|_| Error::Stopped)?;
        let merge = Merge::new(sources(self, query), query.signals.len());
        let (runtime, query) = (Handle::try_current().map_err(|_| Error::Runtime)?, query.clone());
        // Dropped with this future, when nobody waits for the page any more.
        let (_asked, gone) = oneshot::channel::<()>();
        let read = move || {
            let _permit = permit;
            runtime.block_on(async {
                tokio::select! {
                    biased;
                    _ = gone => Err(Error::Stopped),
                    page = page(merge, &query, PAGE_READ_BYTES_MAX) => page,
                }
            })
        };
        // Rows are decoded: no work for a thread that serves others.
        tokio::task::spawn_blocking(read).await.map_err(|_| Error::Stopped)?
    }
}

async fn page(mut merge: Merge, query: &HistoryQuery, bytes_max: u64) -> Result<HistoryPage, Error> {
    let rows_max = query.rows_max.max(1);
    let mut rows: Vec<HistoryRow> = Vec::new();
    let mut read = ReadCount::default();
    let mut reducer = match &query.reduce {
        Reduce::Raw => None,
        Reduce::Every { interval, reductions } => Some(Reducer::new(*interval, reductions)),
    };
    let more = loop {
        if rows.len() > rows_max || (read.bytes > bytes_max && !rows.is_empty()) {
            break true;
        }
        let Some(row) = merge.next(&mut read).await? else { break false };
        match &mut reducer {
            None => rows.push(row),
            Some(reducer) => rows.extend(reducer.add(row)),
        }
    };
    if !more {
        rows.extend(reducer.and_then(Reducer::finish));
    }
    let more = more || rows.len() > rows_max;
    rows.truncate(rows_max);
    let next = rows.last().filter(|_| more).map(|row| row.time);
    Ok(HistoryPage { columns: query.columns(), rows, next, read })
}

/// What a query reads, as it is now.
fn sources(lake: &Lake, query: &HistoryQuery) -> Vec<Source> {
    let times = query.start()..query.to;
    let columns = query.signals.len();
    let mut sources = Vec::new();
    for table in lake.tables() {
        let view = table.view(query.brand, query.subject);
        let of_table = |(_, leaf): &(usize, &Arc<Leaf>)| TableName::of(leaf.category) == table.name();
        let wanted: Arc<[Wanted]> = query
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
        if wanted.is_empty() {
            continue;
        }
        for file in view.files.iter() {
            let (first, last) = file.source_times;
            if last >= times.start && first < times.end {
                let scan = Scan::new(table, file, query.subject, times.clone(), Arc::clone(&wanted), columns);
                sources.push(Source::of_file(first.max(times.start), scan));
            }
        }
        let chunks = view.chunks.into_iter();
        sources.extend(chunks.filter_map(|chunk| Source::of_chunk(chunk, &times, &wanted, columns)));
    }
    sources
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
}

#[cfg(test)]
mod tests;
