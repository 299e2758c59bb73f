//! What a record of the log does to an owner's state. What comes of it follows from the log and the
//! catalogues alone, so that reading the log again gives the same.

use std::{collections::BTreeMap, sync::Arc};

use lake::{Batch, Chunk, TableName, log::Entry};
use model::{CatalogueHash, SubjectId};
use signals::{Catalogue, SignalId};
use wire::{BadColumnNotice, BatchHeader, Decoded, Decoder, Notice};

use super::{
    twins::{Car, Changes, State},
    watermarks::Verdict,
};

/// What one record came to.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) chunks: Vec<(TableName, Chunk)>,
    changed: BTreeMap<SubjectId, Vec<SignalId>>,
    pub(super) notices: Vec<(SubjectId, Notice)>,
    /// Batches of which something was left out, as they came.
    pub(super) quarantined: Vec<Entry>,
}

/// A batch that is new, with its columns.
struct Read {
    entry: Entry,
    header: BatchHeader,
    catalogue: Arc<Catalogue>,
    decoded: Decoded,
}

/// Reads batches and applies them. Holds buffers that are used again and again.
#[derive(Debug)]
pub(super) struct Applier<C> {
    catalogues: C,
    decoder: Decoder,
    /// Buckets of a partition.
    buckets: u32,
}

impl<C: Fn(CatalogueHash) -> Option<Arc<Catalogue>>> Applier<C> {
    pub(super) fn new(catalogues: C, buckets: u32) -> Self {
        Self { catalogues, decoder: Decoder::default(), buckets }
    }

    /// Applies the entries of a record. `lock` gives the state for short moments: columns are
    /// decoded while nobody waits.
    pub(super) fn apply<S: std::ops::DerefMut<Target = State>>(
        &mut self,
        entries: impl Iterator<Item = Entry>,
        lock: impl Fn() -> S,
    ) -> Outcome {
        let mut outcome = Outcome::default();
        let new = Self::observe(entries, &mut lock(), &mut outcome);
        let read: Vec<_> = new
            .into_iter()
            .filter_map(|(entry, header)| self.read(entry, header, &lock, &mut outcome))
            .collect();
        let mut state = lock();
        for read in read {
            self.put(read, &mut state, &mut outcome);
        }
        outcome
    }

    /// The batches that were not seen before. The gateway has checked their headers.
    fn observe(
        entries: impl Iterator<Item = Entry>,
        state: &mut State,
        outcome: &mut Outcome,
    ) -> Vec<(Entry, BatchHeader)> {
        let mut new = Vec::new();
        for entry in entries {
            let header = match wire::parse_header(&entry.payload) {
                Ok((header, _)) => header,
                Err(error) => {
                    tracing::warn!(subject = %entry.subject, %error, "a batch in the log has no readable header");
                    state.counts.bad_batches += 1;
                    outcome.quarantined.push(entry);
                    continue;
                }
            };
            let meta = &header.meta;
            match state.marks.observe(entry.subject, meta.lane, meta.epoch, meta.seq, &meta.dropped) {
                Verdict::Duplicate => {
                    state.counts.duplicate_batches += 1;
                    continue;
                }
                Verdict::New => {}
                Verdict::NewAfterGap(range) => {
                    state.counts.missing_batches += range.last.0 - range.first.0 + 1;
                }
            }
            state.counts.dropped_batches +=
                meta.dropped.iter().map(|range| range.last.0.saturating_sub(range.first.0) + 1).sum::<u64>();
            new.push((entry, header));
        }
        new
    }

    fn read<S: std::ops::DerefMut<Target = State>>(
        &mut self,
        entry: Entry,
        header: BatchHeader,
        lock: &impl Fn() -> S,
        outcome: &mut Outcome,
    ) -> Option<Read> {
        let decoded = (self.catalogues)(header.catalogue)
            .ok_or("its catalogue is not known".to_owned())
            .and_then(|catalogue| {
                let (_, body) = wire::parse_header(&entry.payload).map_err(|error| error.to_string())?;
                let decoded =
                    self.decoder.decode(&header, body, &catalogue).map_err(|error| error.to_string())?;
                Ok((catalogue, decoded))
            });
        match decoded {
            Ok((catalogue, decoded)) => Some(Read { entry, header, catalogue, decoded }),
            Err(problem) => {
                tracing::warn!(subject = %entry.subject, %problem, "a batch in the log cannot be read");
                lock().counts.bad_batches += 1;
                outcome.quarantined.push(entry);
                None
            }
        }
    }

    fn put(&self, read: Read, state: &mut State, outcome: &mut Outcome) {
        let Read { entry, header, catalogue, decoded } = read;
        let meta = header.meta;
        let car = state
            .cars
            .entry(entry.subject)
            .or_insert_with(|| Car { brand: entry.brand, twin: super::Twin::default() });
        car.brand = entry.brand;
        let batch = Batch { lane: meta.lane, epoch: meta.epoch, seq: meta.seq, received: entry.received };
        let changed = outcome.changed.entry(entry.subject).or_default();
        let mut samples = 0;
        for group in decoded.groups {
            samples += group.samples() as u64;
            car.twin.apply(&group, entry.received, |signal| catalogue.by_id(signal).cloned(), changed);
            let chunks = Chunk::split(entry.subject, entry.brand, self.buckets, batch, group, &catalogue);
            outcome.chunks.extend(chunks);
        }
        state.counts.batches += 1;
        state.counts.samples += samples;
        *state.campaigns.entry(meta.campaign).or_default() += samples;
        if decoded.bad_columns.is_empty() {
            return;
        }
        state.counts.bad_columns += decoded.bad_columns.len() as u64;
        let bad_columns = decoded.bad_columns.iter().map(|bad| BadColumnNotice {
            campaign: meta.campaign,
            version: meta.version,
            signal: bad.signal,
            samples: u64::from(bad.samples),
            reason: bad.problem.slug().to_owned(),
        });
        let notice = Notice { refused: Vec::new(), bad_columns: bad_columns.collect() };
        outcome.notices.push((entry.subject, notice));
        outcome.quarantined.push(entry);
    }
}

impl Outcome {
    /// What is new to those who follow.
    pub(super) fn changes(&mut self) -> Changes {
        let mut cars: Vec<_> = std::mem::take(&mut self.changed).into_iter().collect();
        for (_, signals) in &mut cars {
            signals.sort_unstable();
            signals.dedup();
        }
        cars.retain(|(_, signals)| !signals.is_empty());
        Changes { cars }
    }
}

#[cfg(test)]
mod tests;
