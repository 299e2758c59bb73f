//! One lane of the queue: its segments, and what of them is in flight.

use std::{
    collections::VecDeque,
    fs::{self, File},
    io,
    path::Path,
};

use model::{Lane, QueueEpoch, Seq};
use wire::SeqRange;

use super::{
    Key, Options, Outgoing,
    segment::{self, Entry},
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
    /// How many of the entries, from the front, are in flight or settled.
    sent: usize,
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
    pub(super) fn open(dir: &Path, lane: Lane, expected: Option<(QueueEpoch, Seq)>) -> io::Result<Opened> {
        let mut damaged_records = 0;
        let mut segments = VecDeque::new();
        let mut entries: VecDeque<Entry> = VecDeque::new();
        let mut next_segment = 0;
        for number in segment::list(dir, lane)? {
            next_segment = number + 1;
            let scan = segment::scan(dir, lane, number)?;
            damaged_records += u64::from(scan.damaged);
            if scan.entries.is_empty() {
                fs::remove_file(segment::path(dir, lane, number))?;
                continue;
            }
            segments.push_back(Segment { number, bytes: scan.bytes });
            entries.extend(scan.entries);
        }
        // What the state says was settled in this lane need not be sent again.
        if let Some((epoch, seq)) = expected {
            for entry in &mut entries {
                entry.settled = (entry.epoch, entry.seq) < (epoch, seq);
            }
        }
        let first = entries.front().map(|entry| (entry.epoch, entry.seq));
        let expected = expected.or(first).unwrap_or((QueueEpoch(0), Seq(0)));
        let after_last = entries.back().map(|last| (last.epoch, Seq(last.seq.0 + 1)));
        let (_, next_seq) = after_last.map_or(expected, |after_last| after_last.max(expected));
        let unsettled = entries.iter().filter(|entry| !entry.settled).count() as u64;
        let mut lane = Self {
            lane,
            segments,
            writer: None,
            entries,
            unsettled,
            sent: 0,
            next_seq,
            next_segment,
            expected,
            unsynced: false,
            dropped_batches: 0,
            last_dropped: None,
        };
        lane.remove_settled(dir)?;
        Ok(Opened { lane, damaged_records })
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
        let entry = segment::append(file, current.number, current.bytes, name, payload)?;
        current.bytes += segment::record_bytes(payload.len());
        self.entries.push_back(entry);
        self.unsettled += 1;
        self.next_seq = Seq(self.next_seq.0 + 1);
        self.unsynced = true;
        if options.sync_each { self.sync() } else { Ok(()) }
    }

    pub(super) fn has_outgoing(&self) -> bool {
        self.entries.len() > self.sent
    }

    pub(super) fn next_outgoing(&mut self, dir: &Path) -> io::Result<Option<Outgoing>> {
        while let Some(entry) = self.entries.get(self.sent) {
            if entry.settled {
                self.sent += 1;
                continue;
            }
            let payload = segment::read(dir, self.lane, entry)?;
            let key = Key { epoch: entry.epoch, lane: self.lane, seq: entry.seq };
            let dropped = self.hole_before(self.sent);
            self.sent += 1;
            return Ok(Some(Outgoing { key, payload, dropped }));
        }
        Ok(None)
    }

    /// Returns whether a segment was removed.
    pub(super) fn settle(&mut self, dir: &Path, key: Key) -> io::Result<bool> {
        let in_flight = self.entries.iter_mut().take(self.sent);
        for entry in in_flight {
            if (entry.epoch, entry.seq) == (key.epoch, key.seq) {
                self.unsettled -= u64::from(!entry.settled);
                entry.settled = true;
                break;
            }
        }
        self.remove_settled(dir)
    }

    pub(super) fn rewind(&mut self) {
        self.sent = 0;
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

    /// Drops the oldest segment; returns how many batches went with it.
    pub(super) fn drop_oldest(&mut self, dir: &Path) -> io::Result<u64> {
        let Some(oldest) = self.segments.pop_front() else { return Ok(0) };
        let mut dropped = 0;
        while self.entries.front().is_some_and(|entry| entry.segment == oldest.number) {
            let entry = self.entries.pop_front().expect("the loop saw an entry at the front");
            self.sent = self.sent.saturating_sub(1);
            if entry.settled {
                continue;
            }
            dropped += 1;
            let first = self.last_dropped.filter(|range| range.last.0 + 1 == entry.seq.0);
            let first = first.map_or(entry.seq, |range| range.first);
            self.last_dropped = Some(SeqRange { first, last: entry.seq });
        }
        self.dropped_batches += dropped;
        self.unsettled -= dropped;
        fs::remove_file(segment::path(dir, self.lane, oldest.number))?;
        Ok(dropped)
    }

    /// Opens a segment to append to, a new one when the last is full.
    fn roll(&mut self, dir: &Path, options: Options) -> io::Result<()> {
        let full = self.segments.back().is_none_or(|segment| segment.bytes >= options.segment_bytes);
        if full {
            self.sync()?;
            let number = self.next_segment;
            self.writer = Some(segment::writer(dir, self.lane, number, 0)?);
            self.next_segment += 1;
            self.segments.push_back(Segment { number, bytes: 0 });
        } else if let (None, Some(last)) = (&self.writer, self.segments.back()) {
            self.writer = Some(segment::writer(dir, self.lane, last.number, last.bytes)?);
        }
        Ok(())
    }

    /// Forgets settled entries at the front, and removes segments that hold nothing else.
    fn remove_settled(&mut self, dir: &Path) -> io::Result<bool> {
        while self.entries.front().is_some_and(|entry| entry.settled) {
            let entry = self.entries.pop_front().expect("the loop saw an entry at the front");
            self.sent = self.sent.saturating_sub(1);
            let after = (entry.epoch, Seq(entry.seq.0 + 1));
            self.expected = self.expected.max(after);
        }
        let mut removed = false;
        while self.segments.len() > 1 {
            let oldest = &self.segments[0];
            if self.entries.front().is_some_and(|entry| entry.segment == oldest.number) {
                break;
            }
            fs::remove_file(segment::path(dir, self.lane, oldest.number))?;
            self.segments.pop_front();
            removed = true;
        }
        Ok(removed)
    }

    /// What is missing between an entry and the one before it, or the last that was settled.
    fn hole_before(&self, index: usize) -> Option<SeqRange> {
        let entry = self.entries.get(index)?;
        let before = index.checked_sub(1).and_then(|index| self.entries.get(index));
        let expected = match before {
            Some(before) if before.epoch == entry.epoch => Seq(before.seq.0 + 1),
            Some(_) => Seq(0),
            None if self.expected.0 == entry.epoch => self.expected.1,
            None => Seq(0),
        };
        (expected < entry.seq).then(|| SeqRange { first: expected, last: Seq(entry.seq.0 - 1) })
    }
}
