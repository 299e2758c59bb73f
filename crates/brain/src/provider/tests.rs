use std::net::{Ipv4Addr, UdpSocket};

use bus::{
    log::Pace,
    profile::{BusMessage, Transport},
};
use model::Micros;

use super::*;

const LOG: &str =
    "(100.000000) can0 0B4#0000000000000A46\nnot a frame\n(100.500000) can0 025#0102030405060708\n";
const START: Timestamp = Timestamp(1_000_000_000);

fn at_start() -> Timestamp {
    START
}

#[tokio::test]
async fn a_recording_is_played_from_its_start_time_on() {
    let mut replay = ReplayProvider::new(LOG.as_bytes(), Pace::Full, START, at_start);
    assert!(!replay.is_live());
    let times = [replay.next().await.unwrap().time, replay.next().await.unwrap().time];
    assert_eq!(times, [START, START + Micros::from_millis(500)]);
    assert_eq!(replay.next().await, None);
    assert_eq!((replay.frames(), replay.bad_lines()), (2, 1));
}

#[tokio::test]
async fn a_line_from_the_end_of_time_is_no_frame() {
    let log = "(100.0) can0 123#00\n(9223372036854.0) can0 123#00\n(101.0) can0 123#00\n";
    let mut replay = ReplayProvider::new(log.as_bytes(), Pace::Full, START, at_start);
    let times = [replay.next().await.unwrap().time, replay.next().await.unwrap().time];
    assert_eq!(times, [START, START + Micros::SECOND]);
    assert_eq!(replay.bad_lines(), 1);
}

#[tokio::test]
async fn each_service_is_answered_where_it_spoke_from() {
    let local = (Ipv4Addr::LOCALHOST, 0).into();
    let mut provider = UdpProvider::bind(local, Transport::Zonal, at_start).unwrap();
    let datagram = |service: u8| {
        let mut bytes = b"MZ\x01\x00".to_vec();
        bytes.extend([service, 0, 0, 0]);
        bytes.extend([0; 10]);
        bytes
    };
    let mut target = datagram(1);
    assert!(!provider.send(BusMessage::Datagram(target.clone())), "nobody has spoken yet");
    let peers = [1, 2].map(|service| {
        let peer = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        peer.send_to(&datagram(service), provider.local_address().unwrap()).unwrap();
        peer
    });
    provider.next().await.unwrap();
    provider.next().await.unwrap();
    target[3] = 1;
    assert!(provider.send(BusMessage::Datagram(target.clone())));
    let mut got = [0; 100];
    let length = peers[0].recv(&mut got).unwrap();
    assert_eq!(got[..length], target);
}

#[tokio::test]
async fn who_is_not_on_the_list_is_not_heard() {
    let local = (Ipv4Addr::LOCALHOST, 0).into();
    let provider = UdpProvider::bind(local, Transport::Can, at_start).unwrap();
    let mut provider = provider.hearing_only(vec![Ipv4Addr::new(127, 0, 0, 2).into()]);
    let stranger = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let known = UdpSocket::bind((Ipv4Addr::new(127, 0, 0, 2), 0)).unwrap();
    stranger.send_to(b"(1.0) can0 0B4#00\n", provider.local_address().unwrap()).unwrap();
    known.send_to(b"(1.0) can0 025#00\n", provider.local_address().unwrap()).unwrap();
    let What::Bus(BusMessage::Can(frame)) = provider.next().await.unwrap().what else { panic!("no frame") };
    assert_eq!(frame.id().bits(), 0x25);
}

#[tokio::test]
async fn a_recording_at_real_speed_waits_for_its_frames() {
    let mut replay = ReplayProvider::new(LOG.as_bytes(), Pace::Real, START, at_start);
    assert!(replay.try_next().is_some());
    assert!(replay.try_next().is_none(), "the second frame is due half a second later");
}

#[tokio::test]
async fn can_frames_come_as_text_over_udp() {
    let local = (Ipv4Addr::LOCALHOST, 0).into();
    let mut provider = UdpProvider::bind(local, Transport::Can, at_start).unwrap();
    let peer = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    peer.send_to(LOG.as_bytes(), provider.local_address().unwrap()).unwrap();
    let first = provider.next().await.unwrap();
    let second = provider.try_next().unwrap();
    assert_eq!((first.time, second.time), (START, START));
    let What::Bus(BusMessage::Can(frame)) = first.what else { panic!("not a frame: {first:?}") };
    assert_eq!(frame.id().bits(), 0xb4);

    assert!(provider.send(BusMessage::Can(frame)));
    let mut answer = [0; 100];
    let length = peer.recv(&mut answer).unwrap();
    assert_eq!(&answer[..length], b"(1000.000000) can0 0B4#0000000000000A46\n");
}

#[tokio::test]
async fn buses_keep_their_numbers_whichever_comes_first_in_a_datagram() {
    let local = (Ipv4Addr::LOCALHOST, 0).into();
    let mut provider = UdpProvider::bind(local, Transport::Can, at_start).unwrap();
    let peer = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    peer.send_to(b"(1.0) can1 0B4#00\n(1.0) can0 0B4#00\n", provider.local_address().unwrap()).unwrap();
    let channels =
        [provider.next().await.unwrap(), provider.next().await.unwrap()].map(|input| match input.what {
            What::Bus(BusMessage::Can(frame)) => frame.channel,
            What::Bus(BusMessage::Datagram(_)) | What::Samples(_) => panic!("not a frame"),
        });
    assert_eq!(channels, [1, 0]);
}

#[tokio::test]
async fn a_closed_channel_ends_its_provider() {
    let (sender, mut provider) = channel(1);
    let input = Input { time: START, what: What::Samples(Vec::new()) };
    sender.inputs.send(input.clone()).await.unwrap();
    drop(sender);
    assert_eq!(provider.next().await, Some(input));
    assert_eq!(provider.next().await, None);
}
