//! Reading data files, and counting what that takes.

use std::{
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use futures::future::BoxFuture;
use object_store::{ObjectStore, path::Path};
use parquet::{
    arrow::{
        arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions},
        async_reader::AsyncFileReader,
    },
    errors::{ParquetError, Result as ParquetResult},
    file::metadata::{PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader},
};

use super::{DataFile, Table, lock, pages};
use crate::Error;

/// One read usually gets footer and page index both.
const FOOTER_PREFETCH_BYTES: usize = 32 * 1024;

impl Table {
    pub(crate) fn reader(&self, file: &DataFile) -> CountingReader {
        CountingReader {
            store: Arc::clone(&self.store),
            location: self.location(&file.path),
            size: file.bytes,
            bytes: Arc::default(),
        }
    }

    /// A file's footer, from memory if it was read before.
    pub(crate) async fn footer(
        &self,
        file: &DataFile,
        reader: &mut CountingReader,
    ) -> Result<ArrowReaderMetadata, Error> {
        if let Some(known) = lock(&self.footers).get(&file.path) {
            return Ok(known.clone());
        }
        let loaded = ArrowReaderMetadata::load_async(reader, pages::reader_options()).await;
        let metadata = loaded
            .and_then(|metadata| pages::with_decimal64(&metadata))
            .map_err(Error::parquet("reading the footer of", &file.path))?;
        let mut footers = lock(&self.footers);
        if footers.len() >= self.options.footers_max {
            // Rare, and cheaper than keeping an order of use: what is needed comes back with one read.
            footers.clear();
        }
        footers.insert(file.path.clone(), metadata.clone());
        Ok(metadata)
    }
}

/// Counts what it reads.
#[derive(Debug, Clone)]
pub(crate) struct CountingReader {
    store: Arc<dyn ObjectStore>,
    location: Path,
    size: u64,
    bytes: Arc<AtomicU64>,
}

impl CountingReader {
    /// By this reader and its clones.
    pub(crate) fn bytes_read(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    async fn read(&self, ranges: &[Range<u64>]) -> ParquetResult<Vec<Bytes>> {
        let read = self.store.get_ranges(&self.location, ranges).await;
        let read = read.map_err(|error| ParquetError::External(Box::new(error)))?;
        self.bytes.fetch_add(read.iter().map(|part| part.len() as u64).sum(), Ordering::Relaxed);
        Ok(read)
    }
}

impl AsyncFileReader for CountingReader {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, ParquetResult<Bytes>> {
        Box::pin(async move { Ok(self.read(&[range]).await?.pop().unwrap_or_default()) })
    }

    fn get_byte_ranges(&mut self, ranges: Vec<Range<u64>>) -> BoxFuture<'_, ParquetResult<Vec<Bytes>>> {
        Box::pin(async move { self.read(&ranges).await })
    }

    fn get_metadata<'a>(
        &'a mut self,
        _options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, ParquetResult<Arc<ParquetMetaData>>> {
        Box::pin(async move {
            let size = self.size;
            let metadata = ParquetMetaDataReader::new()
                .with_page_index_policy(PageIndexPolicy::Optional)
                .with_prefetch_hint(Some(FOOTER_PREFETCH_BYTES))
                .load_and_finish(self, size)
                .await?;
            Ok(Arc::new(metadata))
        })
    }
}
