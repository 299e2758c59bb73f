//! The car's network over UDP: zonal datagrams, or CAN frames as lines of candump's text.

use std::{
    collections::{BTreeMap, VecDeque},
    net::{IpAddr, SocketAddr, UdpSocket as StdSocket},
};

use bus::{
    FrameKind,
    log::LogReader,
    profile::{BusMessage, DATAGRAM_BYTES_MAX, Datagram, Transport},
};
use tokio::net::UdpSocket;

use super::{Input, Provider, What};
use crate::{Error, clock::Clock};

/// Room for the largest datagram of either kind; candump's text may use jumbo frames.
const BYTES_MAX: usize = 9_000;

/// Services and buses whose speakers are remembered; an architecture has some ten.
const PEERS_MAX: usize = 256;

/// Listens on a UDP port. A target goes to whoever spoke last for its service, a frame to whoever
/// spoke last on its bus.
#[derive(Debug)]
pub struct UdpProvider {
    socket: UdpSocket,
    transport: Transport,
    clock: Clock,
    /// By service or bus.
    peers: BTreeMap<u16, SocketAddr>,
    /// Who is heard; everybody when it is empty.
    allowed: Vec<IpAddr>,
    /// Frames of a datagram that held several.
    waiting: VecDeque<Input>,
    buffer: Box<[u8]>,
}

impl UdpProvider {
    /// Binds to `address`, such as `127.0.0.1:20000`.
    pub fn bind(address: SocketAddr, transport: Transport, clock: Clock) -> Result<Self, Error> {
        let bind = || {
            let socket = StdSocket::bind(address)?;
            socket.set_nonblocking(true)?;
            UdpSocket::from_std(socket)
        };
        let socket = bind().map_err(|source| Error::Udp { address, source })?;
        let bytes = match transport {
            Transport::Can => BYTES_MAX,
            Transport::Zonal => DATAGRAM_BYTES_MAX,
        };
        let buffer = vec![0; bytes].into_boxed_slice();
        Ok(Self {
            socket,
            transport,
            clock,
            peers: BTreeMap::new(),
            allowed: Vec::new(),
            waiting: VecDeque::new(),
            buffer,
        })
    }

    /// Hears these hosts alone.
    #[must_use]
    pub fn hearing_only(self, allowed: Vec<IpAddr>) -> Self {
        Self { allowed, ..self }
    }

    pub fn local_address(&self) -> Result<SocketAddr, std::io::Error> {
        self.socket.local_addr()
    }

    fn take(&mut self, length: usize, from: SocketAddr) {
        if !self.allowed.is_empty() && !self.allowed.contains(&from.ip().to_canonical()) {
            tracing::debug!(%from, "a stranger is not heard");
            return;
        }
        let time = (self.clock)();
        let bytes = self.buffer.get(..length).unwrap_or_default();
        match self.transport {
            Transport::Zonal => {
                if let Ok(datagram) = Datagram::parse(bytes) {
                    remember(&mut self.peers, datagram.service, from);
                }
                self.waiting.push_back(Input { time, what: What::Bus(BusMessage::Datagram(bytes.to_vec())) });
            }
            Transport::Can => {
                let mut reader = LogReader::new(bytes).tolerant();
                while let Some(frame) = reader.find_map(Result::ok) {
                    let channel = channel(reader.interfaces(), frame.channel);
                    let frame = frame.at(time).on(channel);
                    remember(&mut self.peers, channel.into(), from);
                    self.waiting.push_back(Input { time, what: What::Bus(BusMessage::Can(frame)) });
                }
            }
        }
    }
}

impl Provider for UdpProvider {
    async fn next(&mut self) -> Option<Input> {
        loop {
            if let Some(input) = self.waiting.pop_front() {
                return Some(input);
            }
            match self.socket.recv_from(&mut self.buffer).await {
                Ok((length, from)) => self.take(length, from),
                // A peer that went away says so by ICMP; others may still speak.
                Err(error) => tracing::debug!(%error, "a datagram could not be received"),
            }
        }
    }

    fn try_next(&mut self) -> Option<Input> {
        if let Some(input) = self.waiting.pop_front() {
            return Some(input);
        }
        let (length, from) = self.socket.try_recv_from(&mut self.buffer).ok()?;
        self.take(length, from);
        self.waiting.pop_front()
    }

    fn send(&mut self, message: BusMessage) -> bool {
        let (key, bytes) = match message {
            BusMessage::Datagram(bytes) => match Datagram::parse(&bytes) {
                Ok(datagram) => (datagram.service, bytes),
                Err(_) => return false,
            },
            BusMessage::Can(frame) => (frame.channel.into(), candump(&frame).into_bytes()),
        };
        let Some(peer) = self.peers.get(&key) else { return false };
        match self.socket.try_send_to(&bytes, *peer) {
            Ok(_) => true,
            Err(error) => {
                tracing::debug!(%error, "a message could not be put on the car's network");
                false
            }
        }
    }
}

fn remember(peers: &mut BTreeMap<u16, SocketAddr>, key: u16, from: SocketAddr) {
    if peers.len() < PEERS_MAX || peers.contains_key(&key) {
        peers.insert(key, from);
    }
}

/// The number in an interface's name, `can1`: a datagram may begin with any of the car's buses. A
/// name without one counts as it came.
fn channel(interfaces: &[String], place: u8) -> u8 {
    let name = interfaces.get(usize::from(place)).map_or("", String::as_str);
    let digits = name.trim_start_matches(|c: char| !c.is_ascii_digit());
    digits.parse().unwrap_or(place)
}

/// A frame as `candump -L` writes it.
fn candump(frame: &bus::CanFrame) -> String {
    use std::fmt::Write as _;
    let seconds = frame.time.0.div_euclid(1_000_000);
    let micros = frame.time.0.rem_euclid(1_000_000);
    let mut line = format!("({seconds}.{micros:06}) can{} {}", frame.channel, frame.id());
    line.push_str(match frame.kind() {
        FrameKind::Classic => "#",
        FrameKind::Remote => "#R",
        FrameKind::Fd { fast: false } => "##0",
        FrameKind::Fd { fast: true } => "##1",
    });
    for byte in frame.data() {
        write!(line, "{byte:02X}").expect("writing to a String cannot fail");
    }
    line.push('\n');
    line
}
