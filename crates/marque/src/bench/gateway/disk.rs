//! How long the disk under the log takes to confirm a write.

use std::{
    fs::File,
    io::{Seek as _, SeekFrom, Write as _},
    path::Path,
};

use anyhow::Context as _;

use crate::clock;

const WRITES: usize = 300;
const WRITE_BYTES: usize = 4 * 1024;

/// Microseconds of a write of 4 KiB and its fdatasync, in a preallocated file.
#[derive(Debug, Clone, Copy)]
pub(in crate::bench) struct Sync {
    pub(in crate::bench) p50_us: f64,
    pub(in crate::bench) p99_us: f64,
}

pub(in crate::bench) fn measure(folder: &Path) -> anyhow::Result<Sync> {
    let path = folder.join("sync");
    let mut file = File::create(&path).context("create a file to measure the disk")?;
    let block = [7; WRITE_BYTES];
    for _ in 0..WRITES {
        file.write_all(&block)?;
    }
    file.sync_all()?;
    file.seek(SeekFrom::Start(0))?;
    let mut spans = Vec::with_capacity(WRITES);
    for _ in 0..WRITES {
        let start = clock::instant();
        file.write_all(&block)?;
        file.sync_data().context("wait for the disk")?;
        spans.push(start.elapsed().as_secs_f64() * 1e6);
    }
    std::fs::remove_file(&path)?;
    spans.sort_by(f64::total_cmp);
    let at = |part: usize| spans.get(WRITES * part / 100).copied().unwrap_or(f64::NAN);
    Ok(Sync { p50_us: at(50), p99_us: at(99) })
}
