//! What has been seen of each car: one high-water mark per lane tells duplicates and gaps.
//!
//! A car sends a lane in order, so a batch below the mark was seen, or is known to be missing.

use std::collections::HashMap;

use model::{Lane, QueueEpoch, Seq, SubjectId};
use wire::SeqRange;

/// What a batch's name says about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Seen before; it is acknowledged and dropped.
    Duplicate,
    New(Passed),
}

/// What lies between a new batch and the one before it. No batch is counted twice.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Passed {
    /// Batches that never came and were not announced.
    pub missing: u64,
    /// Batches that the car dropped and said so.
    pub dropped: u64,
}

/// What is known of one lane of one car.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    pub epoch: QueueEpoch,
    /// The next number of the epoch; everything before it is decided.
    pub next: Seq,
    /// Batches that never came and were not announced.
    pub missing: u64,
    /// Batches that the car dropped and said so.
    pub dropped: u64,
}

/// The marks of a shard's cars.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Watermarks {
    marks: HashMap<SubjectId, [Option<Mark>; 3]>,
}

impl Watermarks {
    /// Decides on a batch and moves the mark.
    ///
    /// The first batch ever seen of a lane opens no gap: what came before it went to another owner
    /// or another ownership interval.
    pub fn observe(
        &mut self,
        subject: SubjectId,
        lane: Lane,
        epoch: QueueEpoch,
        seq: Seq,
        dropped: &[SeqRange],
    ) -> Verdict {
        let slot = &mut self.marks.entry(subject).or_default()[lane.index()];
        let Some(mark) = slot else {
            let dropped = announced(dropped, Seq(0), seq);
            *slot = Some(Mark { epoch, next: after(seq), missing: 0, dropped });
            return Verdict::New(Passed { missing: 0, dropped });
        };
        if (epoch, seq) < (mark.epoch, mark.next) {
            return Verdict::Duplicate;
        }
        let expected = if epoch == mark.epoch { mark.next } else { Seq(0) };
        let dropped = announced(dropped, expected, seq);
        let missing = seq.0.saturating_sub(expected.0).saturating_sub(dropped);
        *mark = Mark {
            epoch,
            next: after(seq),
            missing: mark.missing.saturating_add(missing),
            dropped: mark.dropped.saturating_add(dropped),
        };
        Verdict::New(Passed { missing, dropped })
    }

    /// A subject's marks by lane.
    pub fn of(&self, subject: SubjectId) -> [Option<Mark>; 3] {
        self.marks.get(&subject).copied().unwrap_or_default()
    }

    /// All marks, by subject, for a snapshot.
    pub fn sorted(&self) -> Vec<(SubjectId, [Option<Mark>; 3])> {
        let mut marks: Vec<_> = self.marks.iter().map(|(subject, marks)| (*subject, *marks)).collect();
        marks.sort_unstable_by_key(|(subject, _)| *subject);
        marks
    }

    /// Takes a subject's marks from a snapshot.
    pub fn restore(&mut self, subject: SubjectId, marks: [Option<Mark>; 3]) {
        self.marks.insert(subject, marks);
    }
}

fn after(seq: Seq) -> Seq {
    Seq(seq.0.saturating_add(1))
}

/// How many numbers of `from..to` the car announced as dropped. Ranges may overlap what was decided
/// before, and are given in order.
fn announced(dropped: &[SeqRange], from: Seq, to: Seq) -> u64 {
    let mut counted_to = from.0;
    let mut sum = 0;
    for range in dropped {
        let first = range.first.0.max(counted_to);
        let end = range.last.0.saturating_add(1).min(to.0);
        if end > first {
            sum += end - first;
            counted_to = end;
        }
    }
    sum
}

#[cfg(test)]
mod tests;
