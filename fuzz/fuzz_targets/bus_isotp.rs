//! Any frames are put together within the limit, and any message is an answer or an error.
#![no_main]

use bus::{
    isotp::{Config, Received, Receiver},
    obd, uds,
};
use libfuzzer_sys::fuzz_target;
use model::Timestamp;

fuzz_target!(|bytes: &[u8]| {
    let config = Config { message_bytes_max: 300, ..Config::default() };
    let mut receiver = Receiver::new(config).expect("frames of 8 bytes exist");
    let mut rest = bytes;
    // Each frame stands behind a byte that gives its length.
    while let Some((len, behind)) = rest.split_first() {
        let (frame, behind) = behind.split_at(behind.len().min(usize::from(*len) % 65));
        rest = behind;
        if let Ok(Received::Message(message)) = receiver.handle_frame(Timestamp(0), frame) {
            assert!(message.len() <= 300);
            answers(&message);
        }
    }
    answers(bytes);
});

/// Only whether they come back matters.
fn answers(message: &[u8]) {
    let _ =
        (uds::dtcs(message), uds::data_records(message, |_| Some(2)), uds::data_records(message, |_| None));
    let _ = (obd::current_data(message), obd::dtcs(message, obd::STORED_DTCS));
}
