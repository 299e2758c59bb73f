//! A car's end of a plain connection, byte by byte, so that a test can also do what no car would.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use link::{
    Packet, PacketId,
    codec::{Connect, Filters, Properties, Publish, QoS, Subscribe, SubscribeFilter, decode},
};
use model::Lane;
use socket2::{Domain, Socket, Type};
use wire::topic::{Topic, down_filter};

use super::fakes::vehicle;

/// No answer here takes longer; a test that waits for it has failed.
const PATIENCE: Duration = Duration::from_secs(20);

pub(super) struct Phone {
    socket: TcpStream,
    received: Vec<u8>,
    number: u8,
    /// What the platform asked for an answer with.
    pinged: Vec<u8>,
}

impl Phone {
    pub(super) fn new(address: SocketAddr) -> Self {
        Self::from("127.0.0.1", address)
    }

    /// From an address of this machine: all of 127/8 are.
    pub(super) fn from(own: &str, address: SocketAddr) -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::new(own.parse().unwrap(), 0).into()).unwrap();
        socket.connect(&address.into()).unwrap();
        let socket = TcpStream::from(socket);
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.set_nodelay(true).unwrap();
        Self { socket, received: Vec::new(), number: 0, pinged: Vec::new() }
    }

    /// Waits for a ping and answers it.
    pub(super) fn answer(&mut self) {
        assert_eq!(self.hear(), "publish ping 8");
        self.answer_ping();
    }

    /// Answers the ping that was heard.
    pub(super) fn answer_ping(&mut self) {
        let payload = std::mem::take(&mut self.pinged);
        self.pong(&payload);
    }

    pub(super) fn pong(&mut self, payload: &[u8]) {
        let publish = Publish {
            dup: false,
            qos: QoS::AtMostOnce,
            retain: false,
            topic: &Topic::Pong.of(vehicle(self.number)),
            id: None,
            properties: Properties::EMPTY,
            payload,
        };
        self.send(&Packet::Publish(publish));
    }

    pub(super) fn connect(&mut self, number: u8, keep_alive_s: u16) {
        self.send_connect(number, keep_alive_s);
        assert_eq!(self.hear(), "connack 00");
    }

    pub(super) fn send_connect(&mut self, number: u8, keep_alive_s: u16) {
        self.number = number;
        let id = vehicle(number).to_string();
        let connect = Connect {
            clean_start: true,
            keep_alive_s,
            properties: Properties::EMPTY,
            client_id: &id,
            will: None,
            user_name: None,
            password: None,
        };
        self.send(&Packet::Connect(connect));
    }

    pub(super) fn subscribe(&mut self) {
        let filter = down_filter(vehicle(self.number));
        let mut payload = Vec::new();
        SubscribeFilter {
            filter: &filter,
            qos: QoS::AtMostOnce,
            no_local: false,
            retain_as_published: false,
            retain_handling: 0,
        }
        .write(&mut payload)
        .unwrap();
        let filters = Filters::parse(&payload).unwrap();
        self.send(&Packet::Subscribe(Subscribe {
            id: PacketId::MIN,
            properties: Properties::EMPTY,
            filters,
        }));
    }

    pub(super) fn publish(&mut self, lane: Lane, id: u16, payload: &[u8]) {
        self.publish_to(&Topic::Up(lane).of(vehicle(self.number)), id, payload);
    }

    pub(super) fn publish_to(&mut self, topic: &str, id: u16, payload: &[u8]) {
        let bytes = self.publish_bytes(topic, id, payload);
        self.send_bytes(&bytes);
    }

    pub(super) fn publish_bytes(&self, topic: &str, id: u16, payload: &[u8]) -> Vec<u8> {
        let publish = Publish {
            dup: false,
            qos: QoS::AtLeastOnce,
            retain: false,
            topic,
            id: PacketId::new(id),
            properties: Properties::EMPTY,
            payload,
        };
        let mut bytes = Vec::new();
        Packet::Publish(publish).encode(&mut bytes).unwrap();
        bytes
    }

    pub(super) fn publish_as(&mut self, qos: QoS, retain: bool) {
        let topic = Topic::Up(Lane::Live).of(vehicle(self.number));
        let publish = Publish {
            dup: false,
            qos,
            retain,
            topic: &topic,
            id: Some(PacketId::MIN),
            properties: Properties::EMPTY,
            payload: b"",
        };
        self.send(&Packet::Publish(publish));
    }

    pub(super) fn send(&mut self, packet: &Packet<'_>) {
        let mut bytes = Vec::new();
        packet.encode(&mut bytes).unwrap();
        self.send_bytes(&bytes);
    }

    pub(super) fn send_bytes(&mut self, bytes: &[u8]) {
        self.socket.write_all(bytes).unwrap();
    }

    /// The next packet in short, or `end`.
    pub(super) fn hear(&mut self) -> String {
        let mut buffer = [0; 4096];
        loop {
            if let Some((packet, len)) = decode(&self.received, 1 << 20).unwrap() {
                let text = describe(&packet);
                if let Packet::Publish(publish) = packet {
                    self.pinged = publish.payload.to_vec();
                }
                self.received.drain(..len);
                return text;
            }
            match self.socket.read(&mut buffer) {
                Ok(0) => return "end".to_owned(),
                Ok(len) => self.received.extend_from_slice(&buffer[..len]),
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return "end".to_owned(),
                Err(error) => panic!("nothing came: {error}"),
            }
        }
    }
}

fn describe(packet: &Packet<'_>) -> String {
    match packet {
        Packet::ConnAck(connack) => format!("connack {:02x}", connack.reason.byte()),
        Packet::PubAck(ack) => format!("puback {} {:02x}", ack.id, ack.reason.byte()),
        Packet::Disconnect(bye) => format!("disconnect {:02x}", bye.reason.byte()),
        Packet::Publish(publish) => {
            let kind = publish.topic.rsplit('/').next().unwrap();
            format!("publish {kind} {}", publish.payload.len())
        }
        Packet::PingResp => "pingresp".to_owned(),
        Packet::SubAck(_) => "suback".to_owned(),
        Packet::Connect(_)
        | Packet::PubRec(_)
        | Packet::PubRel(_)
        | Packet::PubComp(_)
        | Packet::Subscribe(_)
        | Packet::Unsubscribe(_)
        | Packet::UnsubAck(_)
        | Packet::PingReq
        | Packet::Auth(_) => format!("{packet:?}"),
    }
}
