//! One lane of the queue: its segments, and what of them is in flight.

use std::{collections::VecDeque, fs::File, io, path::Path};

use model::{Lane, QueueEpoch, Seq};
use wire::SeqRange;

use super::{
    Key, Options, Outgoing,
    segment::{self, Entry, Fate},
    state::sync_dir,
};

#[derive(Debug)]
struct Segment {
    number: u64,
    bytes: u64,
}

#[derive(Debug)]
pub(super) struct LaneQueue {
    lane: Lane,
    /// Oldest first; the last one is written to.
    segments: VecDeque<Segment>,
    /// Open while there is something to append; `None` until the first append.
    writer: Option<File>,
    entries: VecDeque<Entry>,
    /// How many of the entries wait for an answer.
    unsettled: u64,
    /// How many of the entries, from the front, are in flight or at their end.
    sent: usize,
    /// Since the last rewind: up to here batches have left, and with them what they told of holes.
    told: Option<(QueueEpoch, Seq)>,
    /// The same with the batch that was handed out last, unless it is withdrawn.
    latest: Option<(QueueEpoch, Seq)>,
    next_seq: Seq,
    next_segment: u64,
    /// The epoch and number that a batch must have for nothing to be missing before it.
    expected: (QueueEpoch, Seq),
    unsynced: bool,
    dropped_batches: u64,
    last_dropped: Option<SeqRange>,
}

pub(super) struct Opened {
    pub(super) lane: LaneQueue,
    pub(super) damaged_records: u64,
}

impl LaneQueue {
    /// Takes up what is in the folder. A segment that cannot be read gives what can be.
    pub(super) fn open(dir: &Path, lane: Lane, expected: Option<(QueueEpoch, Seq)>) -> Opened {
        let mut damaged_records = 0;
        let mut segments = VecDeque::new();
        let mut entries: VecDeque<Entry> = VecDeque::new();
        let mut next_segment = 0;
        let numbers = segment::list(dir, lane).unwrap_or_else(|error| {
            tracing::warn!(%error, %lane, "the queue's folder cannot be listed");
            damaged_records += 1;
            Vec::new()
        });
        for number in numbers {
            next_segment = number + 1;
            let scan = segment::scan(dir, lane, number);
            damaged_records += u64::from(scan.damaged);
            entries.extend(scan.entries);
            // One without a whole record is removed with those that are settled.
            segments.push_back(Segment { number, bytes: scan.bytes });
        }
        // What the state says was settled in this lane need not be sent again.
        if let Some((epoch, seq)) = expected {
            for entry in entries.iter_mut().filter(|entry| (entry.epoch, entry.seq) < (epoch, seq)) {
                entry.fate = Fate::Answered;
            }
        }
        let first = entries.front().map(|entry| (entry.epoch, entry.seq));
        let expected = expected.or(first).unwrap_or((QueueEpoch(0), Seq(0)));
        let after_last = entries.back().map(|last| (last.epoch, Seq(last.seq.0 + 1)));
        let (_, next_seq) = after_last.map_or(expected, |after_last| after_last.max(expected));
        let unsettled = entries.iter().filter(|entry| entry.fate == Fate::Waiting).count() as u64;
        let mut lane = Self {
            lane,
            segments,
            writer: None,
            entries,
            unsettled,
            sent: 0,
            told: None,
            latest: None,
            next_seq,
            next_segment,
            expected,
            unsynced: false,
            dropped_batches: 0,
            last_dropped: None,
        };
        lane.remove_settled(dir);
        Opened { lane, damaged_records }
    }

    /// The latest epoch of what is in the folder.
    pub(super) fn epoch_max(&self) -> QueueEpoch {
        self.entries.iter().map(|entry| entry.epoch).max().unwrap_or(self.expected.0)
    }

    /// Numbers go on within an epoch and begin again with a new one.
    pub(super) fn begin_epoch(&mut self, epoch: QueueEpoch) {
        let current = self.entries.back().map_or(self.expected.0, |entry| entry.epoch.max(self.expected.0));
        if current != epoch {
            self.next_seq = Seq(0);
        }
        if self.entries.is_empty() && self.expected.0 != epoch {
            self.expected = (epoch, Seq(0));
        }
    }

    pub(super) fn next_seq(&self) -> Seq {
        self.next_seq
    }

    pub(super) fn expected(&self) -> (QueueEpoch, Seq) {
        self.expected
    }

    pub(super) fn append(
        &mut self,
        dir: &Path,
        epoch: QueueEpoch,
        payload: &[u8],
        options: Options,
    ) -> io::Result<()> {
        self.roll(dir, options)?;
        let (Some(file), Some(current)) = (self.writer.as_mut(), self.segments.back_mut()) else {
            return Err(io::Error::other("no segment is open after rolling"));
        };
        let name = (epoch, self.next_seq);
        let entry = match segment::append(file, current.number, current.bytes, name, payload) {
            Ok(entry) => entry,
            Err(error) => {
                // What the file ends with is not known; it is opened behind its whole records again.
                self.writer = None;
                return Err(error);
            }
        };
        current.bytes += segment::record_bytes(payload.len());
        self.entries.push_back(entry);
        self.unsettled += 1;
        self.next_seq = Seq(self.next_seq.0 + 1);
        self.unsynced = true;
        Ok(())
    }

    /// A batch found no room: its number is gone, and the hole tells of it.
    pub(super) fn lose(&mut self) {
        self.note_dropped(self.next_seq);
        self.dropped_batches += 1;
        self.next_seq = Seq(self.next_seq.0 + 1);
    }

    pub(super) fn has_outgoing(&self) -> bool {
        self.entries.iter().skip(self.sent).any(|entry| entry.fate == Fate::Waiting)
    }

    /// The next batch; one that the disk cannot read is left out and counted in `unreadable`.
    pub(super) fn next_outgoing(&mut self, dir: &Path, unreadable: &mut u64) -> Option<Outgoing> {
        loop {
            let entry = self.entries.get_mut(self.sent)?;
            self.told = self.latest.take().or(self.told);
            let after = (entry.epoch, Seq(entry.seq.0 + 1));
            match entry.fate {
                Fate::Withdrawn => {}
                Fate::Answered => self.told = Some(after),
                Fate::Waiting => match segment::read(dir, self.lane, entry) {
                    Ok(payload) => {
                        let key = Key { epoch: entry.epoch, lane: self.lane, seq: entry.seq };
                        let dropped = self.hole_before(key);
                        self.latest = Some(after);
                        self.sent += 1;
                        return Some(Outgoing { key, payload, dropped });
                    }
                    Err(error) => {
                        tracing::warn!(%error, lane = %self.lane, seq = entry.seq.0, "a queued batch cannot be read");
                        entry.fate = Fate::Withdrawn;
                        self.unsettled -= 1;
                        *unreadable += 1;
                    }
                },
            }
            self.sent += 1;
        }
    }

    /// The platform has answered. Returns whether a segment was removed.
    pub(super) fn settle(&mut self, dir: &Path, key: Key) -> bool {
        self.end(key, Fate::Answered);
        self.remove_settled(dir)
    }

    /// The batch that was handed out last never leaves. Returns whether a segment was removed.
    pub(super) fn withdraw(&mut self, dir: &Path, key: Key) -> bool {
        self.end(key, Fate::Withdrawn);
        self.latest = None;
        self.remove_settled(dir)
    }

    fn end(&mut self, key: Key, fate: Fate) {
        let mut in_flight = self.entries.iter_mut().take(self.sent);
        let entry = in_flight.find(|entry| (entry.epoch, entry.seq) == (key.epoch, key.seq));
        if let Some(entry) = entry.filter(|entry| entry.fate == Fate::Waiting) {
            entry.fate = fate;
            self.unsettled -= 1;
        }
    }

    pub(super) fn rewind(&mut self) {
        self.sent = 0;
        self.told = None;
        self.latest = None;
    }

    pub(super) fn sync(&mut self) -> io::Result<()> {
        if let (true, Some(file)) = (self.unsynced, &self.writer) {
            file.sync_data()?;
            self.unsynced = false;
        }
        Ok(())
    }

    pub(super) fn len(&self) -> u64 {
        self.unsettled
    }

    pub(super) fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.bytes).sum()
    }

    /// How many batches were dropped, and the latest run of them.
    pub(super) fn dropped(&self) -> (u64, Option<SeqRange>) {
        (self.dropped_batches, self.last_dropped)
    }

    /// The segment that is being written stays, so that a queue of any limit can take a batch.
    pub(super) fn can_drop(&self) -> bool {
        self.segments.len() > 1
    }

    pub(super) fn has_segments(&self) -> bool {
        !self.segments.is_empty()
    }

    /// Drops the oldest segment; returns how many batches went with it.
    pub(super) fn drop_oldest(&mut self, dir: &Path) -> io::Result<u64> {
        let Some(oldest) = self.segments.front().map(|segment| segment.number) else { return Ok(0) };
        segment::remove(dir, self.lane, oldest)?;
        self.segments.pop_front();
        if self.segments.is_empty() {
            self.writer = None;
            self.unsynced = false;
        }
        let mut dropped = 0;
        while self.entries.front().is_some_and(|entry| entry.segment == oldest) {
            let entry = self.entries.pop_front().expect("the loop saw an entry at the front");
            self.sent = self.sent.saturating_sub(1);
            if entry.fate != Fate::Waiting {
                continue;
            }
            dropped += 1;
            self.note_dropped(entry.seq);
        }
        self.dropped_batches += dropped;
        self.unsettled -= dropped;
        Ok(dropped)
    }

    fn note_dropped(&mut self, seq: Seq) {
        let first = self.last_dropped.filter(|range| range.last.0 + 1 == seq.0);
        let first = first.map_or(seq, |range| range.first);
        self.last_dropped = Some(SeqRange { first, last: seq });
    }

    /// Opens a segment to append to, a new one when the last is full.
    fn roll(&mut self, dir: &Path, options: Options) -> io::Result<()> {
        let full = self.segments.back().is_none_or(|segment| segment.bytes >= options.segment_bytes);
        if full {
            self.sync()?;
            let number = self.next_segment;
            self.next_segment += 1;
            let file = segment::create(dir, self.lane, number)?;
            if options.sync_each
                && let Err(error) = sync_dir(dir)
            {
                segment::remove(dir, self.lane, number)?;
                return Err(error);
            }
            self.writer = Some(file);
            self.segments.push_back(Segment { number, bytes: 0 });
        } else if let (None, Some(last)) = (&self.writer, self.segments.back()) {
            self.writer = Some(segment::reopen(dir, self.lane, last.number, last.bytes)?);
        }
        Ok(())
    }

    /// Forgets at the front what never leaves any more, and removes segments that hold nothing else.
    /// One that cannot be removed is tried again the next time.
    fn remove_settled(&mut self, dir: &Path) -> bool {
        while let Some(entry) = self.entries.front().filter(|entry| entry.fate != Fate::Waiting) {
            if entry.fate == Fate::Answered {
                self.expected = self.expected.max((entry.epoch, Seq(entry.seq.0 + 1)));
            }
            self.entries.pop_front();
            self.sent = self.sent.saturating_sub(1);
        }
        let mut removed = false;
        while self.segments.len() > 1 {
            let oldest = self.segments[0].number;
            if self.entries.front().is_some_and(|entry| entry.segment == oldest) {
                break;
            }
            if let Err(error) = segment::remove(dir, self.lane, oldest) {
                tracing::debug!(%error, lane = %self.lane, "a segment cannot be removed");
                break;
            }
            self.segments.pop_front();
            removed = true;
        }
        removed
    }

    /// What is missing between a batch and the one before it that left, or the last answered one.
    fn hole_before(&self, key: Key) -> Option<SeqRange> {
        let known = [self.told, Some(self.expected)].into_iter().flatten();
        let expected = known.filter(|(epoch, _)| *epoch == key.epoch).map(|(_, seq)| seq).max();
        let expected = expected.unwrap_or(Seq(0));
        (expected < key.seq).then(|| SeqRange { first: expected, last: Seq(key.seq.0 - 1) })
    }
}
