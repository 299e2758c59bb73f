//! Follows the log: from memory at its tail, from its files behind.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::watch;

use super::{
    BoxFuture, LogError, LogReader, Offset, Record,
    embedded::{End, Shared, lock},
    segment::{Records, read_segment},
};

/// How many bytes of groups one call gives when it reads from memory.
const NEXT_BYTES_MAX: usize = 4 << 20;

#[derive(Debug)]
pub(super) struct EmbeddedReader {
    shared: Arc<Shared>,
    next: Offset,
    end: watch::Receiver<End>,
    /// The segment that is being read from its file.
    records: Option<Records>,
}

impl EmbeddedReader {
    pub(super) fn new(shared: Arc<Shared>, from: Offset) -> Self {
        let end = shared.end.subscribe();
        Self { shared, next: from, end, records: None }
    }

    /// Records from memory; `None` when the next one is only in a file.
    fn recent(&mut self) -> Option<Vec<Arc<Record>>> {
        let recent = lock(&self.shared.recent);
        let skip = usize::try_from(self.next.0.checked_sub(recent.first.0)?).ok()?;
        let mut bytes = 0;
        let mut records = Vec::new();
        for record in recent.records.iter().skip(skip) {
            bytes += record.group.bytes();
            if bytes > NEXT_BYTES_MAX && !records.is_empty() {
                break;
            }
            records.push(Arc::clone(record));
        }
        Some(records)
    }

    /// Records from the segment's file; none when what was read of it before is used up.
    async fn read_file(&mut self, end: Offset) -> Result<Vec<Arc<Record>>, LogError> {
        let opened = self.records.is_none();
        let mut records = match self.records.take() {
            Some(records) => records,
            None => self.open().await?,
        };
        let mut bytes = 0;
        let mut found = Vec::new();
        while bytes < NEXT_BYTES_MAX && records.tail().next < end {
            let Some((offset, group)) = records.next() else { break };
            if offset >= self.next {
                bytes += group.bytes();
                found.push(Arc::new(Record { offset, group }));
            }
        }
        if !found.is_empty() {
            self.records = Some(records);
        } else if opened {
            // Just read, durable, and yet not there.
            return Err(LogError::Damaged { path: self.path()?.1, position: records.tail().position });
        }
        Ok(found)
    }

    fn path(&self) -> Result<(String, String), LogError> {
        let segments = lock(&self.shared.segments);
        let found = segments.range(..=self.next).next_back();
        let (_, name) = found.ok_or_else(|| LogError::Trimmed {
            offset: self.next,
            start: segments.keys().next().copied().unwrap_or_default(),
        })?;
        Ok((name.clone(), self.shared.disk.path(name)))
    }

    async fn open(&self) -> Result<Records, LogError> {
        let (name, path) = self.path()?;
        let shared = Arc::clone(&self.shared);
        let read = move || -> Result<Records, LogError> {
            let file = shared
                .disk
                .open(&name)
                .map_err(|error| super::segment::io_error("opening", &path, &error))?;
            let bytes: Bytes = read_segment(&*file, &path)?;
            Records::of_segment(bytes).ok_or(LogError::Damaged { path, position: 0 })
        };
        tokio::task::spawn_blocking(read).await.unwrap_or(Err(LogError::Closed))
    }
}

impl LogReader for EmbeddedReader {
    fn next(&mut self) -> BoxFuture<'_, Result<Vec<Arc<Record>>, LogError>> {
        Box::pin(async move {
            loop {
                let End { offset: end, stopped } = self.end.borrow_and_update().clone();
                if self.next >= end {
                    match stopped {
                        Some(error) => return Err(error),
                        None => self.end.changed().await.map_err(|_| LogError::Closed)?,
                    }
                    continue;
                }
                let records = match self.recent() {
                    Some(records) => {
                        self.records = None;
                        records
                    }
                    None => self.read_file(end).await?,
                };
                if let Some(last) = records.last() {
                    self.next = last.offset.next();
                    return Ok(records);
                }
            }
        })
    }
}
