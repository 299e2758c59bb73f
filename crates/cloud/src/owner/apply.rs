//! What a batch of the log does to an owner's state. What comes of it follows from the log, the
//! catalogues and the campaigns' versions alone, none of which ever changes, so that reading the log
//! again gives the same.

use std::{collections::BTreeMap, ops::DerefMut, sync::Arc};

use bytes::Bytes;
use campaigns::RowGroup;
use lake::{Batch, Chunk, TableName, log::Entry};
use model::{CatalogueHash, SubjectId};
use signals::{Catalogue, SignalId};
use wire::{
    BadColumn, BadColumnNotice, BatchHeader, BatchMeta, BodyRef, Decoded, Decoder, Notice, RefusedBatch,
};

use super::{
    collects::SignalSet,
    twins::{Car, Changes, State},
    watermarks::Verdict,
};

/// What a record came to, beside its rows.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    changed: Vec<(SubjectId, SignalId)>,
    pub(super) notices: Vec<(SubjectId, Notice)>,
    /// Batches that could not be read whole, as they came.
    pub(super) quarantined: Vec<Entry>,
}

/// A batch that is new.
#[derive(Debug)]
pub(super) struct Opened {
    entry: Entry,
    header: BatchHeader,
    /// The part of the payload behind the header.
    body: Bytes,
}

/// Reads batches and applies them. Holds buffers that are used again and again.
#[derive(Debug)]
pub(super) struct Applier {
    decoder: Decoder,
    /// Buckets of a partition.
    buckets: u32,
}

impl Opened {
    pub(super) fn meta(&self) -> &BatchMeta {
        &self.header.meta
    }

    pub(super) fn catalogue(&self) -> CatalogueHash {
        self.header.catalogue
    }

    /// Tells the car that nothing of it was stored, and keeps it for people to look at.
    pub(super) fn refuse(self, reason: &str, state: &mut State, outcome: &mut Outcome) {
        let Self { entry, header: BatchHeader { meta, .. }, .. } = self;
        tracing::warn!(subject = %entry.subject, campaign = %meta.campaign, reason, "a batch in the log is refused");
        state.counts.bad_batches = state.counts.bad_batches.saturating_add(1);
        let (lane, epoch, seq) = (meta.lane, meta.epoch, meta.seq);
        let refused = vec![RefusedBatch { lane, epoch, seq, reason: reason.to_owned() }];
        outcome.notices.push((entry.subject, Notice { refused, bad_columns: Vec::new() }));
        outcome.quarantined.push(entry);
    }
}

impl Applier {
    pub(super) fn new(buckets: u32) -> Self {
        Self { decoder: Decoder::default(), buckets }
    }

    /// A batch that was not seen before. The gateway has checked its header.
    pub(super) fn open(entry: Entry, state: &mut State, outcome: &mut Outcome) -> Option<Opened> {
        let (header, body) = match wire::parse_header(&entry.payload) {
            Ok((header, body)) => (header, entry.payload.slice_ref(body.as_bytes())),
            Err(error) => {
                tracing::warn!(subject = %entry.subject, %error, "a batch in the log has no readable header");
                state.counts.bad_batches = state.counts.bad_batches.saturating_add(1);
                outcome.quarantined.push(entry);
                return None;
            }
        };
        let meta = &header.meta;
        let counts = &mut state.counts;
        match state.marks.observe(entry.subject, meta.lane, meta.epoch, meta.seq, &meta.dropped) {
            Verdict::Duplicate => {
                counts.duplicate_batches = counts.duplicate_batches.saturating_add(1);
                None
            }
            Verdict::New(passed) => {
                counts.missing_batches = counts.missing_batches.saturating_add(passed.missing);
                counts.dropped_batches = counts.dropped_batches.saturating_add(passed.dropped);
                Some(Opened { entry, header, body })
            }
        }
    }

    /// Applies a batch of signals that its campaign collects, and gives its rows.
    /// `lock` gives the state for short moments: columns are decoded while nobody waits.
    pub(super) fn apply<S: DerefMut<Target = State>>(
        &mut self,
        batch: Opened,
        catalogue: &Arc<Catalogue>,
        collected: &SignalSet,
        lock: impl Fn() -> S,
        outcome: &mut Outcome,
    ) -> Vec<(TableName, Chunk)> {
        match self.decoder.decode(&batch.header, BodyRef::new(&batch.body), catalogue) {
            Ok(decoded) => self.put(batch, decoded, catalogue, collected, &mut lock(), outcome),
            Err(error) => {
                batch.refuse(&error.to_string(), &mut lock(), outcome);
                Vec::new()
            }
        }
    }

    /// Takes the memory of rows that nobody needs any more, for batches to come.
    pub(super) fn recycle(&mut self, rows: RowGroup) {
        self.decoder.recycle(rows);
    }

    fn put(
        &self,
        batch: Opened,
        decoded: Decoded,
        catalogue: &Arc<Catalogue>,
        collected: &SignalSet,
        state: &mut State,
        outcome: &mut Outcome,
    ) -> Vec<(TableName, Chunk)> {
        let Opened { entry, header: BatchHeader { meta, .. }, .. } = batch;
        let Decoded { mut groups, bad_columns } = decoded;
        let mut uncollected = BTreeMap::<SignalId, u64>::new();
        for group in &mut groups {
            let rows = group.times.len() as u64;
            group.columns.retain(|column| {
                let collects = collected.contains(column.signal);
                if !collects {
                    *uncollected.entry(column.signal).or_default() += rows;
                }
                collects
            });
        }
        groups.retain(|group| !group.columns.is_empty());
        let car = state
            .cars
            .entry(entry.subject)
            .or_insert_with(|| Car { brand: entry.brand, twin: Arc::default() });
        car.brand = entry.brand;
        let twin = Arc::make_mut(&mut car.twin);
        let key = batch_of(&meta, &entry);
        let changed = &mut outcome.changed;
        let (mut chunks, mut samples) = (Vec::new(), 0);
        for group in groups {
            samples += group.samples() as u64;
            twin.apply(&group, entry.received, catalogue, |signal| changed.push((entry.subject, signal)));
            chunks.extend(Chunk::split(entry.subject, entry.brand, self.buckets, key, group, catalogue));
        }
        let counts = &mut state.counts;
        counts.batches += 1;
        counts.samples += samples;
        *state.campaigns.entry((meta.campaign, Some(entry.brand))).or_default() += samples;
        counts.bad_columns += (bad_columns.len() + uncollected.len()) as u64;
        if !bad_columns.is_empty() || !uncollected.is_empty() {
            let bad_columns_notice = bad_column_notices(&meta, &bad_columns, &uncollected);
            let notice = Notice { refused: Vec::new(), bad_columns: bad_columns_notice };
            outcome.notices.push((entry.subject, notice));
        }
        // What no campaign asked for is not kept in any form.
        if !bad_columns.is_empty() && uncollected.is_empty() {
            outcome.quarantined.push(entry);
        }
        chunks
    }
}

fn batch_of(meta: &BatchMeta, entry: &Entry) -> Batch {
    Batch {
        lane: meta.lane,
        epoch: meta.epoch,
        seq: meta.seq,
        received: entry.received,
        campaign: meta.campaign,
        version: meta.version,
        purpose: meta.purpose,
        consent_epoch: meta.consent_epoch,
        clock: meta.clock,
    }
}

/// What the car is told of columns that were left out.
fn bad_column_notices(
    meta: &BatchMeta,
    bad: &[BadColumn],
    uncollected: &BTreeMap<SignalId, u64>,
) -> Vec<BadColumnNotice> {
    let notice = |signal, samples, reason: &str| BadColumnNotice {
        campaign: meta.campaign,
        version: meta.version,
        signal,
        samples,
        reason: reason.to_owned(),
    };
    let bad = bad.iter().map(|bad| notice(bad.signal, u64::from(bad.samples), bad.problem.slug()));
    let uncollected =
        uncollected.iter().map(|(signal, samples)| notice(*signal, *samples, "not-in-campaign"));
    bad.chain(uncollected).collect()
}

impl Outcome {
    /// What is new to those who follow.
    pub(super) fn changes(&mut self) -> Changes {
        let mut changed = std::mem::take(&mut self.changed);
        changed.sort_unstable();
        changed.dedup();
        let cars = changed.chunk_by(|(a, _), (b, _)| a == b);
        let signals = |of_car: &[(_, SignalId)]| of_car.iter().map(|(_, signal)| *signal).collect();
        Changes { cars: cars.map(|of_car| (of_car[0].0, signals(of_car))).collect() }
    }
}

#[cfg(test)]
mod tests;
