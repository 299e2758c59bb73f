//! What is in a tile and in a bundle of entries.

use crate::{Error, Hash, LogPath, path::Width};

/// Bytes of one entry at most: its length stands in 16 bits (tlog-tiles, "Log entries").
pub const ENTRY_BYTES_MAX: usize = u16::MAX as usize;

/// Appends an entry behind its big-endian length.
pub(crate) fn push_entry(bundle: &mut Vec<u8>, entry: &[u8]) -> Result<(), Error> {
    let len = u16::try_from(entry.len()).map_err(|_| Error::EntryLength { bytes: entry.len() })?;
    bundle.extend_from_slice(&len.to_be_bytes());
    bundle.extend_from_slice(entry);
    Ok(())
}

/// The entries of a bundle, in order.
///
/// Refuses bytes that are cut short or go on after the last entry; then the error names `path`, which
/// says how many entries there should be.
pub fn entries_of(path: LogPath, bytes: &[u8]) -> Result<Vec<&[u8]>, Error> {
    let LogPath::Entries { width, .. } = path else { return Err(Error::Malformed { path }) };
    let (entries, rest) = split_entries(bytes, width);
    let whole = entries.len() == usize::from(width.get()) && rest.is_empty();
    if whole { Ok(entries) } else { Err(Error::Malformed { path }) }
}

/// As many whole entries as there are, up to `width`, and what is left of the bytes.
pub(crate) fn split_entries(bytes: &[u8], width: Width) -> (Vec<&[u8]>, &[u8]) {
    let mut entries = Vec::with_capacity(usize::from(width.get()));
    let mut rest = bytes;
    while entries.len() < usize::from(width.get()) {
        let Some((len, after)) = rest.split_first_chunk() else { break };
        let Some((entry, after)) = after.split_at_checked(usize::from(u16::from_be_bytes(*len))) else {
            break;
        };
        entries.push(entry);
        rest = after;
    }
    (entries, rest)
}

pub(crate) fn tile_bytes(hashes: &[Hash]) -> Vec<u8> {
    hashes.iter().flat_map(Hash::as_bytes).copied().collect()
}

/// The hashes of a tile; nothing when there are not exactly `width` of them.
pub(crate) fn tile_hashes(bytes: &[u8], width: Width) -> Option<Vec<Hash>> {
    let (hashes, rest) = bytes.as_chunks::<{ Hash::BYTES }>();
    let whole = rest.is_empty() && hashes.len() == usize::from(width.get());
    whole.then(|| hashes.iter().copied().map(Hash::from_bytes).collect())
}

#[cfg(test)]
mod tests;
