//! A batch of any bytes has a header within the limits or is refused, and what was read is framed
//! again the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use model::limits;
use wire::{announce_dropped, parse_header};

fuzz_target!(|bytes: &[u8]| {
    // The checksum is mended, or nothing but damage would ever be tried.
    let mut batch = bytes.to_vec();
    batch.extend_from_slice(&crc32c::crc32c(&batch).to_le_bytes());
    let Ok((header, body)) = parse_header(&batch) else { return };
    assert!(header.samples <= limits::BATCH_SAMPLES_MAX);
    assert!(header.columns <= limits::BATCH_COLUMNS_MAX);
    assert!(header.raw_bytes as usize <= limits::BATCH_RAW_BYTES_MAX);
    let Ok(again) = announce_dropped(&batch, header.meta.dropped.clone()) else { return };
    let (same, same_body) = parse_header(&again).expect("it was framed here");
    assert_eq!((same, same_body.as_bytes()), (header, body.as_bytes()));
});
