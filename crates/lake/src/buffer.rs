//! Rows that are not in a file yet, by subject.
//!
//! A flush cuts the buffer: what was there goes into a [`Cut`], which can be read like the rest
//! until its files take its place.

use std::{collections::HashMap, sync::Arc};

use campaigns::RowGroup;
use model::SubjectId;

use crate::{Chunk, Place};

/// The latest chunks of a car that new rows may go on: its lanes, and its groups of signals with
/// periods of their own.
const KINDS_MAX: usize = 4;

#[derive(Debug, Default)]
pub(crate) struct Buffer {
    current: Rows,
    cuts: Vec<Arc<Rows>>,
}

/// Rows in memory.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    subjects: HashMap<SubjectId, Vec<Arc<Chunk>>>,
    bytes: usize,
    samples: u64,
}

/// Rows that are being written to files.
#[derive(Debug, Clone)]
pub struct Cut(pub(crate) Arc<Rows>);

impl Cut {
    /// Samples in it, those that are not available included.
    pub fn samples(&self) -> u64 {
        self.0.samples
    }

    pub fn is_empty(&self) -> bool {
        self.0.subjects.is_empty()
    }

    /// The chunks of each partition in the order of their rows: by subject, then by time.
    pub(crate) fn partitions(&self) -> Vec<(Place, Vec<Arc<Chunk>>)> {
        let mut chunks: Vec<_> = self.0.subjects.values().flatten().cloned().collect();
        chunks.sort_by_key(|chunk| {
            (chunk.place, chunk.subject, chunk.rows.times.first().copied(), chunk.batches.first().copied())
        });
        let parts = chunks.chunk_by(|a, b| a.place == b.place);
        parts.map(|part| (part[0].place, part.to_vec())).collect()
    }
}

impl Buffer {
    /// Adds rows to the car's latest chunks: one car has few kinds of rows at a time. Gives back
    /// those that were copied there.
    pub(crate) fn push(&mut self, chunk: Chunk) -> Option<RowGroup> {
        self.current.samples += chunk.samples() as u64;
        let chunks = self.current.subjects.entry(chunk.subject).or_default();
        for latest in chunks.iter_mut().rev().take(KINDS_MAX) {
            if latest.is_continued_by(&chunk) {
                self.current.bytes += chunk.rows_bytes();
                // A reader keeps what it has, and the rows go on in a copy.
                Arc::make_mut(latest).append(&chunk);
                return Some(chunk.rows);
            }
        }
        self.current.bytes += chunk.bytes();
        chunks.push(Arc::new(chunk));
        None
    }

    /// What takes memory, cuts included.
    pub(crate) fn bytes(&self) -> usize {
        self.current.bytes + self.cuts.iter().map(|cut| cut.bytes).sum::<usize>()
    }

    pub(crate) fn samples(&self) -> u64 {
        self.current.samples + self.cuts.iter().map(|cut| cut.samples).sum::<u64>()
    }

    pub(crate) fn cut(&mut self) -> Cut {
        let rows = Arc::new(std::mem::take(&mut self.current));
        self.cuts.push(Arc::clone(&rows));
        Cut(rows)
    }

    /// Forgets a cut whose files have taken its place.
    pub(crate) fn release(&mut self, cut: &Cut) {
        self.cuts.retain(|rows| !Arc::ptr_eq(rows, &cut.0));
    }

    /// All rows of a subject.
    pub(crate) fn of(&self, subject: SubjectId) -> Vec<Arc<Chunk>> {
        let all = self.cuts.iter().map(Arc::as_ref).chain([&self.current]);
        all.filter_map(|rows| rows.subjects.get(&subject)).flatten().cloned().collect()
    }
}

#[cfg(test)]
mod tests;
