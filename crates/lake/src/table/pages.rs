//! How a data file is encoded, and how it is read back row by row.

use std::sync::Arc;

use arrow::{
    array::AsArray as _,
    compute::{max, min},
    datatypes::{DataType, Field, Fields, Schema, TimestampMicrosecondType},
    record_batch::RecordBatch,
};
use bytes::Bytes;
use model::Timestamp;
use parquet::{
    arrow::{
        ArrowWriter,
        arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions},
        arrow_writer::ArrowWriterOptions,
    },
    basic::{Compression, Encoding, ZstdLevel},
    file::{
        metadata::{PageIndexPolicy, SortingColumn},
        properties::{EnabledStatistics, WriterProperties, WriterVersion},
    },
    schema::types::ColumnPath,
};

use super::{Batches, file::bounds};
use crate::{
    Error,
    schema::{
        ColumnKind, Columns, PRECISION, ScalarKind,
        column::{RECEIVE_TIME, SEQ, SOURCE_TIME, SUBJECT},
    },
};

/// What a flush can afford while batches come in.
pub(super) const FLUSH_LEVEL: i32 = 1;

/// Rows of a page. A car's hour at 1 Hz is within one or two pages of each column, and what a page
/// costs beside its values is below 0.01 bytes a value.
const PAGE_ROWS: usize = 4096;

/// Rows of a row group: large, since pages are what queries choose by.
const GROUP_ROWS: usize = 1 << 20;

/// One lookup in a hundred of a car that is not in a file costs its pages.
const BLOOM_FALSE_POSITIVES: f64 = 0.01;

/// A file's bytes and what the table must know of them.
#[derive(Debug)]
pub(super) struct Encoded {
    pub(super) bytes: Vec<u8>,
    pub(super) rows: u64,
    pub(super) times: (Timestamp, Timestamp),
    pub(super) received: (Timestamp, Timestamp),
}

pub(super) fn encode(
    place: &str,
    columns: &Columns,
    batches: Box<Batches<'_>>,
    level: i32,
) -> Result<Encoded, Error> {
    let failed = || Error::parquet("writing", place);
    let options = ArrowWriterOptions::new()
        .with_properties(properties(columns, level).map_err(failed())?)
        // Arrow's own schema would cost each file kilobytes and tell readers nothing new.
        .with_skip_arrow_metadata(true);
    let mut bytes = Vec::new();
    let mut writer =
        ArrowWriter::try_new_with_options(&mut bytes, columns.file_schema(), options).map_err(failed())?;
    let mut rows = 0;
    let mut times = (i64::MAX, i64::MIN);
    let mut received = (i64::MAX, i64::MIN);
    for batch in batches {
        let batch = batch.map_err(|source| Error::Rows { place: place.to_owned(), source })?;
        rows += batch.num_rows() as u64;
        widen(&mut times, &batch, SOURCE_TIME);
        widen(&mut received, &batch, RECEIVE_TIME);
        writer.write(&batch).map_err(failed())?;
    }
    writer.close().map_err(failed())?;
    Ok(Encoded { bytes, rows, times: bounds(times), received: bounds(received) })
}

fn widen(span: &mut (i64, i64), batch: &RecordBatch, column: &str) {
    let Some(times) = batch.column_by_name(column) else { return };
    let times = times.as_primitive::<TimestampMicrosecondType>();
    if let (Some(least), Some(greatest)) = (min(times), max(times)) {
        *span = (span.0.min(least), span.1.max(greatest));
    }
}

fn properties(columns: &Columns, level: i32) -> Result<WriterProperties, parquet::errors::ParquetError> {
    let path = |name: &str| ColumnPath::from(name);
    let mut builder = WriterProperties::builder()
        // Version 1 pages: version 2 leaves definition levels uncompressed.
        .set_writer_version(WriterVersion::PARQUET_1_0)
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(level)?))
        .set_max_row_group_row_count(Some(GROUP_ROWS))
        .set_data_page_row_count_limit(PAGE_ROWS)
        .set_write_batch_size(PAGE_ROWS)
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_column_statistics_enabled(path(SUBJECT), EnabledStatistics::Page)
        .set_column_statistics_enabled(path(SOURCE_TIME), EnabledStatistics::Page)
        .set_sorting_columns(Some(vec![sorted_by(0), sorted_by(1)]))
        .set_column_bloom_filter_enabled(path(SUBJECT), true)
        .set_column_bloom_filter_fpp(path(SUBJECT), BLOOM_FALSE_POSITIVES)
        .set_created_by(concat!("marque ", env!("CARGO_PKG_VERSION")).to_owned());
    // What is the same for all rows of a car is cheapest as places in a dictionary.
    let fixed = [SOURCE_TIME, RECEIVE_TIME, SEQ].into_iter();
    let numbers = columns.iter().filter_map(|(name, kind)| match kind {
        ColumnKind::Scalar(ScalarKind::Decimal(_)) => Some(name),
        ColumnKind::Scalar(ScalarKind::Boolean | ScalarKind::Text) | ColumnKind::List(_) => None,
    });
    for name in fixed.chain(numbers) {
        builder = builder
            .set_column_dictionary_enabled(path(name), false)
            .set_column_encoding(path(name), Encoding::DELTA_BINARY_PACKED);
    }
    Ok(builder.build())
}

fn sorted_by(column_idx: i32) -> SortingColumn {
    SortingColumn { column_idx, descending: false, nulls_first: false }
}

/// How files are opened: decimals as 64-bit integers, with the page index.
pub(crate) fn reader_options() -> ArrowReaderOptions {
    ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Optional)
}

/// The footer with decimals as the 64-bit integers that they are in the file.
pub(crate) fn with_decimal64(metadata: &ArrowReaderMetadata) -> parquet::errors::Result<ArrowReaderMetadata> {
    let fields: Fields = metadata.schema().fields().iter().map(narrow).collect();
    let options = reader_options().with_schema(Arc::new(Schema::new(fields)));
    ArrowReaderMetadata::try_new(Arc::clone(metadata.metadata()), options)
}

/// A file in memory.
pub(super) fn open(bytes: &Bytes) -> parquet::errors::Result<ArrowReaderMetadata> {
    with_decimal64(&ArrowReaderMetadata::load(bytes, reader_options())?)
}

fn narrow(field: &Arc<Field>) -> Arc<Field> {
    let narrowed = if let DataType::Decimal128(PRECISION, scale) = field.data_type() {
        DataType::Decimal64(PRECISION, *scale)
    } else if let DataType::List(item) = field.data_type() {
        DataType::List(narrow(item))
    } else {
        return Arc::clone(field);
    };
    Arc::new(field.as_ref().clone().with_data_type(narrowed))
}

/// The signal columns of an open file.
pub(super) fn columns_of(metadata: &ArrowReaderMetadata) -> Columns {
    let fixed = Columns::default().file_schema();
    let mut columns = Columns::default();
    for field in metadata.schema().fields() {
        if fixed.column_with_name(field.name()).is_some() {
            continue;
        }
        let kind = if let DataType::List(item) = field.data_type() {
            scalar_of(item.data_type()).map(ColumnKind::List)
        } else {
            scalar_of(field.data_type()).map(ColumnKind::Scalar)
        };
        if let Some(kind) = kind {
            columns.insert(field.name().clone(), kind);
        }
    }
    columns
}

fn scalar_of(data_type: &DataType) -> Option<ScalarKind> {
    if let DataType::Decimal64(_, scale) = data_type {
        return Some(ScalarKind::Decimal(scale.cast_unsigned()));
    }
    let text = (*data_type == DataType::Utf8).then_some(ScalarKind::Text);
    if *data_type == DataType::Boolean { Some(ScalarKind::Boolean) } else { text }
}
