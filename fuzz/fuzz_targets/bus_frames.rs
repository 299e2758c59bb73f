//! A log of any bytes is read to its end: each line a frame, an error or nothing.
#![no_main]

use bus::log::LogReader;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let strict = LogReader::new(bytes).filter(Result::is_ok).count();
    let mut tolerant = LogReader::new(bytes).tolerant();
    assert_eq!(tolerant.by_ref().count(), strict);
    let lines = bytes.iter().filter(|byte| **byte == b'\n').count() + 1;
    assert!(strict as u64 + tolerant.bad_lines() <= lines as u64);
});
