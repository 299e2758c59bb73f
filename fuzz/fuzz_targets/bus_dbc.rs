//! A DBC file of any bytes is read or refused, and what was read decodes and encodes any payload.
#![no_main]

use bus::{NoSeal, dbc};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(read) = dbc::read(bytes) else { return };
    let payload = bytes.get(..64.min(bytes.len())).unwrap_or_default();
    for message in read.database.messages() {
        let mut values = Vec::new();
        message.decode(payload, |decoded| values.push((decoded.signal, decoded.value)));
        for (signal, value) in values {
            if let Ok(frame) = message.encode(&[(signal, value)], &mut NoSeal) {
                assert!(message.is_selected(signal, frame.data()));
            }
        }
    }
});
