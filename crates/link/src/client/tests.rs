use std::{
    ops::ControlFlow,
    sync::Arc,
    time::{Duration, Instant},
};

use model::{Lane, Micros, Timestamp, VehicleId};
use rustls::pki_types::{PrivateKeyDer, ServerName};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream},
    net::TcpListener,
};
use tokio_rustls::TlsAcceptor;
use wire::topic::Topic;

use super::*;
use crate::{
    Error, Frames, Packet, ReasonCode,
    codec::{Ack, ConnAck, PacketId, Properties, Property, PropertyBuf},
    server, tls,
};

const CAR: VehicleId = VehicleId::from_bytes([0xab; 16]);
const NOW: Timestamp = Timestamp(1_767_225_600_000_000);

fn start() -> Instant {
    static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    #[expect(clippy::disallowed_methods, reason = "an Instant has no other origin; the tests only add to it")]
    *START.get_or_init(Instant::now)
}

/// Both state machines, joined without a socket.
struct Pair {
    car: Session,
    cloud: server::Session,
    limits: server::Limits,
    now: Instant,
    to_cloud: Vec<u8>,
    seen: Vec<String>,
}

impl Pair {
    fn asked() -> Self {
        let limits = server::Limits { receive_maximum: 2, ..server::Limits::default() };
        let mut pair = Self {
            car: Session::new(start(), CAR, 60, 1 << 20, Duration::from_secs(20)),
            cloud: server::Session::new(start(), Some(CAR), &limits),
            limits,
            now: start(),
            to_cloud: Vec::new(),
            seen: Vec::new(),
        };
        pair.car.connect(pair.now, &mut pair.to_cloud);
        pair
    }

    fn ready() -> Self {
        let mut pair = Self::asked();
        pair.exchange();
        assert_eq!(pair.seen, ["connack", "ready"]);
        pair.seen.clear();
        pair
    }

    fn ping(&mut self, payload: &[u8]) {
        let mut bytes = Vec::new();
        self.cloud.publish(Topic::Ping, payload, &mut bytes).unwrap();
        self.deliver(&bytes);
        self.exchange();
    }

    /// Carries bytes both ways until both are silent. The cloud takes every message.
    fn exchange(&mut self) {
        while !self.to_cloud.is_empty() {
            let bytes = std::mem::take(&mut self.to_cloud);
            let mut to_car = Vec::new();
            let flow = Frames::new().feed(&bytes, 1 << 20, |packet| {
                match self.cloud.handle_packet(self.now, packet, &self.limits, &mut to_car).unwrap() {
                    Some(server::Event::Connect(request)) => {
                        self.cloud.accept(self.now, NOW, &request, &self.limits, &mut to_car);
                        self.seen.push("connack".to_owned());
                    }
                    Some(server::Event::Batch { id, lane, .. }) => {
                        self.seen.push(format!("batch {lane}"));
                        self.cloud.taken(id);
                    }
                    Some(server::Event::Pong { payload }) => {
                        self.seen.push(format!("pong {}", String::from_utf8_lossy(payload)));
                    }
                    Some(server::Event::Report { id, .. }) => {
                        self.cloud.rejected(id, ReasonCode::PayloadFormatInvalid, "not a report");
                    }
                    _ => {}
                }
                ControlFlow::<()>::Continue(())
            });
            assert_eq!(flow, Ok(ControlFlow::Continue(())));
            self.cloud.flush_acks(&mut to_car);
            self.deliver(&to_car);
        }
    }

    fn deliver(&mut self, bytes: &[u8]) {
        let flow = Frames::new().feed(bytes, 1 << 20, |packet| {
            if let Some(event) = self.car.handle_packet(self.now, packet, &mut self.to_cloud).unwrap() {
                self.seen.push(match event {
                    SessionEvent::Ready => "ready".to_owned(),
                    SessionEvent::Taken { id } => format!("taken {id}"),
                    SessionEvent::Rejected { id, reason, text } => {
                        format!("rejected {id} {:02x} {text}", reason.byte())
                    }
                    SessionEvent::Down { topic, .. } => format!("down {topic:?}"),
                    SessionEvent::Refused { reason, .. } => format!("refused {:02x}", reason.byte()),
                    SessionEvent::Disconnected { reason, .. } => {
                        format!("disconnected {:02x}", reason.byte())
                    }
                });
            }
            ControlFlow::<()>::Continue(())
        });
        assert_eq!(flow, Ok(ControlFlow::Continue(())));
    }

    fn publish(&mut self, topic: Topic) -> Result<PacketId, NotSent> {
        self.car.publish(self.now, topic, b"batch", &mut self.to_cloud)
    }
}

#[test]
fn the_servers_time_is_told_between_question_and_answer() {
    let mut pair = Pair::asked();
    assert_eq!(pair.car.server_time(), None);
    pair.now += Duration::from_secs(3);
    pair.exchange();
    let told = pair.car.server_time().unwrap();
    assert_eq!(told, ServerTime { time: NOW, asked: start(), told: pair.now });
    let later = pair.now + Duration::from_secs(60);
    assert_eq!(told.range_at(later), (NOW + Micros::from_secs(60), NOW + Micros::from_secs(63)));
}

/// What a car makes of a CONNACK with these properties.
#[track_caller]
fn check_server_time(said: &[Property<'_>], expected: Option<Timestamp>) {
    let mut properties = PropertyBuf::new();
    for property in said {
        properties.push(*property).unwrap();
    }
    let (reason, properties) = (ReasonCode::Success, properties.as_properties());
    let mut bytes = Vec::new();
    Packet::ConnAck(ConnAck { session_present: false, reason, properties }).encode(&mut bytes).unwrap();
    let mut pair = Pair::asked();
    pair.deliver(&bytes);
    assert_eq!(pair.car.server_time().map(|told| told.time), expected, "{said:?}");
}

#[test]
fn a_server_may_say_no_time_or_one_that_is_none() {
    check_server_time(&[], None);
    check_server_time(&[Property::UserProperty(("time_us", "1767225600000000"))], Some(NOW));
    check_server_time(&[Property::UserProperty(("time_us", "noon"))], None);
    check_server_time(&[Property::UserProperty(("time", "1767225600000000"))], None);
}

#[test]
fn a_message_is_taken_or_rejected_with_a_text() {
    let mut pair = Pair::ready();
    pair.publish(Topic::Up(Lane::Live)).unwrap();
    pair.publish(Topic::Report).unwrap();
    pair.exchange();
    assert_eq!(pair.seen, ["batch live", "taken 2", "rejected 3 99 not a report"]);
}

#[test]
fn a_message_above_the_quota_is_kept_for_the_next_connection() {
    let mut pair = Pair::ready();
    pair.publish(Topic::Up(Lane::Live)).unwrap();
    let mut out = Vec::new();
    let id = PacketId::new(2).unwrap();
    let ack = Ack { id, reason: ReasonCode::QuotaExceeded, properties: Properties::EMPTY };
    Packet::PubAck(ack).encode(&mut out).unwrap();
    pair.deliver(&out);
    assert_eq!(pair.seen, ["disconnected 97"]);
    assert_eq!(pair.publish(Topic::Up(Lane::Live)), Err(NotSent::NotReady));
}

#[test]
fn no_more_is_in_flight_than_the_server_takes() {
    let mut pair = Pair::ready();
    assert_eq!(pair.car.window_free(), 2);
    pair.publish(Topic::Up(Lane::Bulk)).unwrap();
    pair.publish(Topic::Up(Lane::Bulk)).unwrap();
    assert_eq!(pair.publish(Topic::Up(Lane::Bulk)), Err(NotSent::WindowFull));
    pair.exchange();
    assert_eq!(pair.car.window_free(), 2);
}

#[test]
fn a_topics_text_goes_up_once() {
    let mut pair = Pair::ready();
    let mut lengths = Vec::new();
    for _ in 0..2 {
        pair.publish(Topic::Up(Lane::Bulk)).unwrap();
        lengths.push(pair.to_cloud.len());
        pair.exchange();
    }
    assert_eq!(lengths[0] - lengths[1], Topic::Up(Lane::Bulk).of(CAR).len());
    assert_eq!(pair.seen, ["batch bulk", "taken 2", "batch bulk", "taken 3"]);
}

#[test]
fn what_comes_down_is_told_by_its_topic() {
    let mut pair = Pair::ready();
    let mut out = Vec::new();
    pair.cloud.publish(Topic::Hint, &[], &mut out).unwrap();
    pair.deliver(&out);
    assert_eq!(pair.seen, ["down Hint"]);
}

#[test]
fn an_idle_car_pings_and_notices_a_dead_server() {
    let mut pair = Pair::ready();
    pair.now += Duration::from_secs(45);
    assert_eq!(pair.car.deadline(), Some(pair.now));
    assert!(pair.car.handle_timeout(pair.now, &mut pair.to_cloud));
    assert_eq!(pair.to_cloud, [0xc0, 0]);
    let silent = pair.now + Duration::from_secs(20);
    assert_eq!(pair.car.deadline(), Some(silent));
    assert!(!pair.car.handle_timeout(silent, &mut pair.to_cloud));
}

#[test]
fn a_pong_keeps_the_connection() {
    let mut pair = Pair::ready();
    pair.now += Duration::from_secs(45);
    assert!(pair.car.handle_timeout(pair.now, &mut pair.to_cloud));
    pair.exchange();
    assert_eq!(pair.car.deadline(), Some(pair.now + Duration::from_secs(45)));
}

#[test]
fn a_foreign_acknowledgement_is_a_violation() {
    let mut pair = Pair::ready();
    let mut bytes = Vec::new();
    crate::codec::puback_success(&mut bytes, PacketId::MIN);
    let flow = Frames::new().feed(&bytes, 1 << 20, |packet| {
        match pair.car.handle_packet(pair.now, packet, &mut Vec::new()) {
            Err(violation) => ControlFlow::Break(violation.reason),
            Ok(_) => ControlFlow::Continue(()),
        }
    });
    assert_eq!(flow, Ok(ControlFlow::Break(ReasonCode::ProtocolError)));
}

/// A server that takes all batches, on any stream.
async fn serve(mut stream: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin) -> std::io::Result<()> {
    let limits = server::Limits::default();
    let mut session = server::Session::new(start(), Some(CAR), &limits);
    let mut frames = Frames::new();
    let mut buffer = [0; 1000];
    loop {
        let len = stream.read(&mut buffer).await?;
        if len == 0 {
            return Ok(());
        }
        let mut out = Vec::new();
        let mut over = false;
        let fed = frames.feed(&buffer[..len], 1 << 20, |packet| {
            match session.handle_packet(start(), packet, &limits, &mut out).unwrap() {
                Some(server::Event::Connect(request)) => {
                    session.accept(start(), NOW, &request, &limits, &mut out);
                }
                Some(server::Event::Batch { id, payload, .. }) => {
                    if payload == b"end" {
                        session.disconnect(ReasonCode::ServerShuttingDown, "maintenance", &mut out);
                        over = true;
                    }
                    session.taken(id);
                }
                Some(server::Event::Fetch { id, payload }) => {
                    session.taken(id);
                    session.publish(Topic::Notice, payload, &mut out).unwrap();
                }
                _ => {}
            }
            ControlFlow::<()>::Continue(())
        });
        assert!(fed.is_ok());
        session.flush_acks(&mut out);
        stream.write_all(&out).await?;
        if over {
            return stream.shutdown().await;
        }
    }
}

fn duplex() -> (DuplexStream, tokio::task::JoinHandle<std::io::Result<()>>) {
    let (ours, theirs) = tokio::io::duplex(64);
    (ours, tokio::spawn(serve(theirs)))
}

#[tokio::test]
async fn a_connection_carries_messages_both_ways() {
    let (stream, server) = duplex();
    let mut connection = Connection::start(stream, CAR, Options::default()).await.unwrap();
    let batch = connection.publish(Topic::Up(Lane::Bulk), &[1; 5000]).unwrap();
    let fetch = connection.publish(Topic::Fetch, &[2; 20_000]).unwrap();
    assert_eq!(connection.next().await.unwrap(), Event::Taken { id: batch });
    let Event::Down { topic: Topic::Notice, payload } = connection.next().await.unwrap() else { panic!() };
    assert_eq!(payload, [2; 20_000][..]);
    assert_eq!(connection.next().await.unwrap(), Event::Taken { id: fetch });
    connection.close().await.unwrap();
    server.await.unwrap().unwrap();
}

#[tokio::test]
async fn the_servers_goodbye_is_told_with_its_text() {
    let (stream, _server) = duplex();
    let mut connection = Connection::start(stream, CAR, Options::default()).await.unwrap();
    connection.publish(Topic::Up(Lane::Bulk), b"end").unwrap();
    let Err(Error::Disconnected { reason, text }) = connection.next().await else { panic!() };
    assert_eq!((reason, text.as_str()), (ReasonCode::ServerShuttingDown, "maintenance"));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_never_answers_is_given_up() {
    let (stream, _silent) = tokio::io::duplex(4096);
    let result = Connection::start(stream, CAR, Options::default()).await;
    assert!(matches!(result, Err(Error::Silent)));
}

struct Authority {
    certificate: rcgen::Certificate,
    issuer: rcgen::Issuer<'static, rcgen::KeyPair>,
}

fn authority() -> Authority {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::default();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let certificate = params.self_signed(&key).unwrap();
    Authority { certificate, issuer: rcgen::Issuer::new(params, key) }
}

fn identity(authority: &Authority, name: rcgen::SanType) -> tls::Identity {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::default();
    params.subject_alt_names = vec![name];
    let certificate = params.signed_by(&key, &authority.issuer).unwrap();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    tls::Identity { chain: vec![certificate.der().clone()], key }
}

#[tokio::test]
async fn a_second_connection_resumes_the_tls_session() {
    let authority = authority();
    let roots = tls::roots(&[authority.certificate.der().clone()]).unwrap();
    let gateway = identity(&authority, rcgen::SanType::DnsName("localhost".try_into().unwrap()));
    let car =
        identity(&authority, rcgen::SanType::URI(format!("urn:marque:vehicle:eu:{CAR}").try_into().unwrap()));
    let acceptor = TlsAcceptor::from(tls::server_config(gateway, Arc::clone(&roots)).unwrap());
    let config = tls::client_config(car, roots).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            let stream = acceptor.accept(tcp).await.unwrap();
            assert_eq!(stream.get_ref().1.alpn_protocol(), Some(tls::ALPN));
            tokio::spawn(serve(stream));
        }
    });
    for resumed in [false, true] {
        let name = ServerName::try_from("localhost").unwrap();
        let open = Connection::open(address, name, Arc::clone(&config), CAR, Options::default());
        let mut connection = open.await.unwrap();
        assert_eq!(connection.is_resumed(), resumed);
        let id = connection.publish(Topic::Up(Lane::Alert), b"x").unwrap();
        assert_eq!(connection.next().await.unwrap(), Event::Taken { id });
        connection.close().await.unwrap();
    }
}

#[test]
fn a_ping_is_answered_as_it_came() {
    let mut pair = Pair::ready();
    pair.ping(b"12345678");
    assert_eq!(pair.seen, ["pong 12345678"]);
    // One that is longer than pings are is none.
    pair.seen.clear();
    pair.ping(&[b'x'; 17]);
    assert_eq!(pair.seen, Vec::<String>::new());
}

#[test]
fn a_car_that_hands_over_ends_instead_of_answering() {
    let mut pair = Pair::ready();
    pair.car.hand_over();
    pair.car.keep();
    pair.ping(b"1");
    assert_eq!(pair.seen, ["pong 1"]);
    pair.seen.clear();
    pair.car.hand_over();
    pair.ping(b"2");
    assert_eq!(pair.seen, ["disconnected 8e"]);
}
