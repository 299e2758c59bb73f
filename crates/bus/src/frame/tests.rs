use embedded_can::Frame as _;

use crate::{CanFrame, CanId, Error, FrameKind};

fn id(text: &str) -> CanId {
    text.parse().unwrap()
}

#[test]
fn an_id_is_written_as_candump_does() {
    for text in ["000", "7FF", "00000000", "00000123", "1FFFFFFF"] {
        assert_eq!(id(text).to_string(), text);
    }
    assert_eq!(id("7e8"), CanId::standard(0x7e8).unwrap());
    assert_ne!(id("123"), id("00000123"));
    for bad in ["", "800", "0123", "20000000", "+12", "xyz", "1FFFFFFFF"] {
        assert!(bad.parse::<CanId>().is_err(), "{bad}");
    }
}

#[test]
fn a_frame_has_a_length_that_the_bus_has() {
    let payload = [0; 80];
    for len in 0..payload.len() {
        let expected = matches!(len, 0..=8 | 12 | 16 | 20 | 24 | 32 | 48 | 64);
        let made = CanFrame::new(id("123"), &payload[..len]);
        assert_eq!(made.is_ok(), expected, "{len}");
        if !expected {
            assert_eq!(made.unwrap_err(), Error::FrameLength { len });
        }
    }
    assert!(CanFrame::fd(id("123"), &payload[..9], true).is_err());
}

#[test]
fn frames_speak_embedded_can() {
    fn check(id: impl Into<embedded_can::Id>, extended: bool) {
        let frame = <CanFrame as embedded_can::Frame>::new(id, &[1, 2, 3]).unwrap();
        assert_eq!(frame.is_extended(), extended);
        assert_eq!(embedded_can::Frame::data(&frame), [1, 2, 3]);
        assert_eq!(frame.dlc(), 3);
        let remote = CanFrame::new_remote(embedded_can::Frame::id(&frame), 5).unwrap();
        assert!(remote.is_remote_frame());
        assert_eq!((remote.dlc(), embedded_can::Frame::data(&remote)), (5, [].as_slice()));
    }
    check(embedded_can::StandardId::new(0x7df).unwrap(), false);
    check(embedded_can::ExtendedId::new(0x18da_f110).unwrap(), true);
    assert!(<CanFrame as embedded_can::Frame>::new(embedded_can::StandardId::ZERO, &[0; 9]).is_none());
    assert!(CanFrame::new_remote(embedded_can::StandardId::ZERO, 9).is_none());
}

#[test]
fn equal_frames_have_equal_payloads_only_as_far_as_they_reach() {
    let mut frame = CanFrame::new(id("100"), &[1, 2]).unwrap();
    assert_eq!(frame.kind(), FrameKind::Classic);
    let same = frame;
    frame.data_mut()[1] = 3;
    assert_ne!(frame, same);
    frame.data_mut()[1] = 2;
    assert_eq!(frame, same);
}
