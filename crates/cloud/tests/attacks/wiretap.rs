//! A car's end of the link, packet by packet, so that it can do what no car would.

use link::{
    Packet, PacketId,
    codec::{Connect, Filters, Properties, Publish, QoS, Subscribe, SubscribeFilter, decode},
};
use model::VehicleId;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_rustls::client::TlsStream;

use super::cell::{Cell, Identity};

pub(super) struct Wiretap {
    stream: TlsStream<TcpStream>,
    received: Vec<u8>,
}

impl Wiretap {
    /// With a certificate, before CONNECT.
    pub(super) async fn dial(cell: &Cell, identity: &Identity) -> Self {
        let stream = cell.dial(&cell.tls(identity), [127, 0, 0, 1].into()).await.unwrap();
        Self { stream, received: Vec::new() }
    }

    /// A car that is connected.
    pub(super) async fn connected(cell: &Cell, id: VehicleId, identity: &Identity) -> Self {
        let mut car = Self::dial(cell, identity).await;
        car.connect(&id.to_string()).await;
        assert_eq!(car.hear().await, "connack 00");
        car
    }

    pub(super) async fn connect(&mut self, client_id: &str) {
        let connect = Connect {
            clean_start: true,
            keep_alive_s: 60,
            properties: Properties::EMPTY,
            client_id,
            will: None,
            user_name: None,
            password: None,
        };
        self.send(&Packet::Connect(connect)).await;
    }

    pub(super) async fn publish(&mut self, topic: &str, payload: &[u8]) {
        self.send(&Packet::Publish(Publish {
            dup: false,
            qos: QoS::AtLeastOnce,
            retain: false,
            topic,
            id: Some(PacketId::MIN),
            properties: Properties::EMPTY,
            payload,
        }))
        .await;
    }

    pub(super) async fn subscribe(&mut self, filter: &str) {
        let mut payload = Vec::new();
        SubscribeFilter {
            filter,
            qos: QoS::AtMostOnce,
            no_local: false,
            retain_as_published: false,
            retain_handling: 0,
        }
        .write(&mut payload)
        .unwrap();
        let filters = Filters::parse(&payload).unwrap();
        let id = PacketId::MIN;
        self.send(&Packet::Subscribe(Subscribe { id, properties: Properties::EMPTY, filters })).await;
    }

    pub(super) async fn send(&mut self, packet: &Packet<'_>) {
        let mut bytes = Vec::new();
        packet.encode(&mut bytes).unwrap();
        self.send_bytes(&bytes).await;
    }

    pub(super) async fn send_bytes(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
        self.stream.flush().await.unwrap();
    }

    /// The next packet in short, or `end`.
    pub(super) async fn hear(&mut self) -> String {
        let mut buffer = [0; 4096];
        loop {
            if let Some((packet, len)) = decode(&self.received, 1 << 20).unwrap() {
                let text = describe(&packet);
                self.received.drain(..len);
                return text;
            }
            match self.stream.read(&mut buffer).await {
                Ok(0) | Err(_) => return "end".to_owned(),
                Ok(len) => self.received.extend_from_slice(&buffer[..len]),
            }
        }
    }
}

fn describe(packet: &Packet<'_>) -> String {
    match packet {
        Packet::ConnAck(connack) => format!("connack {:02x}", connack.reason.byte()),
        Packet::PubAck(ack) => format!("puback {:02x}", ack.reason.byte()),
        Packet::Disconnect(bye) => format!("disconnect {:02x}", bye.reason.byte()),
        Packet::SubAck(ack) => {
            let reasons: Vec<String> =
                ack.reasons.iter().map(|reason| format!("{:02x}", reason.byte())).collect();
            format!("suback {}", reasons.join(" "))
        }
        Packet::Connect(_)
        | Packet::Publish(_)
        | Packet::PubRec(_)
        | Packet::PubRel(_)
        | Packet::PubComp(_)
        | Packet::Subscribe(_)
        | Packet::Unsubscribe(_)
        | Packet::UnsubAck(_)
        | Packet::PingReq
        | Packet::PingResp
        | Packet::Auth(_) => format!("{:?}", packet.packet_type()).to_lowercase(),
    }
}
