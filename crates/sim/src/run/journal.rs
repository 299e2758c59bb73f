//! A file that tells what became of each batch, line by line, for who checks the platform's books
//! although the fleet may be killed at any moment.
//!
//! A line is `<vehicle> <epoch> <lane> <seq> <samples> <queued|stored|refused>`. It is written after
//! the event, in one write, so a crash leaves out the last event or cuts its line short of the last
//! word; it never tells of what was not.

use std::{
    fs::{File, OpenOptions},
    io::Write as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use brain::queue::Key;
use model::VehicleId;

use super::Error;

/// The open file; runs append to it one after the other.
#[derive(Debug)]
pub(super) struct Journal {
    file: File,
    path: PathBuf,
}

/// One car's way to write to it.
#[derive(Debug)]
pub(super) struct Page {
    vehicle: VehicleId,
    journal: Arc<Journal>,
}

impl Journal {
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        let failed = |source| Error::File { action: "write", path: path.to_owned(), source };
        let mut file = OpenOptions::new().create(true).append(true).open(path).map_err(failed)?;
        // The line that an earlier run did not finish must not become a part of the first of this.
        file.write_all(b"\n").map_err(failed)?;
        Ok(Self { file, path: path.to_owned() })
    }

    pub(super) fn page(self: Arc<Self>, vehicle: VehicleId) -> Page {
        Page { vehicle, journal: self }
    }
}

impl Page {
    pub(super) fn note(&self, key: Key, samples: u32, what: &str) {
        let Key { epoch, lane, seq } = key;
        let line = format!("{} {} {lane} {} {samples} {what}\n", self.vehicle, epoch.0, seq.0);
        // One write to a file opened for appending: lines of cars on other threads do not mix.
        if let Err(error) = (&self.journal.file).write_all(line.as_bytes()) {
            tracing::error!(%error, path = %self.journal.path.display(), "the journal misses a line");
        }
    }
}

#[cfg(test)]
mod tests;
