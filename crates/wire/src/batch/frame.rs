//! The frame around a batch: format, header, body, checksum.
//!
//! `[format = 1][varint header length][header][body][CRC-32C, little endian, over all before]`

use model::limits;
use prost::Message as _;

use super::header::{BatchHeader, SeqRange};
use crate::{Error, pb};

const FORMAT: u8 = 1;
const CHECKSUM_BYTES: usize = 4;
/// A header of the widest fields and all dropped ranges that may be announced.
const HEADER_BYTES_MAX: usize = 2_048;

/// A batch's body as it travelled; [`crate::decode_columns`] reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BodyRef<'a> {
    pub(super) bytes: &'a [u8],
}

impl<'a> BodyRef<'a> {
    /// A body that did not come with its frame, as in a log that keeps them apart.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    pub fn as_bytes(self) -> &'a [u8] {
        self.bytes
    }
}

/// Checks format, sizes, limits and checksum and reads the header. Nothing is decompressed, so that
/// a gateway can afford it for every batch.
pub fn parse_header(batch: &[u8]) -> Result<(BatchHeader, BodyRef<'_>), Error> {
    let (header, body) = split(batch)?;
    let header = pb::BatchHeader::decode(header)
        .map_err(|error| Error::Protobuf { message: "the batch header", problem: error.to_string() })?;
    Ok((BatchHeader::from_pb(&header, body.len())?, BodyRef { bytes: body }))
}

/// The same batch, announcing other dropped ranges: what a queue needs that drops older batches
/// after this one was encoded.
pub fn announce_dropped(batch: &[u8], dropped: Vec<SeqRange>) -> Result<Vec<u8>, Error> {
    let (mut header, body) = parse_header(batch)?;
    header.meta.dropped = dropped;
    assemble(&header, body.bytes)
}

/// The header's and the body's bytes of a whole and undamaged batch.
fn split(batch: &[u8]) -> Result<(&[u8], &[u8]), Error> {
    if batch.len() > limits::BATCH_BYTES_MAX {
        return Err(Error::TooLarge { bytes: batch.len() });
    }
    let (format, rest) = batch.split_first().ok_or(Error::Truncated)?;
    if *format != FORMAT {
        return Err(Error::Format { got: *format });
    }
    let (content, checksum) = rest.split_last_chunk::<CHECKSUM_BYTES>().ok_or(Error::Truncated)?;
    let mut content = content;
    let length = prost::encoding::decode_varint(&mut content).map_err(|_| Error::Truncated)?;
    let length = usize::try_from(length).map_err(|_| Error::Truncated)?;
    if length > HEADER_BYTES_MAX || length > content.len() {
        return Err(Error::Truncated);
    }
    let covered = batch.len() - CHECKSUM_BYTES;
    if crc32c::crc32c(&batch[..covered]) != u32::from_le_bytes(*checksum) {
        return Err(Error::Checksum);
    }
    Ok(content.split_at(length))
}

pub(super) fn assemble(header: &BatchHeader, body: &[u8]) -> Result<Vec<u8>, Error> {
    let header = header.to_pb();
    super::header::ranges_from("the batch header", &header.dropped)?;
    let length = header.encoded_len();
    let mut batch = Vec::with_capacity(length + body.len() + 8);
    batch.push(FORMAT);
    prost::encoding::encode_varint(length as u64, &mut batch);
    header.encode_raw(&mut batch);
    batch.extend_from_slice(body);
    batch.extend_from_slice(&crc32c::crc32c(&batch).to_le_bytes());
    if batch.len() > limits::BATCH_BYTES_MAX {
        return Err(Error::TooLarge { bytes: batch.len() });
    }
    Ok(batch)
}
