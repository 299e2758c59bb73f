//! Rows that are not in a file yet, by subject.
//!
//! A flush cuts the buffer: what was there goes into a [`Cut`], which can be read like the rest
//! until its files take its place.

use std::{collections::HashMap, sync::Arc};

use campaigns::RowGroup;
use model::{SubjectId, Timestamp};

use crate::{Chunk, Place};

/// Chunks of a car that new rows may go on. A car has few kinds of rows at a time: of its lanes, of
/// its groups of signals with periods of their own, and of signals that change together.
const GROWING_MAX: usize = 64;

/// Where a chunk ends. A query may hold it, and whoever appends then copies it while others wait: a
/// tenth of a millisecond.
const CHUNK_BYTES_MAX: usize = 256 * 1024;

#[derive(Debug, Default)]
pub(crate) struct Buffer {
    current: Rows,
    cuts: Vec<Arc<Rows>>,
}

/// Rows in memory.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    subjects: HashMap<SubjectId, Chunks>,
    bytes: usize,
    samples: u64,
}

/// One car's rows, in the order in which their chunks began.
#[derive(Debug, Default)]
struct Chunks {
    all: Vec<Arc<Chunk>>,
    /// Those that new rows may go on, by their last times.
    growing: Vec<Growing>,
    /// How many times rows came.
    pushes: u64,
}

#[derive(Debug)]
struct Growing {
    chunk: usize,
    last: Timestamp,
    bytes: usize,
    /// The push that it grew with last.
    grown: u64,
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
        let mut chunks: Vec<_> = self.0.subjects.values().flat_map(|chunks| &chunks.all).cloned().collect();
        chunks.sort_by_key(|chunk| {
            (chunk.place, chunk.subject, chunk.rows.times.first().copied(), chunk.batches.first().copied())
        });
        let parts = chunks.chunk_by(|a, b| a.place == b.place);
        parts.map(|part| (part[0].place, part.to_vec())).collect()
    }
}

impl Buffer {
    /// Adds rows. Gives back those that were copied behind others.
    pub(crate) fn push(&mut self, chunk: Chunk) -> Option<RowGroup> {
        self.current.samples += chunk.samples() as u64;
        let chunks = self.current.subjects.entry(chunk.subject).or_default();
        match chunks.append(&chunk) {
            Some(bytes) => {
                self.current.bytes += bytes;
                Some(chunk.rows)
            }
            None => {
                self.current.bytes += chunks.begin(chunk);
                None
            }
        }
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
        all.filter_map(|rows| rows.subjects.get(&subject)).flat_map(|chunks| &chunks.all).cloned().collect()
    }
}

impl Chunks {
    /// Adds rows to those that they continue with the least time between, if there are such; says how many
    /// bytes that took. A car's lanes may be hours apart with rows of the same kind.
    fn append(&mut self, later: &Chunk) -> Option<usize> {
        let first = later.rows.times.first()?;
        let before = self.growing.partition_point(|growing| growing.last < *first);
        let (place, bytes) = (0..before).rev().find_map(|place| {
            let bytes = self.all[self.growing[place].chunk].try_append(later)?;
            Some((place, bytes))
        })?;
        let Growing { chunk, bytes: taken, .. } = self.growing.remove(place);
        self.grow(chunk, taken + bytes);
        Some(bytes)
    }

    /// Begins a chunk; says how many bytes it takes.
    fn begin(&mut self, mut chunk: Chunk) -> usize {
        chunk.shrink_to_fit();
        let bytes = chunk.bytes();
        self.all.push(Arc::new(chunk));
        self.grow(self.all.len() - 1, bytes);
        bytes
    }

    /// Lets new rows go on a chunk that has got some, unless it is full.
    fn grow(&mut self, chunk: usize, bytes: usize) {
        self.pushes += 1;
        let Some(last) = self.all[chunk].rows.times.last().copied() else { return };
        if bytes >= CHUNK_BYTES_MAX {
            return;
        }
        if self.growing.len() == GROWING_MAX {
            let idle = (0..GROWING_MAX).min_by_key(|place| self.growing[*place].grown);
            idle.map(|place| self.growing.remove(place));
        }
        let place = self.growing.partition_point(|growing| growing.last <= last);
        self.growing.insert(place, Growing { chunk, last, bytes, grown: self.pushes });
    }
}

#[cfg(test)]
mod tests;
