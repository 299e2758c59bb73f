//! One connection of the load client: as little work as it can be, so that the server is measured.

use std::{
    collections::VecDeque,
    io::{self, Read as _, Write as _},
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use link::codec::{
    Connect, Disconnect, Packet, PacketId, Properties, Publish, QoS, ReasonCode, decode, publish_head,
};
use mio::net::TcpStream;
use model::VehicleId;
use rustls::{ClientConfig, ClientConnection, pki_types::ServerName};
use wire::topic::Topic;

use super::{batches, certificates::SERVER_NAME};

const PACKET_BYTES_MAX: usize = 1 << 20;
const READ_BYTES: usize = 16 * 1024;

/// A car of the load.
pub(in crate::bench) struct Car {
    socket: TcpStream,
    tls: Option<ClientConnection>,
    vehicle: VehicleId,
    partial: Vec<u8>,
    topic: String,
    next_number: PacketId,
    /// When the messages in flight were sent, oldest first; acknowledgements come in their order.
    sent: VecDeque<Instant>,
    next_batch: usize,
    greeted: bool,
    pub(in crate::bench) connected: bool,
    unsent: bool,
}

impl Car {
    /// Begins to connect.
    pub(in crate::bench) fn new(
        address: SocketAddr,
        vehicle: VehicleId,
        config: Option<Arc<ClientConfig>>,
    ) -> anyhow::Result<Self> {
        let socket = TcpStream::connect(address).context("connect to the server")?;
        socket.set_nodelay(true).context("turn off Nagle's algorithm")?;
        let tls = config
            .map(|config| {
                ClientConnection::new(config, ServerName::try_from(SERVER_NAME)?).context("begin TLS")
            })
            .transpose()?;
        Ok(Self {
            socket,
            tls,
            vehicle,
            partial: Vec::new(),
            topic: Topic::Up(batches::LANE).of(vehicle),
            next_number: PacketId::MIN,
            sent: VecDeque::new(),
            next_batch: usize::from(vehicle.as_bytes()[0]),
            greeted: false,
            connected: false,
            unsent: false,
        })
    }

    pub(in crate::bench) fn socket(&mut self) -> &mut TcpStream {
        &mut self.socket
    }

    pub(super) fn is_resumed(&self) -> bool {
        let kind = self.tls.as_ref().and_then(|tls| tls.handshake_kind());
        kind == Some(rustls::HandshakeKind::Resumed)
    }

    /// When the oldest message in flight was sent; call once for each acknowledgement.
    pub(super) fn sent(&mut self) -> Option<Instant> {
        self.sent.pop_front()
    }

    /// Goes on with what an event allows; gives how many messages were acknowledged.
    pub(in crate::bench) fn step(&mut self, scratch: &mut Vec<u8>) -> anyhow::Result<usize> {
        self.greet()?;
        let mut acknowledged = 0;
        let mut buffer = [0; READ_BYTES];
        loop {
            let read = match &mut self.tls {
                None => self.socket.read(&mut buffer),
                Some(tls) => read_tls(tls, &mut self.socket, &mut buffer),
            };
            let len = match read {
                Ok(0) => bail!("the server closed a connection"),
                Ok(len) => len,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error).context("read from the server"),
            };
            acknowledged += self.take(buffer.get(..len).unwrap_or_default())?;
            // A short read of TCP means that nothing is left; TLS may hold more.
            if self.tls.is_none() && len < READ_BYTES {
                break;
            }
        }
        self.greet()?;
        if self.unsent {
            self.flush()?;
        }
        scratch.clear();
        Ok(acknowledged)
    }

    /// Sends one message with one write.
    pub(super) fn publish(
        &mut self,
        now: Instant,
        payloads: &[Vec<u8>],
        scratch: &mut Vec<u8>,
    ) -> anyhow::Result<()> {
        self.sent.push_back(now);
        let payload = payloads.get(self.next_batch % payloads.len()).context("there are batches")?;
        self.next_batch += 1;
        self.send(payload, scratch)
    }

    /// Sends a batch with one write.
    pub(in crate::bench) fn send(&mut self, payload: &[u8], scratch: &mut Vec<u8>) -> anyhow::Result<()> {
        let publish = Publish {
            dup: false,
            qos: QoS::AtLeastOnce,
            retain: false,
            topic: &self.topic,
            id: Some(self.next_number),
            properties: Properties::EMPTY,
            payload: &[],
        };
        self.next_number = self.next_number.checked_add(1).unwrap_or(PacketId::MIN);
        scratch.clear();
        publish_head(scratch, &publish, payload.len())?;
        scratch.extend_from_slice(payload);
        self.write(scratch)
    }

    /// Says goodbye and leaves no port waiting.
    pub(in crate::bench) fn leave(mut self) -> anyhow::Result<()> {
        let mut bytes = Vec::new();
        let bye = Disconnect { reason: ReasonCode::Success, properties: Properties::EMPTY };
        Packet::Disconnect(bye).encode(&mut bytes)?;
        if self.write(&bytes).is_ok() {
            // A reset instead of a time-wait: tens of thousands of connections need the ports.
            socket2::SockRef::from(&self.socket).set_linger(Some(Duration::ZERO))?;
        }
        Ok(())
    }

    /// CONNECT, once TCP and TLS stand.
    fn greet(&mut self) -> anyhow::Result<()> {
        if self.greeted {
            return Ok(());
        }
        if let Some(tls) = &mut self.tls {
            while tls.wants_write() {
                match tls.write_tls(&mut self.socket) {
                    Ok(_) => {}
                    Err(error) if not_yet(&error) => return Ok(()),
                    Err(error) => return Err(error).context("send the TLS handshake"),
                }
            }
            if tls.is_handshaking() {
                return Ok(());
            }
        } else if self.socket.peer_addr().is_err() {
            return Ok(());
        }
        self.greeted = true;
        let id = self.vehicle.to_string();
        let connect = Connect {
            clean_start: true,
            keep_alive_s: 60,
            properties: Properties::EMPTY,
            client_id: &id,
            will: None,
            user_name: None,
            password: None,
        };
        let mut bytes = Vec::new();
        Packet::Connect(connect).encode(&mut bytes)?;
        self.write(&bytes)
    }

    fn write(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        match &mut self.tls {
            None => {
                // The window is small: a socket that does not take it is a broken measurement.
                let len = self.socket.write(bytes).context("write to the server")?;
                if len < bytes.len() {
                    bail!("the socket took a part of a message only");
                }
                Ok(())
            }
            Some(tls) => {
                tls.writer().write_all(bytes).context("encrypt")?;
                self.flush()
            }
        }
    }

    fn flush(&mut self) -> anyhow::Result<()> {
        self.unsent = false;
        let Some(tls) = &mut self.tls else { return Ok(()) };
        while tls.wants_write() {
            match tls.write_tls(&mut self.socket) {
                Ok(_) => {}
                Err(error) if not_yet(&error) => {
                    self.unsent = true;
                    return Ok(());
                }
                Err(error) => return Err(error).context("write to the server"),
            }
        }
        Ok(())
    }

    fn take(&mut self, data: &[u8]) -> anyhow::Result<usize> {
        self.partial.extend_from_slice(data);
        let mut used = 0;
        let mut acknowledged = 0;
        while let Some((packet, len)) =
            decode(self.partial.get(used..).unwrap_or_default(), PACKET_BYTES_MAX)?
        {
            used += len;
            if let Packet::PubAck(ack) = packet
                && !ack.reason.is_failure()
            {
                acknowledged += 1;
            } else if let Packet::ConnAck(connack) = packet
                && !connack.reason.is_failure()
            {
                self.connected = true;
            } else {
                bail!("the server answered {packet:?}");
            }
        }
        self.partial.drain(..used);
        Ok(acknowledged)
    }
}

fn not_yet(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::NotConnected)
}

/// Decrypted bytes; `WouldBlock` when the socket holds no whole record.
fn read_tls(tls: &mut ClientConnection, socket: &mut TcpStream, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match tls.reader().read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            done => return done,
        }
        if tls.read_tls(socket)? == 0 {
            return Ok(0);
        }
        tls.process_new_packets().map_err(io::Error::other)?;
        if tls.is_handshaking() {
            while tls.wants_write() {
                tls.write_tls(socket)?;
            }
        }
    }
}
