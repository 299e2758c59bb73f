//! Reading one car's rows of a file: only the pages that can have them.

use std::{ops::Range, sync::Arc};

use arrow::{
    array::{Array as _, ArrayRef, AsArray as _},
    datatypes::{Decimal64Type, TimestampMicrosecondType},
    record_batch::RecordBatch,
};
use campaigns::ColumnData;
use futures::TryStreamExt as _;
use model::{SubjectId, Timestamp};
use parquet::{
    arrow::{
        ParquetRecordBatchStreamBuilder, ProjectionMask,
        arrow_reader::{ArrowReaderMetadata, RowSelection},
        async_reader::ParquetRecordBatchStream,
    },
    file::{
        metadata::ParquetMetaData,
        page_index::{column_index::ColumnIndexMetaData, offset_index::PageLocation},
    },
};
use signals::{Leaf, Value};

use super::{ReadCount, merge::Segment};
use crate::{
    DataFile, Error, Table,
    schema::{
        ColumnKind,
        column::{SOURCE_TIME, SUBJECT},
    },
    table::CountingReader,
};

/// Values of a file that are in memory at once, some half a megabyte: many files may be open.
const VALUES_MAX: usize = 16 * 1024;

/// Fewer rows at a time would cost more than they spare.
const ROWS_MIN: usize = 128;

/// A column that a query wants: its place among the query's signals, its name, its leaf.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    pub(super) place: usize,
    pub(super) name: String,
    pub(super) kind: ColumnKind,
    pub(super) leaf: Arc<Leaf>,
}

/// The rows of a subject in a file between two times. The file is opened when the first is asked for.
pub(super) struct Scan {
    table: Arc<Table>,
    file: Arc<DataFile>,
    subject: String,
    times: Range<Timestamp>,
    wanted: Arc<[Wanted]>,
    columns: usize,
    reader: CountingReader,
    /// Bytes that were counted before.
    counted: u64,
    opened: Option<Opened>,
}

/// A file whose footer was read.
struct Opened {
    metadata: ArrowReaderMetadata,
    here: Vec<Wanted>,
    projection: ProjectionMask,
    groups: Range<usize>,
    stream: Option<ParquetRecordBatchStream<CountingReader>>,
}

impl Scan {
    pub(super) fn new(
        table: &Arc<Table>,
        file: &Arc<DataFile>,
        subject: SubjectId,
        times: Range<Timestamp>,
        wanted: Arc<[Wanted]>,
        columns: usize,
    ) -> Self {
        let reader = table.reader(file);
        let (table, file, subject) = (Arc::clone(table), Arc::clone(file), subject.to_string());
        Self { table, file, subject, times, wanted, columns, reader, counted: 0, opened: None }
    }

    /// The next rows, by time; `None` at the end.
    pub(super) async fn next(&mut self, read: &mut ReadCount) -> Result<Option<Segment>, Error> {
        let next = self.read().await;
        let bytes = self.reader.bytes_read();
        read.files += u64::from(self.counted == 0 && bytes > 0);
        read.bytes += bytes - self.counted;
        self.counted = bytes;
        next
    }

    async fn read(&mut self) -> Result<Option<Segment>, Error> {
        let failed = |source| Error::parquet("reading", &self.file.path)(source);
        if self.opened.is_none() {
            let metadata = self.table.footer(&self.file, &mut self.reader).await?;
            self.opened = Some(Opened::new(&self.file, metadata, &self.wanted)?);
        }
        let Some(opened) = &mut self.opened else { return Ok(None) };
        loop {
            if let Some(stream) = &mut opened.stream {
                while let Some(batch) = stream.try_next().await.map_err(failed)? {
                    let found = segment(&batch, &self.subject, &self.times, &opened.here, self.columns);
                    if found.is_some() {
                        return Ok(found);
                    }
                }
                opened.stream = None;
            }
            let Some(group) = opened.groups.next() else { return Ok(None) };
            let begun = opened.begin(group, &self.reader, &self.subject, &self.times).await;
            opened.stream = begun.map_err(failed)?;
        }
    }
}

impl Opened {
    fn new(file: &DataFile, metadata: ArrowReaderMetadata, wanted: &[Wanted]) -> Result<Self, Error> {
        let here: Vec<_> = wanted.iter().filter(|column| has_column(&metadata, column)).cloned().collect();
        let schema = metadata.parquet_schema();
        let roots = schema.root_schema().get_fields();
        let root = |name: &str| roots.iter().position(|field| field.name() == name);
        let (Some(subject), Some(time)) = (root(SUBJECT), root(SOURCE_TIME)) else {
            let problem = "it lacks its subject or time column";
            return Err(Error::DataFile { path: file.path.clone(), problem });
        };
        let projection = here.iter().filter_map(|column| root(&column.name)).chain([subject, time]);
        let projection = ProjectionMask::roots(schema, projection);
        let groups = if here.is_empty() { 0..0 } else { 0..metadata.metadata().num_row_groups() };
        Ok(Self { metadata, here, projection, groups, stream: None })
    }

    /// Begins to read a row group; `None` when it cannot have the rows.
    async fn begin(
        &mut self,
        group: usize,
        reader: &CountingReader,
        subject: &str,
        times: &Range<Timestamp>,
    ) -> parquet::errors::Result<Option<ParquetRecordBatchStream<CountingReader>>> {
        let Some(selection) = select(self.metadata.metadata(), group, subject, times) else {
            return Ok(None);
        };
        let mut builder =
            ParquetRecordBatchStreamBuilder::new_with_metadata(reader.clone(), self.metadata.clone());
        let bloom = builder.get_row_group_column_bloom_filter(group, 0).await?;
        if bloom.is_some_and(|bloom| !bloom.check(&subject)) {
            return Ok(None);
        }
        let rows = (VALUES_MAX / self.here.len().max(1)).max(ROWS_MIN);
        builder
            .with_row_groups(vec![group])
            .with_row_selection(selection)
            .with_projection(self.projection.clone())
            .with_batch_size(rows)
            .build()
            .map(Some)
    }
}

fn has_column(metadata: &ArrowReaderMetadata, column: &Wanted) -> bool {
    let field = metadata.schema().column_with_name(&column.name);
    field.is_some_and(|(_, field)| match column.kind {
        ColumnKind::Scalar(scalar) => *field.data_type() == scalar.arrow(),
        // The item's field has a name of its own in each file.
        ColumnKind::List(_) => matches!(field.data_type(), arrow::datatypes::DataType::List(_)),
    })
}

/// The rows of a row group whose pages can hold the subject at these times; `None` when none can.
fn select(
    metadata: &ParquetMetaData,
    group: usize,
    subject: &str,
    times: &Range<Timestamp>,
) -> Option<RowSelection> {
    let rows = usize::try_from(metadata.row_group(group).num_rows()).ok()?;
    let all = || RowSelection::from_consecutive_ranges(std::iter::once(0..rows), rows);
    let index = |column: usize| {
        let index = metadata.page_index()?;
        Some((index.column_index(group, column)?, index.offset_index(group, column)?.page_locations()))
    };
    let (Some((subjects, pages)), Some((sources, time_pages))) = (index(0), index(1)) else {
        return Some(all());
    };
    let starts = |pages: &[PageLocation]| -> Vec<usize> {
        pages.iter().map(|page| usize::try_from(page.first_row_index).unwrap_or(0)).chain([rows]).collect()
    };
    let ranges = |starts: Vec<usize>, keep: &dyn Fn(usize) -> bool| {
        let kept =
            (0..starts.len() - 1).filter(|page| keep(*page)).map(|page| starts[page]..starts[page + 1]);
        RowSelection::from_consecutive_ranges(kept, rows)
    };
    let of_subject = if let ColumnIndexMetaData::BYTE_ARRAY(index) = subjects {
        ranges(starts(pages), &|page| {
            let least = index.min_value(page).is_none_or(|least| least <= subject.as_bytes());
            // A maximum that was cut short was made greater, so that it is one still.
            least && index.max_value(page).is_none_or(|greatest| greatest >= subject.as_bytes())
        })
    } else {
        all()
    };
    let of_times = if let ColumnIndexMetaData::INT64(index) = sources {
        ranges(starts(time_pages), &|page| {
            let before_end = index.min_value(page).is_none_or(|least| *least < times.end.0);
            before_end && index.max_value(page).is_none_or(|greatest| *greatest >= times.start.0)
        })
    } else {
        all()
    };
    let both = of_subject.intersection(&of_times);
    both.selects_any().then_some(both)
}

/// The rows of a batch that are the subject's, at these times. They are sorted, so they are one run.
fn segment(
    batch: &RecordBatch,
    subject: &str,
    times: &Range<Timestamp>,
    wanted: &[Wanted],
    columns: usize,
) -> Option<Segment> {
    let subjects = batch.column_by_name(SUBJECT)?.as_string_opt::<i32>()?;
    let sources = batch.column_by_name(SOURCE_TIME)?.as_primitive_opt::<TimestampMicrosecondType>()?.values();
    let begin = partition_point(subjects.len(), |row| subjects.value(row) < subject);
    let end = partition_point(subjects.len(), |row| subjects.value(row) <= subject);
    let first = begin + sources[begin..end].partition_point(|time| *time < times.start.0);
    let last = begin + sources[begin..end].partition_point(|time| *time < times.end.0);
    if first >= last {
        return None;
    }
    let mut segment = Segment {
        times: sources[first..last].iter().map(|time| Timestamp(*time)).collect(),
        values: vec![Vec::new(); columns],
    };
    for column in wanted {
        let Some(array) = batch.column_by_name(&column.name) else { continue };
        segment.values[column.place] = values(&array.slice(first, last - first), &column.leaf);
    }
    Some(segment)
}

fn partition_point(len: usize, before: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut high) = (0, len);
    while low < high {
        let middle = low + (high - low) / 2;
        if before(middle) { low = middle + 1 } else { high = middle }
    }
    low
}

/// The values of an array in their leaf's type; of a list's items, in the list's.
fn values(array: &ArrayRef, leaf: &Leaf) -> Vec<Option<Value>> {
    if let Some(numbers) = array.as_primitive_opt::<Decimal64Type>() {
        let fixed = ColumnData::Fixed(numbers.values().to_vec());
        return (0..array.len()).map(|row| fixed.value(leaf, row).filter(|_| array.is_valid(row))).collect();
    }
    if let Some(bools) = array.as_boolean_opt() {
        return bools.iter().map(|value| value.map(Value::Bool)).collect();
    }
    if let Some(texts) = array.as_string_opt::<i32>() {
        return texts.iter().map(|text| text.map(Value::from)).collect();
    }
    let Some(lists) = array.as_list_opt::<i32>() else { return vec![None; array.len()] };
    let list = |items: ArrayRef| Some(Value::Array(values(&items, leaf).into_iter().collect::<Option<_>>()?));
    lists.iter().map(|items| items.and_then(list)).collect()
}
