//! The car's connection on tokio: one task for each car, no buffers held while it is idle.

use std::{
    collections::VecDeque,
    future::poll_fn,
    io,
    ops::ControlFlow,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use model::VehicleId;
use rustls::{ClientConfig, pki_types::ServerName};
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf},
    net::{TcpStream, ToSocketAddrs},
    time::{Instant, timeout},
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use wire::topic::Topic;

use super::{
    ServerTime,
    session::{NotSent, Session, SessionEvent},
};
use crate::{
    Error, Frames,
    codec::{PacketId, ReasonCode, Violation},
};

/// Read at once, on the stack while a task is polled: acknowledgements are short, and a document
/// of 256 KiB takes some 64 reads.
const READ_BYTES: usize = 4 * 1024;

/// Waits to be sent: beyond it the network is slower than what is published, and the queue on disk
/// is the better place.
const OUT_BYTES_MAX: usize = 1024 * 1024;

/// How a car connects.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Asked for; the server may set less.
    pub keep_alive_s: u16,
    /// The largest packet that the car takes.
    pub packet_bytes_max: usize,
    /// For TCP, TLS, CONNACK, SUBACK and PINGRESP each.
    pub response_timeout: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            keep_alive_s: 60,
            packet_bytes_max: model::limits::DOCUMENT_BYTES_MAX + 4 * 1024,
            response_timeout: Duration::from_secs(20),
        }
    }
}

/// What the connection tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The message is durable over there.
    Taken { id: PacketId },
    /// The message was refused for good: count it, and never send it again.
    Rejected { id: PacketId, reason: ReasonCode, text: String },
    /// Something came down: an envelope, a hint or a notice.
    Down { topic: Topic, payload: Bytes },
}

/// A connection on which messages may be published.
#[derive(Debug)]
pub struct Connection<S = TlsStream<TcpStream>> {
    stream: S,
    session: Session,
    frames: Frames,
    out: Vec<u8>,
    sent: usize,
    events: VecDeque<Event>,
    over: Option<Error>,
    ready: bool,
    resumed: bool,
}

impl Connection {
    /// Connects over TLS and waits until messages may be published.
    pub async fn open(
        address: impl ToSocketAddrs,
        server: ServerName<'static>,
        config: Arc<ClientConfig>,
        vehicle: VehicleId,
        options: Options,
    ) -> Result<Self, Error> {
        let handshake = async {
            let tcp = TcpStream::connect(address).await?;
            tcp.set_nodelay(true)?;
            TlsConnector::from(config).connect(server, tcp).await
        };
        let stream = timeout(options.response_timeout, handshake).await.map_err(|_| Error::Silent)??;
        let resumed = stream.get_ref().1.handshake_kind() == Some(rustls::HandshakeKind::Resumed);
        let mut connection = Self::start(stream, vehicle, options).await?;
        connection.resumed = resumed;
        Ok(connection)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    /// Connects over a stream that is there, and waits until messages may be published.
    pub async fn start(stream: S, vehicle: VehicleId, options: Options) -> Result<Self, Error> {
        let now = Instant::now().into_std();
        let session = Session::new(
            now,
            vehicle,
            options.keep_alive_s,
            options.packet_bytes_max,
            options.response_timeout,
        );
        let mut connection = Self {
            stream,
            session,
            frames: Frames::new(),
            out: Vec::new(),
            sent: 0,
            events: VecDeque::new(),
            over: None,
            ready: false,
            resumed: false,
        };
        connection.session.connect(now, &mut connection.out);
        connection.drive(|connection| connection.ready.then_some(())).await?;
        Ok(connection)
    }

    /// Whether the TLS session was resumed by a ticket.
    pub fn is_resumed(&self) -> bool {
        self.resumed
    }

    /// What the server said that the time is.
    pub fn server_time(&self) -> Option<ServerTime> {
        self.session.server_time()
    }

    /// How many more messages may be published now.
    pub fn window_free(&self) -> usize {
        if self.out.len() - self.sent >= OUT_BYTES_MAX { 0 } else { self.session.window_free() }
    }

    /// Another connection of this car is coming up: from now on this one ends when the platform asks for it.
    pub fn hand_over(&mut self) {
        self.session.hand_over();
    }

    /// The other connection did not come up; this one goes on.
    pub fn keep(&mut self) {
        self.session.keep();
    }

    /// Takes a message to send with the next call of [`Connection::next`], which must follow.
    pub fn publish(&mut self, topic: Topic, payload: &[u8]) -> Result<PacketId, NotSent> {
        if self.window_free() == 0 && self.session.is_ready() {
            return Err(NotSent::WindowFull);
        }
        self.session.publish(Instant::now().into_std(), topic, payload, &mut self.out)
    }

    /// Sends what was published, keeps the connection alive, and gives what comes.
    ///
    /// Dropping the future loses nothing; call again. After an error the connection is over.
    pub async fn next(&mut self) -> Result<Event, Error> {
        self.drive(|connection| connection.events.pop_front()).await
    }

    /// Says goodbye, after what was published.
    pub async fn close(mut self) -> Result<(), Error> {
        self.session.disconnect(ReasonCode::Success, &mut self.out);
        let rest = self.out.get(self.sent..).unwrap_or_default();
        self.stream.write_all(rest).await?;
        self.stream.shutdown().await?;
        Ok(())
    }

    /// Runs the connection until `done` gives a value.
    async fn drive<T>(&mut self, mut done: impl FnMut(&mut Self) -> Option<T>) -> Result<T, Error> {
        loop {
            if let Some(value) = done(self) {
                return Ok(value);
            }
            if let Some(error) = self.over.take() {
                return Err(error);
            }
            let deadline = self.session.deadline();
            let step = poll_fn(|cx| self.poll_step(cx));
            let Some(deadline) = step_or_deadline(step, deadline).await? else { continue };
            if !self.session.handle_timeout(deadline, &mut self.out) {
                return Err(Error::Silent);
            }
        }
    }

    /// Writes what waits and reads what came; ready when there was something to read.
    fn poll_step(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if let Poll::Ready(result) = self.poll_write(cx) {
            result?;
        }
        let mut space = [0; READ_BYTES];
        let mut buffer = ReadBuf::new(&mut space);
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer))?;
        if buffer.filled().is_empty() {
            return Poll::Ready(Err(Error::Closed));
        }
        Poll::Ready(self.take(buffer.filled()))
    }

    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(rest) = self.out.get(self.sent..).filter(|rest| !rest.is_empty()) {
            let written = ready!(Pin::new(&mut self.stream).poll_write(cx, rest))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.sent += written;
        }
        // Freed, not cleared: a car that has nothing to say holds no buffer.
        self.out = Vec::new();
        self.sent = 0;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn take(&mut self, data: &[u8]) -> Result<(), Error> {
        let now = Instant::now().into_std();
        let Self { session, frames, out, events, over, ready, .. } = self;
        let packet_bytes_max = model::limits::DOCUMENT_BYTES_MAX + 4 * 1024;
        let result = frames.feed(data, packet_bytes_max, |packet| {
            match session.handle_packet(now, packet, out) {
                Err(violation) => return ControlFlow::Break(violation),
                Ok(None) => {}
                Ok(Some(event)) => note(event, events, over, ready),
            }
            ControlFlow::Continue(())
        });
        let violation: Option<Violation> = match result {
            Ok(ControlFlow::Continue(())) => None,
            Ok(ControlFlow::Break(violation)) | Err(violation) => Some(violation),
        };
        violation.map_or(Ok(()), |violation| Err(violation.into()))
    }
}

fn note(event: SessionEvent<'_>, events: &mut VecDeque<Event>, over: &mut Option<Error>, ready: &mut bool) {
    match event {
        SessionEvent::Ready => *ready = true,
        SessionEvent::Refused { reason, text } => {
            *over = Some(Error::Refused { reason, text: text.to_owned() })
        }
        SessionEvent::Disconnected { reason, text } => {
            *over = Some(Error::Disconnected { reason, text: text.to_owned() });
        }
        SessionEvent::Taken { id } => events.push_back(Event::Taken { id }),
        SessionEvent::Rejected { id, reason, text } => {
            events.push_back(Event::Rejected { id, reason, text: text.to_owned() });
        }
        SessionEvent::Down { topic, payload } => {
            events.push_back(Event::Down { topic, payload: Bytes::copy_from_slice(payload) });
        }
    }
}

/// Waits for a step or for the deadline; `Some` is the time when the deadline came first.
async fn step_or_deadline(
    step: impl Future<Output = Result<(), Error>>,
    deadline: Option<std::time::Instant>,
) -> Result<Option<std::time::Instant>, Error> {
    let Some(deadline) = deadline else {
        step.await?;
        return Ok(None);
    };
    tokio::select! {
        biased;
        result = step => result.map(|()| None),
        () = tokio::time::sleep_until(deadline.into()) => Ok(Some(Instant::now().into_std())),
    }
}
