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
    },
    file::{
        metadata::ParquetMetaData,
        page_index::{column_index::ColumnIndexMetaData, offset_index::PageLocation},
    },
};
use signals::{Leaf, Value};

use super::merge::Segment;
use crate::{
    DataFile, Error, Table,
    schema::{
        ColumnKind,
        column::{SOURCE_TIME, SUBJECT},
    },
};

/// A column that a query wants: its place among the query's signals, its name, its leaf.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    pub(super) place: usize,
    pub(super) name: String,
    pub(super) kind: ColumnKind,
    pub(super) leaf: Arc<Leaf>,
}

/// The rows of a subject in a file between two times, and how many bytes that took.
pub(super) async fn scan(
    table: &Table,
    file: &DataFile,
    subject: SubjectId,
    times: Range<Timestamp>,
    wanted: &[Wanted],
    columns: usize,
) -> Result<(Vec<Segment>, u64), Error> {
    let failed = || Error::parquet("reading", &file.path);
    let mut reader = table.reader(file);
    let metadata = table.footer(file, &mut reader).await?;
    let subject = subject.to_string();
    let schema = metadata.parquet_schema();
    let here: Vec<_> = wanted.iter().filter(|column| has_column(&metadata, column)).collect();
    if here.is_empty() {
        return Ok((Vec::new(), reader.bytes_read()));
    }
    let roots = schema.root_schema().get_fields();
    let root = |name: &str| roots.iter().position(|field| field.name() == name);
    let (Some(subject_root), Some(time_root)) = (root(SUBJECT), root(SOURCE_TIME)) else {
        return Err(Error::DataFile {
            path: file.path.clone(),
            problem: "it lacks its subject or time column",
        });
    };
    let projection = here.iter().filter_map(|column| root(&column.name)).chain([subject_root, time_root]);
    let projection = ProjectionMask::roots(schema, projection);
    let mut segments = Vec::new();
    let groups = metadata.metadata().num_row_groups();
    for group in 0..groups {
        let Some(selection) = select(metadata.metadata(), group, &subject, &times) else { continue };
        let mut builder =
            ParquetRecordBatchStreamBuilder::new_with_metadata(reader.clone(), metadata.clone());
        let bloom = builder.get_row_group_column_bloom_filter(group, 0).await.map_err(failed())?;
        if bloom.is_some_and(|bloom| !bloom.check(&subject.as_str())) {
            continue;
        }
        let mut stream = builder
            .with_row_groups(vec![group])
            .with_row_selection(selection)
            .with_projection(projection.clone())
            .build()
            .map_err(failed())?;
        while let Some(batch) = stream.try_next().await.map_err(failed())? {
            segments.extend(segment(&batch, &subject, &times, &here, columns));
        }
    }
    Ok((segments, reader.bytes_read()))
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
    wanted: &[&Wanted],
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
