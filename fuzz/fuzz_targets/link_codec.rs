//! Any bytes are a packet, a violation, or the beginning of a packet; a packet is written as it means.
#![no_main]

use std::ops::ControlFlow;

use libfuzzer_sys::fuzz_target;
use link::{Frames, codec::decode};

const PACKET_BYTES_MAX: usize = 1 << 16;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(Some((packet, len))) = decode(bytes, PACKET_BYTES_MAX) {
        assert!(len <= bytes.len());
        let mut written = Vec::new();
        packet.encode(&mut written).expect("what was decoded can be encoded");
        let (again, _) = decode(&written, PACKET_BYTES_MAX * 2).expect("it is valid").expect("it is whole");
        assert_eq!(again, packet);
    }
    // In two pieces it is the same as in one.
    let (head, tail) = bytes.split_at(bytes.len() / 3);
    let count = |pieces: &[&[u8]]| {
        let (mut frames, mut count) = (Frames::new(), 0);
        for piece in pieces {
            let flow = frames.feed(piece, PACKET_BYTES_MAX, |_| {
                count += 1;
                ControlFlow::<()>::Continue(())
            });
            if flow.is_err() {
                break;
            }
        }
        count
    };
    assert_eq!(count(&[bytes]), count(&[head, tail]));
});
