use std::io::{self, BufReader, Read};

use model::{Micros, Timestamp};
use proptest::prelude::*;

use crate::{
    CanFrame, Error, FrameKind, dbc,
    log::{LogFormat, LogReader, Pace, Replay},
    testdata,
};

fn frames(text: &str) -> Vec<Result<CanFrame, Error>> {
    LogReader::new(text.as_bytes()).collect()
}

fn frame(time: i64, channel: u8, id: &str, data: &[u8]) -> CanFrame {
    CanFrame::new(id.parse().unwrap(), data).unwrap().at(Timestamp(time)).on(channel)
}

#[test]
fn candump_lines_become_frames() {
    let log = "(1436509052.249713) vcan0 044#2A366C2BBA\n\
               (1436509052.5) vcan1 18DAF110#\r\n\
               \n\
               (0.000001) vcan0 7FF#R4\n\
               (2.0) vcan0 123##1000102030405060708090A0B R\n";
    let frames: Vec<_> = frames(log).into_iter().map(Result::unwrap).collect();
    assert_eq!(frames[0], frame(1_436_509_052_249_713, 0, "044", &[0x2a, 0x36, 0x6c, 0x2b, 0xba]));
    assert_eq!(frames[1], frame(1_436_509_052_500_000, 1, "18DAF110", &[]));
    assert_eq!((frames[2].time, frames[2].kind()), (Timestamp(1), FrameKind::Remote));
    assert_eq!(frames[3].kind(), FrameKind::Fd { fast: true });
    assert_eq!(frames[3].data(), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    assert_eq!(frames.len(), 4);
}

#[test]
fn reports_of_the_controller_are_no_frames() {
    assert!(frames("(1.0) can0 20000004#0004000000000000\n").is_empty());
}

#[test]
fn gvret_lines_become_frames_with_and_without_direction() {
    let old = "Time Stamp,ID,Extended,Bus,LEN,D1,D2,D3,D4,D5,D6,D7,D8\n\
               1953613500,00000109,false,0,3,00,01,FF\n\
               1953613800,18DAF110,true,2,8,00,80,66,00,00,C0,D0,00\n";
    let new = "Time Stamp,ID,Extended,Dir,Bus,LEN,D1,D2,D3,D4,D5,D6,D7,D8\n\
               1953613500,00000109,false,Rx,0,3,00,01,FF,\n\
               1953.6138,18DAF110,true,Tx,2,8,00,80,66,00,00,C0,D0,00,\n";
    let expected = [
        frame(1_953_613_500, 0, "109", &[0, 1, 0xff]),
        frame(1_953_613_800, 2, "18DAF110", &[0, 0x80, 0x66, 0, 0, 0xc0, 0xd0, 0]),
    ];
    for log in [old, new] {
        assert_eq!(frames(log).into_iter().map(Result::unwrap).collect::<Vec<_>>(), expected);
    }
}

#[test]
fn a_bad_line_is_named_and_the_next_is_read() {
    let check = |log: &str, line: u64, part: &str| {
        let all = frames(log);
        let (bad, good): (Vec<_>, Vec<_>) = all.into_iter().partition(Result::is_err);
        assert_eq!((bad.len(), good.len()), (1, 1), "{log}");
        let text = bad[0].as_ref().unwrap_err().to_string();
        assert!(text.starts_with(&format!("line {line} of the log: ")) && text.contains(part), "{text}");
    };
    let good = "(1.0) can0 123#00";
    for (bad, part) in [
        ("(1.0) can0 123#0", "pairs of hexadecimal digits"),
        ("(1.0) can0 123#000102030405060708", "at most 8 bytes"),
        ("(1.0) can0 FFF#00", "no CAN id"),
        ("(x) can0 123#00", "no time"),
        ("(99999999999999999999.0) can0 123#00", "no time"),
        ("(1.0) can0", "no frame"),
        ("(1.0) can0 123", "no `#`"),
        ("(1.0) can0 123##", "flags"),
        ("(1.0) can0 123##0010203040506070809", "CAN FD"),
        ("(1.0) can0 123#R9", "0 to 8 bytes"),
    ] {
        check(&format!("{good}\n{bad}\n"), 2, part);
    }
    let head = "Time Stamp,ID,Extended,Bus,LEN,D1,D2\n1,00000001,false,0,1,00\n";
    for (bad, part) in [
        ("1,00000800,false,0,1,00", "no 11-bit id"),
        ("1,20000000,true,0,1,00", "no 29-bit id"),
        ("1,00000001,maybe,0,1,00", "neither true nor false"),
        ("1,00000001,false,0,2,00", "D2"),
        ("1,00000001,false,0,1,0g", "D1"),
        ("1,00000001,false,300,1,00", "no bus"),
        ("1,00000001,false,0,65,00", "at most 64"),
        ("one,00000001,false,0,1,00", "no time stamp"),
        ("1,00000001", "no `Extended`"),
    ] {
        check(&format!("{head}{bad}\n"), 3, part);
    }
}

#[test]
fn a_tolerant_reader_counts_bad_lines() {
    let log = "(1.0) can0 123#00\nnoise\n(1.0) can0 123#zz\n(2.0) can0 123#01\n";
    let mut reader = LogReader::new(log.as_bytes()).tolerant();
    let times: Vec<_> = reader.by_ref().map(|frame| frame.unwrap().time.0).collect();
    assert_eq!(times, [1_000_000, 2_000_000]);
    assert_eq!(reader.bad_lines(), 2);
    assert_eq!(
        (reader.format(), reader.interfaces()),
        (Some(LogFormat::Candump), ["can0".to_owned()].as_slice())
    );
}

#[test]
fn an_endless_line_costs_no_memory() {
    let endless = io::repeat(b'x').take(50_000_000).chain(&b"\n(1.0) can0 123#00\n"[..]);
    let mut reader = LogReader::new(BufReader::new(endless)).tolerant();
    assert_eq!(reader.next().unwrap().unwrap().time, Timestamp(1_000_000));
    assert_eq!(reader.bad_lines(), 1);
    assert!(reader.line.capacity() < 100_000);
}

#[test]
fn a_broken_input_is_reported_once() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _buffer: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("unplugged"))
        }
    }
    let mut reader = LogReader::new(BufReader::new(Broken)).tolerant();
    let error = reader.next().unwrap().unwrap_err();
    assert_eq!(error.to_string(), "line 1 of the log: it cannot be read: unplugged");
    assert!(reader.next().is_none());
}

#[test]
fn every_frame_of_the_real_logs_is_read() {
    for (file, expected) in [
        ("comma2k19/rav4_2017_40.candump.log", 98_800),
        ("kona_ev/230112-7-2019-pcan-ccan-power-off-on-ready-off.csv", 39_546),
        ("kona_ev/250105-1-2020-comp-can-heating.csv", 27_982),
        ("kona_ev/221210-1-2021-dcan-car-scanner-elm327.csv", 1_845),
    ] {
        let Some(bytes) = testdata::read(file) else { return };
        let count = LogReader::new(bytes.as_slice()).map(Result::unwrap).count();
        assert_eq!(count, expected, "{file}");
    }
}

#[test]
fn replay_keeps_the_distances_of_the_log() {
    let start = Timestamp(1_000_000);
    let mut replay = Replay::new(Pace::Real, start);
    assert_eq!(replay.time_of(Timestamp(500)), start);
    let time = replay.time_of(Timestamp(2_500));
    assert_eq!(time, Timestamp(1_002_000));
    assert_eq!(replay.wait(time, start), Micros(2_000));
    assert_eq!(replay.wait(time, Timestamp(1_001_500)), Micros(500));
    assert_eq!(replay.wait(time, Timestamp(1_009_000)), Micros::ZERO);
    assert_eq!(replay.wait(replay.clone().time_of(Timestamp(0)), start), Micros::ZERO);
    let full = Replay::new(Pace::Full, start);
    assert_eq!(full.wait(Timestamp(9_000_000), start), Micros::ZERO);
}

/// An array of doubles as numpy saves it, read without its library.
fn npy(bytes: &[u8]) -> Vec<f64> {
    assert_eq!(bytes.get(..6), Some(b"\x93NUMPY".as_slice()));
    let header = usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    let head = std::str::from_utf8(&bytes[10..10 + header]).unwrap();
    assert!(head.contains("'descr': '<f8'") && head.contains("'fortran_order': False"), "{head}");
    let (numbers, rest) = bytes[10 + header..].as_chunks();
    assert!(rest.is_empty());
    numbers.iter().map(|number| f64::from_le_bytes(*number)).collect()
}

/// `(seconds, value)` of one message of the RAV4 log, where `value` combines its signals.
fn rav4(message: &str, value: impl Fn(&dyn Fn(&str) -> f64) -> f64) -> Option<Vec<(f64, f64)>> {
    let log = testdata::read("comma2k19/rav4_2017_40.candump.log")?;
    let database = dbc::read(&testdata::read("dbc/toyota_new_mc_pt_generated.dbc")?).unwrap().database;
    let message = database.message_named(message)?;
    let frames = LogReader::new(log.as_slice()).map(Result::unwrap);
    let of_message = frames.filter(|frame| frame.channel == 0 && frame.id() == message.id());
    let sample = |frame: CanFrame| {
        let signal = |name: &str| {
            let (index, _) = message.signal(name).unwrap();
            message.decode_signal(index, frame.data()).unwrap().value
        };
        (frame.time.0 as f64 / 1e6, value(&signal))
    };
    Some(of_message.map(sample).collect())
}

/// The greatest and the mean distance between the reference and the samples nearest in time.
fn errors(samples: &[(f64, f64)], folder: &str, column: usize, columns: usize) -> Option<(f64, f64)> {
    let times = npy(&testdata::read(&format!("comma2k19/{folder}/t"))?);
    let values = npy(&testdata::read(&format!("comma2k19/{folder}/value"))?);
    assert_eq!(times.len() * columns, values.len());
    let distance = |(time, row): (&f64, &[f64])| {
        let after = samples.partition_point(|(at, _)| at < time);
        let near = samples[after.saturating_sub(1)..(after + 1).min(samples.len())].iter();
        let (_, value) = near.min_by(|a, b| (a.0 - time).abs().total_cmp(&(b.0 - time).abs())).unwrap();
        (value - row[column]).abs()
    };
    let all: Vec<_> = times.iter().zip(values.chunks_exact(columns)).map(distance).collect();
    Some((all.iter().copied().fold(0.0, f64::max), all.iter().sum::<f64>() / all.len() as f64))
}

#[test]
fn the_steering_angle_of_the_rav4_is_that_of_the_reference() {
    let angle = |signal: &dyn Fn(&str) -> f64| signal("STEER_ANGLE") + signal("STEER_FRACTION");
    let Some(samples) = rav4("STEER_ANGLE_SENSOR", angle) else { return };
    let (worst, _) = errors(&samples, "steering_angle", 0, 1).unwrap();
    assert!(worst < 1e-9, "{worst} degrees");
}

#[test]
fn the_wheel_speeds_of_the_rav4_are_those_of_the_reference() {
    for (column, wheel) in ["FL", "FR", "RL", "RR"].into_iter().enumerate() {
        let speed = |signal: &dyn Fn(&str) -> f64| signal(&format!("WHEEL_SPEED_{wheel}")) / 3.6;
        let Some(samples) = rav4("WHEEL_SPEEDS", speed) else { return };
        let (worst, _) = errors(&samples, "wheel_speed", column, 4).unwrap();
        assert!(worst < 1e-9, "{wheel}: {worst} m/s");
    }
}

/// The reference speed is the mean of the four wheels (frame 0AA). Frame 0B4 carries what the
/// speedometer shows, which reads high by design (UN R39 allows no reading below the true speed).
#[test]
fn the_reference_speed_of_the_rav4_is_the_mean_of_its_wheels() {
    let mean = |signal: &dyn Fn(&str) -> f64| {
        let wheels = ["FL", "FR", "RL", "RR"].map(|wheel| signal(&format!("WHEEL_SPEED_{wheel}")));
        wheels.iter().sum::<f64>() / 4.0 / 3.6
    };
    let Some(wheels) = rav4("WHEEL_SPEEDS", mean) else { return };
    let (worst, _) = errors(&wheels, "speed", 0, 1).unwrap();
    assert!(worst < 1e-9, "{worst} m/s");

    let shown = rav4("SPEED", |signal| signal("SPEED") / 3.6).unwrap();
    let (_, mean) = errors(&shown, "speed", 0, 1).unwrap();
    assert!((0.3..0.4).contains(&mean), "{mean} m/s");
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_counted(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let lines = bytes.iter().filter(|byte| **byte == b'\n').count() + 1;
        for head in ["", "(1.0) can0 123#00\n", "Time Stamp,ID,Extended,Bus,LEN,D1\n"] {
            let log = [head.as_bytes(), &bytes].concat();
            let results = LogReader::new(log.as_slice()).count();
            prop_assert!(results <= lines + 1);
        }
    }
}
