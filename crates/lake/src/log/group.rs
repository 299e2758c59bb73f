//! A group of batches, kept encoded from the socket to the reader: one copy in, none after.

use bytes::Bytes;
use model::{Brand, Lane, ShardId, SubjectId, Timestamp};

/// What a group may hold. Large enough that a slow disk's syncs carry megabytes, small enough that
/// a group is no pause for the next.
pub const GROUP_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Subject (16), received (8), payload length (4), brand, lane, two bytes that are zero.
const ENTRY_HEADER_BYTES: usize = 32;

/// A batch of one car as the log keeps it. The payload is the whole batch, undecoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub subject: SubjectId,
    pub brand: Brand,
    /// When the gateway read it.
    pub received: Timestamp,
    pub lane: Lane,
    pub payload: Bytes,
}

/// Batches of many cars of one shard: a record of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    shard: ShardId,
    len: u32,
    body: Bytes,
    crc: u32,
}

impl Group {
    pub fn shard(&self) -> ShardId {
        self.shard
    }

    /// How many entries it holds; at least one.
    pub fn len(&self) -> u32 {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Its bytes on disk but for the record's header.
    pub fn bytes(&self) -> usize {
        self.body.len()
    }

    /// The entries in the order of their arrival; payloads share the group's memory.
    pub fn entries(&self) -> GroupEntries {
        GroupEntries { rest: self.body.clone() }
    }

    /// Takes a body that was read back; `None` when it is not whole.
    pub fn from_body(shard: ShardId, body: Bytes, crc: u32) -> Option<Self> {
        if crc32c::crc32c(&body) != crc {
            return None;
        }
        let mut entries = GroupEntries { rest: body.clone() };
        let mut len = 0_u32;
        while entries.next().is_some() {
            len += 1;
        }
        entries.rest.is_empty().then_some(Self { shard, len, body, crc })
    }

    pub fn body(&self) -> &Bytes {
        &self.body
    }

    pub(super) fn body_bytes(&self) -> u32 {
        u32::try_from(self.body.len()).expect("a group is at most GROUP_BYTES_MAX")
    }

    /// CRC32C of the body, computed where the group was filled.
    pub fn crc(&self) -> u32 {
        self.crc
    }
}

/// Iterates over a group's entries; see [`Group::entries`].
#[derive(Debug, Clone)]
pub struct GroupEntries {
    rest: Bytes,
}

impl Iterator for GroupEntries {
    type Item = Entry;

    fn next(&mut self) -> Option<Entry> {
        let (header, _) = self.rest.split_first_chunk::<ENTRY_HEADER_BYTES>()?;
        let (subject, tail) = header.split_first_chunk::<16>()?;
        let (received, tail) = tail.split_first_chunk::<8>()?;
        let (length, tail) = tail.split_first_chunk::<4>()?;
        let &[brand, lane, 0, 0] = tail else { return None };
        let subject = SubjectId::from_bytes(*subject);
        let received = Timestamp(i64::from_le_bytes(*received));
        let end = ENTRY_HEADER_BYTES + usize::try_from(u32::from_le_bytes(*length)).ok()?;
        let brand = Brand::from_code(brand)?;
        let lane = Lane::ALL.into_iter().find(|known| *known as u8 == lane)?;
        if end > self.rest.len() {
            return None;
        }
        let payload = self.rest.split_to(end).slice(ENTRY_HEADER_BYTES..);
        Some(Entry { subject, brand, received, lane, payload })
    }
}

/// Fills groups; a gateway worker keeps one per shard and takes the group at the end of its tick.
#[derive(Debug)]
pub struct GroupBuilder {
    shard: ShardId,
    len: u32,
    body: Vec<u8>,
}

impl GroupBuilder {
    pub fn new(shard: ShardId) -> Self {
        Self { shard, len: 0, body: Vec::new() }
    }

    /// Copies a batch in. `false` when it does not fit any more: take the group, then push again.
    /// A batch within the link's limits always fits an empty group.
    #[must_use]
    pub fn push(
        &mut self,
        subject: SubjectId,
        brand: Brand,
        received: Timestamp,
        lane: Lane,
        payload: &[u8],
    ) -> bool {
        let bytes = ENTRY_HEADER_BYTES + payload.len();
        let Ok(length) = u32::try_from(payload.len()) else { return false };
        if self.body.len() + bytes > GROUP_BYTES_MAX {
            return false;
        }
        self.body.reserve(bytes);
        self.body.extend_from_slice(subject.as_bytes());
        self.body.extend_from_slice(&received.0.to_le_bytes());
        self.body.extend_from_slice(&length.to_le_bytes());
        self.body.extend_from_slice(&[brand.code(), lane as u8, 0, 0]);
        self.body.extend_from_slice(payload);
        self.len += 1;
        true
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes collected so far.
    pub fn bytes(&self) -> usize {
        self.body.len()
    }

    /// The group, and the builder empty again; `None` when nothing was pushed.
    pub fn take(&mut self) -> Option<Group> {
        if self.len == 0 {
            return None;
        }
        let capacity = self.body.len().min(64 * 1024);
        let body = Bytes::from(std::mem::replace(&mut self.body, Vec::with_capacity(capacity)));
        let crc = crc32c::crc32c(&body);
        Some(Group { shard: self.shard, len: std::mem::take(&mut self.len), body, crc })
    }
}
