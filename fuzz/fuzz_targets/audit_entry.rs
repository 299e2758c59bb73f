//! Entries and bundles of any bytes are read or refused; what was read is spelled in no other way.
#![no_main]

use audit::{Event, LogPath, Width, entries_of};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(event) = Event::decode(bytes) {
        assert_eq!(event.encode(), bytes);
    }
    let Some((width, bundle)) = bytes.split_first() else { return };
    let Some(width) = Width::new(u16::from(*width)) else { return };
    let Ok(entries) = entries_of(LogPath::Entries { index: 0, width }, bundle) else { return };
    assert_eq!(entries.len(), usize::from(width.get()));
    assert_eq!(entries.iter().map(|entry| entry.len() + 2).sum::<usize>(), bundle.len());
});
