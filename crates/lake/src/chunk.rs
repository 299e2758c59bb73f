//! Rows of one car that belong to one partition of one table.

use std::{ops::Range, sync::Arc};

use campaigns::{Column, RowGroup};
use model::{
    Brand, CampaignId, CampaignVersion, ClockState, ConsentEpoch, Lane, Purpose, QueueEpoch, Seq, SubjectId,
    Timestamp,
    limits::{SOURCE_AGE_MAX, SOURCE_LEAD_MAX},
};
use signals::Catalogue;

use crate::TableName;

mod columns;

/// A partition: what a data file's folder says of all its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    pub brand: Brand,
    /// Days since 1970-01-01 (UTC) of the source time, clamped around the receipt.
    pub day: i32,
    pub bucket: u32,
}

/// The batch that rows came with: its name, and what was said of all that is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Batch {
    pub lane: Lane,
    pub epoch: QueueEpoch,
    pub seq: Seq,
    pub received: Timestamp,
    /// Why it was collected, ...
    pub campaign: CampaignId,
    pub version: CampaignVersion,
    pub purpose: Purpose,
    /// ... and by which grants.
    pub consent_epoch: ConsentEpoch,
    pub clock: ClockState,
}

/// Rows of one car, one partition and one table, as columns.
#[derive(Debug, Clone)]
pub struct Chunk {
    pub subject: SubjectId,
    pub place: Place,
    /// The batches that the rows came with, each with its first row; the first is at 0.
    pub(crate) batches: Vec<(usize, Batch)>,
    /// Of one time column; sorted by signal.
    pub rows: RowGroup,
    /// What the signals mean.
    pub catalogue: Arc<Catalogue>,
}

/// The bucket of a subject: its bits are random, so the first ones will do.
///
/// Golden-tested: a change would part a car's old rows from its new ones.
pub fn bucket_of(subject: SubjectId, buckets: u32) -> u32 {
    let [a, b, c, d, ..] = *subject.as_bytes();
    u32::from_be_bytes([a, b, c, d]) % buckets.max(1)
}

/// The partition's day of a source time: a car with a wrong clock must not scatter its rows over
/// partitions that were compacted long ago or will not be for years.
pub fn day_of(source: Timestamp, received: Timestamp) -> i32 {
    let clamped = source.0.clamp((received - SOURCE_AGE_MAX).0, (received + SOURCE_LEAD_MAX).0);
    i32::try_from(Timestamp(clamped).day()).unwrap_or(i32::MAX)
}

impl Chunk {
    /// Sorts a decoded group of a batch into the tables and days that its rows belong to. Signals
    /// that the catalogue does not have are left out; the decoder has named them before.
    pub fn split(
        subject: SubjectId,
        brand: Brand,
        buckets: u32,
        batch: Batch,
        group: RowGroup,
        catalogue: &Arc<Catalogue>,
    ) -> impl Iterator<Item = (TableName, Self)> + use<> {
        let bucket = bucket_of(subject, buckets);
        let received = batch.received;
        let catalogue = Arc::clone(catalogue);
        let by_table = by_table(group, &catalogue);
        by_table.into_iter().flat_map(move |(table, rows)| {
            let catalogue = Arc::clone(&catalogue);
            by_day(rows, received).into_iter().map(move |(day, rows)| {
                let place = Place { brand, day, bucket };
                let batches = vec![(0, batch)];
                (table, Self { subject, place, batches, rows, catalogue: Arc::clone(&catalogue) })
            })
        })
    }

    /// Takes the rows of another chunk of the car behind its own, if they are of the same signals and place and
    /// all later; says how many bytes of memory that took. Who else holds the chunk keeps what it has.
    pub(crate) fn try_append(self: &mut Arc<Self>, later: &Self) -> Option<usize> {
        let continues = self.place == later.place
            && self.catalogue.hash() == later.catalogue.hash()
            && columns::continues(&self.rows, &later.rows);
        if !continues {
            return None;
        }
        if Arc::get_mut(self).is_none() {
            *self = Arc::new(self.copy());
        }
        let Self { batches, rows, .. } = Arc::get_mut(self).expect("a copy is nobody else's");
        let (first_row, capacity) = (rows.times.len(), batches.capacity());
        batches.extend(later.batches.iter().map(|(row, batch)| (first_row + row, *batch)));
        let batches = (batches.capacity() - capacity) * size_of::<(usize, Batch)>();
        Some(batches + columns::append(rows, &later.rows))
    }

    /// A copy that takes as many bytes: it keeps its room to grow.
    fn copy(&self) -> Self {
        let Self { subject, place, batches, rows, catalogue } = self;
        let (batches, rows) = (columns::copy_of(batches), columns::copy(rows));
        Self { subject: *subject, place: *place, batches, rows, catalogue: Arc::clone(catalogue) }
    }

    /// Gives back what memory its rows have spare.
    pub(crate) fn shrink_to_fit(&mut self) {
        columns::shrink_to_fit(&mut self.rows);
    }

    /// The batches that a range of rows came with, each with its part of them.
    pub(crate) fn spans_of(&self, rows: Range<usize>) -> impl Iterator<Item = (Range<usize>, &Batch)> {
        let first = self.batches.partition_point(|(start, _)| *start <= rows.start).saturating_sub(1);
        let batches = &self.batches[first..];
        let ends = batches.iter().skip(1).map(|(start, _)| *start).chain([self.rows.times.len()]);
        let spans = batches
            .iter()
            .zip(ends)
            .map(move |((start, batch), end)| ((*start).max(rows.start)..end.min(rows.end), batch));
        spans.take_while(|(part, _)| !part.is_empty())
    }

    pub fn samples(&self) -> usize {
        self.rows.samples()
    }

    /// What it takes in memory.
    pub fn bytes(&self) -> usize {
        size_of::<Self>() + self.batches.capacity() * size_of::<(usize, Batch)>() + columns::bytes(&self.rows)
    }
}

/// The columns of each table. Most groups are of one table.
fn by_table(group: RowGroup, catalogue: &Catalogue) -> Vec<(TableName, RowGroup)> {
    let table_of = |column: &Column| Some(TableName::of(catalogue.by_id(column.signal)?.category));
    let first = group.columns.first().and_then(table_of);
    if let Some(first) = first
        && group.columns.iter().all(|column| table_of(column) == Some(first))
    {
        return vec![(first, group)];
    }
    let RowGroup { times, columns } = group;
    let mut by_table = TableName::ALL.map(|table| (table, Vec::new()));
    for column in columns {
        if let Some(table) = table_of(&column) {
            by_table[table.index()].1.push(column);
        }
    }
    let parts = by_table.into_iter().filter(|(_, columns)| !columns.is_empty());
    parts.map(|(table, columns)| (table, RowGroup { times: times.clone(), columns })).collect()
}

/// Days are few: a batch rarely spans midnight.
fn by_day(mut rows: RowGroup, received: Timestamp) -> Vec<(i32, RowGroup)> {
    let mut days = Vec::new();
    while let Some(last) = rows.times.last() {
        let day = day_of(*last, received);
        // Times increase, and clamping keeps their order.
        let start = rows.times.partition_point(|time| day_of(*time, received) < day);
        if start == 0 {
            days.push((day, rows));
            break;
        }
        days.push((day, columns::split_off(&mut rows, start)));
    }
    days.reverse();
    days
}

#[cfg(test)]
mod tests;
