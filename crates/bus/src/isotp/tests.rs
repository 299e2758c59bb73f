use model::{Micros, Timestamp};
use proptest::prelude::*;

use super::{Config, Received, Receiver, Sender};
use crate::Error;

const NOW: Timestamp = Timestamp(1_000_000);

fn hex(text: &str) -> Vec<u8> {
    text.split_whitespace().map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect()
}

fn receive(config: Config, frames: &[&str]) -> Vec<Result<Received, Error>> {
    let mut receiver = Receiver::new(config).unwrap();
    frames.iter().map(|frame| receiver.handle_frame(NOW, &hex(frame))).collect()
}

fn reply(result: &Result<Received, Error>) -> Vec<u8> {
    match result {
        Ok(Received::Reply(pdu) | Received::Refused { reply: pdu, .. }) => pdu.to_vec(),
        other => panic!("{other:?}"),
    }
}

/// Lets a sender and a receiver talk until one of them ends; gives the frames sent and the message.
fn talk(config: Config, message: &[u8]) -> (Vec<Vec<u8>>, Vec<u8>) {
    let mut sender = Sender::new(config, message.to_vec()).unwrap();
    let mut receiver = Receiver::new(config).unwrap();
    let mut now = NOW;
    let mut frames = Vec::new();
    loop {
        let Some(pdu) = sender.poll(now).unwrap() else {
            now = sender.next_deadline(now).unwrap();
            continue;
        };
        frames.push(pdu.to_vec());
        match receiver.handle_frame(now, &pdu).unwrap() {
            Received::Pending => {}
            Received::Reply(reply) => sender.handle_frame(now, &reply).unwrap(),
            Received::Message(message) => {
                assert!(sender.is_done() && receiver.next_deadline().is_none());
                return (frames, message);
            }
            Received::Refused { .. } => panic!("refused"),
        }
    }
}

#[test]
fn a_short_message_is_one_frame() {
    let results = receive(Config::default(), &["03 41 0D 63 AA AA AA AA"]);
    assert_eq!(results, [Ok(Received::Message(hex("41 0D 63")))]);
    let (frames, _) = talk(Config::default(), &hex("01 0D"));
    assert_eq!(frames, [hex("02 01 0D 00 00 00 00 00")]);
}

/// A VIN as an ECU sends it (service 09), with made-up characters.
#[test]
fn a_long_message_is_put_together() {
    let results = receive(
        Config::default(),
        &["10 14 49 02 01 31 32 33", "21 34 35 36 37 38 39 41", "22 42 43 44 45 46 47 48"],
    );
    assert_eq!(reply(&results[0]), hex("30 00 00 00 00 00 00 00"));
    assert_eq!(results[1], Ok(Received::Pending));
    let expected = [hex("49 02 01"), b"123456789ABCDEFGH".to_vec()].concat();
    assert_eq!(results[2], Ok(Received::Message(expected)));
}

#[test]
fn blocks_wait_for_flow_control() {
    let config = Config { block_size: 2, padding: None, ..Config::default() };
    let mut sender = Sender::new(config, (0..30).collect()).unwrap();
    assert_eq!(sender.poll(NOW).unwrap().unwrap().to_vec(), hex("10 1E 00 01 02 03 04 05"));
    assert_eq!(sender.poll(NOW), Ok(None));
    sender.handle_frame(NOW, &hex("30 02 00")).unwrap();
    assert_eq!(sender.poll(NOW).unwrap().unwrap()[0], 0x21);
    assert_eq!(sender.poll(NOW).unwrap().unwrap()[0], 0x22);
    assert_eq!(sender.poll(NOW), Ok(None));
    sender.handle_frame(NOW, &hex("30 00 00")).unwrap();
    assert_eq!(sender.poll(NOW).unwrap().unwrap()[0], 0x23);
    assert_eq!(sender.poll(NOW).unwrap().unwrap().to_vec(), hex("24 1B 1C 1D"));
    assert!(sender.is_done());
}

#[test]
fn a_sender_keeps_the_separation_that_it_is_asked_for() {
    let check = |byte: u8, micros: i64| {
        let mut sender = Sender::new(Config::default(), vec![0; 20]).unwrap();
        sender.poll(NOW).unwrap();
        sender.handle_frame(NOW, &[0x30, 0, byte]).unwrap();
        assert!(sender.poll(NOW).unwrap().is_some());
        assert_eq!(sender.next_deadline(NOW), Some(NOW + Micros(micros)));
        assert_eq!(sender.poll(NOW + Micros(micros - 1)), Ok(None));
        assert!(sender.poll(NOW + Micros(micros)).unwrap().is_some());
    };
    check(20, 20_000);
    check(0xf3, 300);
    check(0xff, 127_000);
    let config = Config { separation: Micros(950), ..Config::default() };
    assert_eq!(reply(&receive(config, &["10 14 49 02 01 31 32 33"])[0])[2], 1);
    let config = Config { separation: Micros(250), ..Config::default() };
    assert_eq!(reply(&receive(config, &["10 14 49 02 01 31 32 33"])[0])[2], 0xf3);
}

#[test]
fn a_lost_frame_ends_the_message_and_the_next_one_begins() {
    let results = receive(
        Config::default(),
        &["10 14 49 02 01 31 32 33", "22 34 35 36 37 38 39 41", "21 00", "02 01 0D"],
    );
    assert_eq!(results[1], Err(Error::IsoTpSequence { expected: 1, got: 2 }));
    assert_eq!(results[2], Ok(Received::Pending));
    assert_eq!(results[3], Ok(Received::Message(hex("01 0D"))));
}

#[test]
fn a_silent_peer_runs_out_of_time() {
    let config = Config::default();
    let mut receiver = Receiver::new(config).unwrap();
    receiver.handle_frame(NOW, &hex("10 14 49 02 01 31 32 33")).unwrap();
    let deadline = receiver.next_deadline().unwrap();
    assert_eq!(deadline, NOW + Micros::SECOND);
    assert_eq!(receiver.handle_timeout(deadline - Micros(1)), Ok(()));
    assert_eq!(receiver.handle_timeout(deadline), Err(Error::IsoTpTimeout { waited: Micros::SECOND }));
    assert_eq!(receiver.next_deadline(), None);

    let mut sender = Sender::new(config, vec![0; 20]).unwrap();
    sender.poll(NOW).unwrap();
    assert_eq!(sender.poll(deadline), Err(Error::IsoTpTimeout { waited: Micros::SECOND }));
    assert!(sender.is_done());
}

#[test]
fn a_peer_may_ask_to_wait_but_not_for_ever() {
    let mut sender = Sender::new(Config { waits_max: 2, ..Config::default() }, vec![0; 20]).unwrap();
    sender.poll(NOW).unwrap();
    let later = NOW + Micros::from_millis(900);
    sender.handle_frame(later, &hex("31 00 00")).unwrap();
    assert_eq!(sender.next_deadline(later), Some(later + Micros::SECOND));
    sender.handle_frame(later, &hex("31 00 00")).unwrap();
    assert_eq!(sender.handle_frame(later, &hex("31 00 00")), Err(Error::IsoTpRefused { len: 20 }));
}

#[test]
fn a_message_over_the_limit_is_refused_with_an_answer() {
    let config = Config { message_bytes_max: 100, ..Config::default() };
    let results = receive(config, &["10 65 00 00 00 00 00 00", "10 00 FF FF FF FF 00 00"]);
    assert!(matches!(results[0], Ok(Received::Refused { len: 101, .. })));
    assert_eq!(reply(&results[0])[0], 0x32);
    assert!(matches!(results[1], Ok(Received::Refused { len: u32::MAX, .. })));
    let mut sender = Sender::new(Config::default(), vec![0; 20]).unwrap();
    sender.poll(NOW).unwrap();
    assert_eq!(sender.handle_frame(NOW, &hex("32 00 00")), Err(Error::IsoTpRefused { len: 20 }));
    assert_eq!(Sender::new(config, vec![0; 101]).err(), Some(Error::IsoTpLength { len: 101, max: 100 }));
    assert!(Sender::new(config, vec![]).is_err());
}

#[test]
fn frames_that_make_no_sense_are_errors() {
    for frame in
        ["", "00", "08 01 02 03 04 05 06 07", "10", "10 05 01 02 03 04 05", "30", "33 00 00", "40 00"]
    {
        assert!(receive(Config::default(), &[frame])[0].is_err(), "{frame}");
    }
}

#[test]
fn extended_addressing_leaves_the_frames_of_others_alone() {
    let config = Config { address: Some(0xf1), ..Config::default() };
    let results = receive(config, &["F2 02 01 0D", "F1 02 01 0D"]);
    assert_eq!(results, [Ok(Received::Pending), Ok(Received::Message(hex("01 0D")))]);
    let (frames, message) = talk(config, &[7; 20]);
    assert_eq!(message, [7; 20]);
    assert!(frames.iter().all(|frame| frame[0] == 0xf1 && frame.len() == 8));
}

#[test]
fn can_fd_carries_more_in_a_frame() {
    let config = Config { frame_len: 64, ..Config::default() };
    let (frames, _) = talk(config, &[7; 62]);
    assert_eq!(frames.len(), 1);
    let (frames, _) = talk(config, &[7; 20]);
    assert_eq!((frames.len(), frames[0].len(), frames[0][1]), (1, 24, 20));
    let (frames, _) = talk(config, &[7; 200]);
    assert_eq!(frames.iter().map(Vec::len).collect::<Vec<_>>(), [64, 64, 64, 16]);
    let huge = Config { message_bytes_max: 10_000, ..config };
    let (frames, message) = talk(huge, &[7; 5_000]);
    assert_eq!((frames[0][..6].to_vec(), message.len()), (hex("10 00 00 00 13 88"), 5_000));
    assert!(Receiver::new(Config { frame_len: 9, ..Config::default() }).is_err());
}

proptest! {
    #[test]
    fn what_is_taken_apart_is_put_together(
        message in proptest::collection::vec(any::<u8>(), 1..400),
        frame_len in proptest::sample::select(vec![8, 12, 16, 20, 24, 32, 48, 64]),
        address in proptest::option::of(any::<u8>()),
        padding in proptest::option::of(any::<u8>()),
        block_size in 0..5_u8,
        separation in 0..3_000_i64,
    ) {
        let separation = Micros(separation);
        let config = Config { address, frame_len, padding, block_size, separation, ..Config::default() };
        let (frames, received) = talk(config, &message);
        prop_assert_eq!(received, message);
        prop_assert!(frames.iter().all(|frame| frame.len() <= frame_len.max(8)));
    }

    #[test]
    fn any_frames_are_taken_without_harm(
        frames in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..64), 0..40),
    ) {
        let mut receiver = Receiver::new(Config { message_bytes_max: 200, ..Config::default() }).unwrap();
        for frame in &frames {
            if let Ok(Received::Message(message)) = receiver.handle_frame(NOW, frame) {
                prop_assert!(message.len() <= 200);
            }
        }
    }
}
