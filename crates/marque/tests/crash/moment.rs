//! When something is killed: moments drawn from a seed, so that a failure can be tried again.

use std::{fs, path::Path, time::Duration};

use crate::process::World;

/// SplitMix64.
#[derive(Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }
}

/// A moment of a process's life.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Moment {
    /// After so many more batches.
    Acknowledged(u64),
    /// So long after its start, whether it is ready or not.
    Start(Duration),
    /// So long after a flush wrote its first data file, which stands in no table yet.
    DataFile(Duration),
    /// So long after a flush wrote its snapshot.
    Snapshot(Duration),
    /// So long after a commit to a table.
    Commit(Duration),
}

impl Moment {
    /// The first ones are of different kinds, so that a short run has all of them.
    pub(crate) fn draw(random: &mut Random, number: u32) -> Self {
        let kind = if number < 5 { u64::from(number) } else { random.below(5) };
        let soon = Duration::from_micros(random.below(20_000));
        match kind {
            0 => Self::Acknowledged(100 + random.below(900)),
            1 => Self::DataFile(soon),
            2 => Self::Start(Duration::from_millis(random.below(1_500))),
            3 => Self::Snapshot(soon),
            _ => Self::Commit(soon),
        }
    }

    /// Brains are killed while they send, and while they start.
    pub(crate) fn draw_for_brains(random: &mut Random, number: u32) -> Self {
        if number > 0 && random.below(3) == 0 {
            Self::Start(Duration::from_millis(random.below(2_000)))
        } else {
            Self::Acknowledged(100 + random.below(900))
        }
    }

    /// Whether it may come before the process is ready.
    pub(crate) fn is_start(self) -> bool {
        matches!(self, Self::Start(_))
    }
}

impl World {
    /// Ends at the moment.
    pub(crate) async fn at(&self, moment: Moment) {
        let (what, folder, then) = match moment {
            Moment::Acknowledged(count) => return self.acknowledged(count).await,
            // The drawn time itself is waited for, not a condition that it stands for.
            Moment::Start(after) => return tokio::time::sleep(after).await,
            Moment::DataFile(then) => ("a data file is written", self.lake().join("telemetry"), then),
            Moment::Snapshot(then) => ("a snapshot is written", self.lake().join("owners"), then),
            Moment::Commit(then) => ("a commit is made", self.lake().join("telemetry/_delta_log"), then),
        };
        let before = newest(&folder);
        self.until(what, async || (newest(&folder) != before).then_some(())).await;
        tokio::time::sleep(then).await;
    }

    async fn acknowledged(&self, count: u64) {
        let before = self.until("the owner's count", async || self.owner_batches().await).await;
        self.until("so many more batches", async || {
            (self.owner_batches().await? >= before + count).then_some(())
        })
        .await;
    }
}

/// Tells one state of a folder from a later one: how many files it has, and the last of their names.
/// What Delta keeps beside data files counts only when it is asked for itself.
fn newest(folder: &Path) -> (usize, Option<std::ffi::OsString>) {
    let (mut files, mut last) = (0, None);
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        if entry.path().is_dir() {
            if name != "_delta_log" {
                files += newest(&entry.path()).0;
            }
            continue;
        }
        files += 1;
        last = last.max(Some(name));
    }
    (files, last)
}
