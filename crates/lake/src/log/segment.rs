//! The bytes of a segment file.
//!
//! A segment is a header and records, then zeros. Each record's header carries the CRC of the
//! header before it, so that what an earlier life left behind the end is never taken for a record,
//! and how far the log was durable when it was written, so that damage to something that was
//! acknowledged is told from a tail that was torn before anybody was told of it.

use bytes::Bytes;
use model::ShardId;

use super::{GROUP_BYTES_MAX, Group, LogError, Offset, disk::DiskFile};

pub(super) const SEGMENT_HEADER_BYTES: u64 = HEADER_BYTES as u64;
const HEADER_BYTES: usize = 32;
pub(super) const RECORD_HEADER_BYTES: usize = 40;
/// A preallocated file that is not yet a segment.
pub(super) const SPARE_NAME: &str = "spare";

const MAGIC: &[u8; 8] = b"MARQLOG1";

/// The name sorts as the offset does.
pub(super) fn segment_name(first: Offset) -> String {
    format!("{:020}.log", first.0)
}

pub(super) fn parse_segment_name(name: &str) -> Option<Offset> {
    let digits = name.strip_suffix(".log")?;
    (digits.len() == 20).then(|| digits.parse().ok().map(Offset))?
}

/// Where a segment begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SegmentHeader {
    pub(super) first: Offset,
    /// The chain value that its first record carries.
    pub(super) chain: u32,
}

impl SegmentHeader {
    pub(super) fn encode(self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[..8].copy_from_slice(MAGIC);
        bytes[8..16].copy_from_slice(&self.first.0.to_le_bytes());
        bytes[16..20].copy_from_slice(&self.chain.to_le_bytes());
        let crc = crc32c::crc32c(&bytes[..28]);
        bytes[28..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    pub(super) fn decode(bytes: &[u8; HEADER_BYTES]) -> Option<Self> {
        let whole = bytes.starts_with(MAGIC) && crc32c::crc32c(&bytes[..28]) == u32_at(bytes, 28);
        whole.then(|| Self { first: Offset(u64_at(bytes, 8)), chain: u32_at(bytes, 16) })
    }
}

/// The header of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RecordHeader {
    pub(super) body_bytes: u32,
    pub(super) body_crc: u32,
    pub(super) offset: Offset,
    /// All offsets before it were durable when this record was written.
    pub(super) durable: Offset,
    pub(super) entries: u32,
    pub(super) shard: ShardId,
    pub(super) chain: u32,
}

impl RecordHeader {
    /// The bytes, and the chain value for the next record.
    pub(super) fn encode(self) -> ([u8; RECORD_HEADER_BYTES], u32) {
        let mut bytes = [0; RECORD_HEADER_BYTES];
        bytes[..4].copy_from_slice(&self.body_bytes.to_le_bytes());
        bytes[4..8].copy_from_slice(&self.body_crc.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.offset.0.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.durable.0.to_le_bytes());
        bytes[24..28].copy_from_slice(&self.entries.to_le_bytes());
        bytes[28] = self.shard.0;
        bytes[32..36].copy_from_slice(&self.chain.to_le_bytes());
        let crc = crc32c::crc32c(&bytes[..36]);
        bytes[36..].copy_from_slice(&crc.to_le_bytes());
        (bytes, crc)
    }

    /// The header and the chain value for the next record; `None` when the bytes are not a header.
    pub(super) fn decode(bytes: &[u8]) -> Option<(Self, u32)> {
        let bytes: &[u8; RECORD_HEADER_BYTES] = bytes.first_chunk()?;
        let header = Self {
            body_bytes: u32_at(bytes, 0),
            body_crc: u32_at(bytes, 4),
            offset: Offset(u64_at(bytes, 8)),
            durable: Offset(u64_at(bytes, 16)),
            entries: u32_at(bytes, 24),
            shard: ShardId(bytes[28]),
            chain: u32_at(bytes, 32),
        };
        // The cheap checks come first: the search for records behind damage tries every byte.
        let plausible = (1..=GROUP_BYTES_MAX).contains(&(header.body_bytes as usize))
            && header.entries > 0
            && bytes[29..32] == [0; 3]
            && header.durable <= header.offset;
        let crc = u32_at(bytes, 36);
        (plausible && crc32c::crc32c(&bytes[..36]) == crc).then_some((header, crc))
    }
}

/// Where the next record goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tail {
    pub(super) position: u64,
    pub(super) next: Offset,
    pub(super) chain: u32,
}

/// Walks the records of a segment's bytes.
#[derive(Debug)]
pub(super) struct Records {
    bytes: Bytes,
    tail: Tail,
}

impl Records {
    /// `None` when the segment's header is not whole.
    pub(super) fn of_segment(bytes: Bytes) -> Option<Self> {
        let header = SegmentHeader::decode(bytes.first_chunk()?)?;
        let tail = Tail { position: SEGMENT_HEADER_BYTES, next: header.first, chain: header.chain };
        Some(Self { bytes, tail })
    }

    /// Behind the last whole record.
    pub(super) fn tail(&self) -> Tail {
        self.tail
    }

    /// Whether a record behind the tail says that something at the tail was acknowledged.
    pub(super) fn acknowledged_behind_tail(&self) -> bool {
        let mut rest = &self.bytes[index(self.tail.position)..];
        while !rest.is_empty() {
            let lost = RecordHeader::decode(rest)
                .is_some_and(|(header, _)| header.offset > self.tail.next && header.durable > self.tail.next);
            if lost {
                return true;
            }
            // Most of what is searched is zeros, and no record begins with four of them.
            let step = rest.iter().take(1 << 12).take_while(|byte| **byte == 0).count();
            rest = &rest[step.saturating_sub(3).max(1)..];
        }
        false
    }
}

impl Iterator for Records {
    type Item = (Offset, Group);

    fn next(&mut self) -> Option<(Offset, Group)> {
        let begin = index(self.tail.position);
        let (header, chain) = RecordHeader::decode(self.bytes.get(begin..)?)?;
        if header.offset != self.tail.next || header.chain != self.tail.chain {
            return None;
        }
        let end = begin + RECORD_HEADER_BYTES + header.body_bytes as usize;
        let body = self.bytes.get(begin + RECORD_HEADER_BYTES..end)?;
        let group = Group::from_body(header.shard, self.bytes.slice_ref(body), header.body_crc)?;
        if group.len() != header.entries {
            return None;
        }
        let offset = self.tail.next;
        self.tail = Tail { position: end as u64, next: offset.next(), chain };
        Some((offset, group))
    }
}

/// All bytes of a segment file.
pub(super) fn read_segment(file: &dyn DiskFile, path: &str) -> Result<Bytes, LogError> {
    let failed = |error: std::io::Error| io_error("reading", path, &error);
    let mut bytes = vec![0; index(file.len().map_err(failed)?)];
    file.read_at(&mut bytes, 0).map_err(failed)?;
    Ok(bytes.into())
}

pub(super) fn io_error(operation: &'static str, path: &str, error: &std::io::Error) -> LogError {
    LogError::Io { operation, path: path.to_owned(), problem: error.to_string() }
}

/// A position as an index into bytes that are in memory.
fn index(position: u64) -> usize {
    usize::try_from(position).expect("a segment that was read fits the address space")
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes were taken"))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes were taken"))
}
