//! A segment file: records one after the other, each with its length and checksum.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
};

use bytes::Bytes;
use model::{Lane, QueueEpoch, Seq, limits::BATCH_BYTES_MAX};

/// Length, checksum, epoch, sequence.
const HEADER_BYTES: usize = 4 + 4 + 4 + 8;
/// The same, as files count.
const HEADER_BYTES_U32: u32 = 4 + 4 + 4 + 8;

/// Where a batch lies, and its name.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    pub(super) epoch: QueueEpoch,
    pub(super) seq: Seq,
    pub(super) segment: u64,
    offset: u32,
    length: u32,
    pub(super) fate: Fate,
}

/// What became of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is to be sent, or has been and waits for its answer.
    Waiting,
    /// The platform has answered.
    Answered,
    /// It never leaves; the next batch that does tells of the hole.
    Withdrawn,
}

/// What a segment held when it was opened.
#[derive(Debug)]
pub(super) struct Scan {
    pub(super) entries: Vec<Entry>,
    /// Bytes of whole records; what follows was torn off by a crash.
    pub(super) bytes: u64,
    pub(super) damaged: bool,
}

pub(super) fn path(dir: &Path, lane: Lane, segment: u64) -> PathBuf {
    dir.join(format!("{lane}-{segment:016x}"))
}

/// The segments of a lane in a folder, oldest first.
pub(super) fn list(dir: &Path, lane: Lane) -> io::Result<Vec<u64>> {
    let mut found = Vec::new();
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(found),
        entries => entries?,
    };
    for entry in entries {
        let name = entry?.file_name();
        let number = name.to_str().and_then(|name| name.strip_prefix(lane.slug())?.strip_prefix('-'));
        if let Some(number) = number.and_then(|text| u64::from_str_radix(text, 16).ok()) {
            found.push(number);
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// Reads all whole records; stops at the first that is not, or that the disk cannot read.
pub(super) fn scan(dir: &Path, lane: Lane, segment: u64) -> Scan {
    let mut content = Vec::new();
    let read = File::open(path(dir, lane, segment)).and_then(|mut file| file.read_to_end(&mut content));
    if let Err(error) = &read {
        tracing::warn!(%error, %lane, segment, "a segment of the queue cannot be read to its end");
    }
    let mut entries = Vec::new();
    let mut at = 0;
    while let Some((epoch, seq, length)) = record_at(&content, at) {
        let (Ok(offset), Ok(stored)) = (u32::try_from(at + HEADER_BYTES), u32::try_from(length)) else {
            break;
        };
        entries.push(Entry { epoch, seq, segment, offset, length: stored, fate: Fate::Waiting });
        at += HEADER_BYTES + length;
    }
    Scan { entries, bytes: at as u64, damaged: read.is_err() || at != content.len() }
}

/// Makes a segment. One of that number that is there already stays as it is, and is an error.
pub(super) fn create(dir: &Path, lane: Lane, segment: u64) -> io::Result<File> {
    OpenOptions::new().create_new(true).write(true).open(path(dir, lane, segment))
}

/// Opens a segment behind its whole records.
pub(super) fn reopen(dir: &Path, lane: Lane, segment: u64, bytes: u64) -> io::Result<File> {
    let mut file = OpenOptions::new().write(true).open(path(dir, lane, segment))?;
    file.set_len(bytes)?;
    file.seek(SeekFrom::Start(bytes))?;
    Ok(file)
}

pub(super) fn remove(dir: &Path, lane: Lane, segment: u64) -> io::Result<()> {
    match fs::remove_file(path(dir, lane, segment)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Appends a record at `offset`, in one write.
pub(super) fn append(
    file: &mut File,
    segment: u64,
    offset: u64,
    (epoch, seq): (QueueEpoch, Seq),
    payload: &[u8],
) -> io::Result<Entry> {
    let length = u32::try_from(payload.len()).map_err(|_| io::ErrorKind::FileTooLarge)?;
    let start = u32::try_from(offset).map_err(|_| io::ErrorKind::FileTooLarge)?;
    let mut record = Vec::with_capacity(HEADER_BYTES + payload.len());
    record.extend(length.to_le_bytes());
    record.extend([0; 4]);
    record.extend(epoch.0.to_le_bytes());
    record.extend(seq.0.to_le_bytes());
    record.extend(payload);
    let crc = crc32c::crc32c(&record[8..]);
    record[4..8].copy_from_slice(&crc.to_le_bytes());
    if let Err(error) = file.write_all(&record) {
        // A part of the record may be there; the next append must not follow it.
        file.set_len(offset)?;
        file.seek(SeekFrom::Start(offset))?;
        return Err(error);
    }
    Ok(Entry { epoch, seq, segment, offset: start + HEADER_BYTES_U32, length, fate: Fate::Waiting })
}

pub(super) fn read(dir: &Path, lane: Lane, entry: &Entry) -> io::Result<Bytes> {
    let mut file = File::open(path(dir, lane, entry.segment))?;
    file.seek(SeekFrom::Start(u64::from(entry.offset)))?;
    let length = usize::try_from(entry.length).map_err(|_| io::ErrorKind::FileTooLarge)?;
    let mut payload = vec![0; length];
    file.read_exact(&mut payload)?;
    Ok(payload.into())
}

/// The size of an entry's record in its file.
pub(super) fn record_bytes(payload: usize) -> u64 {
    (HEADER_BYTES + payload) as u64
}

fn record_at(content: &[u8], at: usize) -> Option<(QueueEpoch, Seq, usize)> {
    let header = content.get(at..at + HEADER_BYTES)?;
    let word = |from: usize| header.get(from..from + 4)?.try_into().ok().map(u32::from_le_bytes);
    let length = usize::try_from(word(0)?).ok().filter(|length| *length <= BATCH_BYTES_MAX)?;
    let covered = content.get(at + 8..at + HEADER_BYTES + length)?;
    let seq = u64::from_le_bytes(header.get(12..20)?.try_into().ok()?);
    (crc32c::crc32c(covered) == word(4)?).then_some((QueueEpoch(word(8)?), Seq(seq), length))
}
