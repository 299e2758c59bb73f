//! The peer's consumer as a process of its own: takes messages from mosquitto, decodes them, and
//! copies their rows into PostgreSQL over some connections, so that rows are decoded and copied
//! while a commit waits for the disk. It acknowledges a message when its rows are committed.

use std::{
    collections::BTreeMap,
    io::{self, BufRead as _, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    ops::ControlFlow,
    path::PathBuf,
    sync::{
        Arc, Condvar, Mutex, PoisonError,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    time::Duration,
};

use anyhow::{Context as _, bail};
use clap::Args;
use link::{
    Frames,
    codec::{
        Connect, Filters, Packet, PacketId, Properties, Property, PropertyBuf, Publish, QoS, Subscribe,
        SubscribeFilter, puback_success,
    },
};
use signals::Catalogue;
use sqlx::{Connection as _, PgConnection};
use wire::{Decoder, parse_header, topic::Topic};

use super::{
    postgres,
    rows::{COPY, Layout, Rows},
    server::{APPLIED, SETTLE, STORED},
};

/// The peer's consumer; the bench starts it by itself.
#[derive(Debug, Clone, Args)]
pub(crate) struct ConsumerOptions {
    /// Where mosquitto listens.
    #[arg(long)]
    broker: SocketAddr,
    /// The folder of PostgreSQL's socket.
    #[arg(long)]
    socket: PathBuf,
    #[arg(long)]
    layout: Layout,
    /// Samples in one COPY.
    #[arg(long)]
    samples: usize,
    /// Connections to PostgreSQL.
    #[arg(long)]
    copiers: usize,
}

const PACKET_BYTES_MAX: usize = 1 << 20;
const READ_BYTES: usize = 256 * 1024;

/// Rows that are fewer than a COPY holds wait this long for more.
const LINGER: Duration = Duration::from_millis(5);

/// Copies that are ready while others are being made.
const COPIES_READY_MAX: usize = 2;

/// Messages in flight from mosquitto, so that several copies fill while one waits for its commit.
const RECEIVE_MAXIMUM: u16 = 20_000;

/// Runs until its input ends; prints a line when it has subscribed.
pub(crate) fn run(options: &ConsumerOptions) -> anyhow::Result<()> {
    let mut socket = TcpStream::connect(options.broker).context("connect to mosquitto")?;
    socket.set_nodelay(true)?;
    socket.set_read_timeout(Some(LINGER))?;
    subscribe(&mut socket)?;
    let stored = Arc::new(Stored::default());
    let (copies, ready) = sync_channel(COPIES_READY_MAX);
    let mut intake = Intake::new(options.layout, options.samples, copies);
    let answers = socket.try_clone().context("share the connection to mosquitto")?;
    let answers = Arc::new(Mutex::new(Answers { socket: answers, next: 0, early: BTreeMap::new() }));
    let ready = Arc::new(Mutex::new(ready));
    for _ in 0..options.copiers.max(1) {
        let (ready, answers, stored) = (Arc::clone(&ready), Arc::clone(&answers), Arc::clone(&stored));
        let copier = Copier { socket: options.socket.clone(), ready, answers, stored };
        std::thread::spawn(move || end_on_error(copier.run()));
    }
    std::thread::spawn(move || end_on_error(intake.run(&mut socket)));
    let mut stdout = io::stdout();
    for line in io::stdin().lock().lines() {
        let line = line?;
        let wanted = line.strip_prefix(SETTLE).map(|count| count.trim().parse::<usize>());
        let Some(Ok(wanted)) = wanted else { bail!("the bench said `{line}`") };
        stored.reach(wanted);
        // What is committed can be queried.
        writeln!(stdout, "{APPLIED}\n{STORED}")?;
        stdout.flush()?;
    }
    Ok(())
}

/// A thread that fails takes the process with it: the bench waits for nothing then.
fn end_on_error(result: anyhow::Result<()>) {
    if let Err(error) = result {
        tracing::error!("{error:#}");
        std::process::exit(1);
    }
}

/// How many messages are committed.
#[derive(Debug, Default)]
struct Stored {
    messages: Mutex<usize>,
    changed: Condvar,
}

impl Stored {
    fn add(&self, messages: usize) {
        *self.messages.lock().unwrap_or_else(PoisonError::into_inner) += messages;
        self.changed.notify_all();
    }

    fn reach(&self, wanted: usize) {
        let guard = self.messages.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.changed.wait_while(guard, |messages| *messages < wanted));
    }
}

fn subscribe(socket: &mut TcpStream) -> anyhow::Result<()> {
    let properties = PropertyBuf::new().with(Property::ReceiveMaximum(RECEIVE_MAXIMUM))?;
    let connect = Connect {
        clean_start: true,
        keep_alive_s: 0,
        properties: properties.as_properties(),
        client_id: "consumer",
        will: None,
        user_name: None,
        password: None,
    };
    let mut bytes = Vec::new();
    Packet::Connect(connect).encode(&mut bytes)?;
    let filter = SubscribeFilter {
        filter: "v1/+/up/+",
        qos: QoS::AtLeastOnce,
        no_local: false,
        retain_as_published: false,
        retain_handling: 0,
    };
    let mut filters = Vec::new();
    filter.write(&mut filters)?;
    let filters = Filters::parse(&filters)?;
    Packet::Subscribe(Subscribe { id: PacketId::MIN, properties: Properties::EMPTY, filters })
        .encode(&mut bytes)?;
    socket.write_all(&bytes).context("subscribe at mosquitto")
}

/// The rows of one COPY and the messages that they came in.
struct Copy {
    number: u64,
    bytes: Vec<u8>,
    messages: Vec<PacketId>,
}

/// Collects rows for copies.
struct Intake {
    layout: Layout,
    samples_max: usize,
    catalogue: Arc<Catalogue>,
    decoder: Decoder,
    rows: Rows,
    samples: usize,
    messages: Vec<PacketId>,
    next_copy: u64,
    copies: SyncSender<Copy>,
}

impl Intake {
    fn new(layout: Layout, samples_max: usize, copies: SyncSender<Copy>) -> Self {
        Self {
            layout,
            samples_max,
            catalogue: Catalogue::core(),
            decoder: Decoder::default(),
            rows: Rows::new(layout, 0),
            samples: 0,
            messages: Vec::new(),
            next_copy: 0,
            copies,
        }
    }

    fn run(&mut self, socket: &mut TcpStream) -> anyhow::Result<()> {
        let mut frames = Frames::new();
        let mut buffer = vec![0; READ_BYTES];
        loop {
            let len = match socket.read(&mut buffer) {
                Ok(0) => bail!("mosquitto closed the connection"),
                Ok(len) => len,
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                    self.send()?;
                    continue;
                }
                Err(error) => return Err(error).context("read from mosquitto"),
            };
            let data = buffer.get(..len).unwrap_or_default();
            let fed = frames.feed(data, PACKET_BYTES_MAX, |packet| match self.take(packet) {
                Ok(()) => ControlFlow::Continue(()),
                Err(error) => ControlFlow::Break(error),
            })?;
            if let ControlFlow::Break(error) = fed {
                return Err(error);
            }
        }
    }

    fn take(&mut self, packet: Packet<'_>) -> anyhow::Result<()> {
        match packet {
            Packet::Publish(publish) => self.publish(&publish),
            Packet::ConnAck(connack) if !connack.reason.is_failure() => Ok(()),
            Packet::SubAck(_) => {
                let mut stdout = io::stdout();
                writeln!(stdout, "subscribed")?;
                Ok(stdout.flush()?)
            }
            Packet::Connect(_)
            | Packet::ConnAck(_)
            | Packet::PubAck(_)
            | Packet::PubRec(_)
            | Packet::PubRel(_)
            | Packet::PubComp(_)
            | Packet::Subscribe(_)
            | Packet::Unsubscribe(_)
            | Packet::UnsubAck(_)
            | Packet::PingReq
            | Packet::PingResp
            | Packet::Disconnect(_)
            | Packet::Auth(_) => bail!("mosquitto sent {packet:?}"),
        }
    }

    fn publish(&mut self, publish: &Publish<'_>) -> anyhow::Result<()> {
        let (vehicle, _) = Topic::parse(publish.topic).context("read a topic")?;
        let (header, body) = parse_header(publish.payload)?;
        let decoded = self.decoder.decode(&header, body, &self.catalogue)?;
        if !decoded.bad_columns.is_empty() {
            bail!("a batch of the bench has bad columns");
        }
        for group in &decoded.groups {
            self.rows.push(vehicle, group, &self.catalogue)?;
            self.samples += group.samples();
        }
        self.messages.push(publish.id.context("a message of QoS 1 has a packet identifier")?);
        if self.samples >= self.samples_max {
            self.send()?;
        }
        Ok(())
    }

    fn send(&mut self) -> anyhow::Result<()> {
        if self.messages.is_empty() {
            return Ok(());
        }
        let rows = Rows::new(self.layout, self.rows.bytes_len() + READ_BYTES);
        let bytes = std::mem::replace(&mut self.rows, rows).finish();
        self.samples = 0;
        let copy = Copy { number: self.next_copy, bytes, messages: std::mem::take(&mut self.messages) };
        self.next_copy += 1;
        self.copies.send(copy).context("hand rows over to the thread that copies")
    }
}

/// Acknowledges messages in the order in which they came, which MQTT asks for and mosquitto is
/// fastest with.
struct Answers {
    socket: TcpStream,
    /// The copy to acknowledge next.
    next: u64,
    /// Copies that were committed before those before them.
    early: BTreeMap<u64, Vec<PacketId>>,
}

impl Answers {
    fn committed(&mut self, number: u64, messages: Vec<PacketId>) -> io::Result<()> {
        self.early.insert(number, messages);
        let mut answer = Vec::new();
        while let Some(messages) = self.early.remove(&self.next) {
            self.next += 1;
            messages.iter().for_each(|id| puback_success(&mut answer, *id));
        }
        self.socket.write_all(&answer)
    }
}

/// Copies rows over a connection of its own.
struct Copier {
    socket: PathBuf,
    ready: Arc<Mutex<Receiver<Copy>>>,
    answers: Arc<Mutex<Answers>>,
    stored: Arc<Stored>,
}

impl Copier {
    fn run(self) -> anyhow::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let options = postgres::options(&self.socket);
        let mut connection = runtime.block_on(PgConnection::connect_with(&options)).context("connect")?;
        loop {
            let next = self.ready.lock().unwrap_or_else(PoisonError::into_inner).recv();
            let Ok(Copy { number, bytes, messages }) = next else { return Ok(()) };
            runtime.block_on(async {
                let mut copying = connection.copy_in_raw(COPY).await?;
                copying.send(bytes).await?;
                copying.finish().await
            })?;
            let count = messages.len();
            let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
            answers.committed(number, messages).context("acknowledge messages")?;
            drop(answers);
            self.stored.add(count);
        }
    }
}
