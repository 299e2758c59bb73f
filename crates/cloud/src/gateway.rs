//! The front door for cars: MQTT 5 over mutual TLS, in front of the durable log.
//!
//! Each worker is a thread with a listener of its own (`SO_REUSEPORT`), an event loop, and buffers
//! that all its connections share. In a tick it reads what has come, collects the batches of all
//! cars in one group per shard, hands the groups to the log, and writes each car's acknowledgements
//! with one call. The log answers a group with one letter to the worker.
//!
//! Invariants, as absences: no PUBACK of success leaves before the log confirmed the batch; no batch
//! is decoded beyond its header; a car makes no one else wait; an idle connection holds no buffer.

mod backend;
mod check;
mod clock;
mod connection;
mod desk;
mod directory;
mod mailbox;
mod metrics;
mod quota;
mod tls;
mod worker;

use std::{
    io,
    net::{SocketAddr, TcpListener},
    sync::Arc,
    thread::JoinHandle,
    time::Duration,
};

use bytes::Bytes;
use lake::log::DurableLog;
use link::server::Limits;
use model::{Micros, Region, VehicleId};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustls::ServerConfig;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::{runtime::Handle, sync::mpsc};

pub use backend::{
    Admission, Assignment, Assignments, Cause, Certificate, Change, Connectivity, Credentials, Denial,
    Desired, Fingerprint, Registry, Reports, Sighting, Unavailable,
};
pub use check::Refusal;
pub use metrics::{LATENCY_BOUNDS_US, Snapshot};
pub use quota::{Quota, Rate};
pub(crate) use tls::{fingerprint, vehicle_of};

use desk::{Desk, Shared};
use mailbox::{Mail, Mailbox};
use metrics::Metrics;
use worker::Worker;

/// How the gateway is reached and what it allows.
#[derive(Debug, Clone)]
pub struct Config {
    pub listen: SocketAddr,
    pub transport: Transport,
    /// The region of this cell; a car's certificate must name it.
    pub region: Region,
    /// Threads; as many as cores is the most that helps.
    pub workers: usize,
    pub limits: Limits,
    /// Open sockets of all workers; more are closed at once.
    pub connections_max: usize,
    /// New connections of each worker; more wait in the kernel.
    pub accepts: Rate,
    /// What one car may send; more is not read before its time.
    pub quota: Quota,
    /// From the first byte to the end of the TLS handshake.
    pub handshake_timeout: Duration,
    /// What may wait for one car to read it.
    pub unsent_bytes_max: usize,
    /// From the call of [`Gateway::shutdown`] to its end.
    pub drain_timeout: Duration,
    /// How long the first of two connections of a car may take to answer a ping.
    pub answer_wait: Micros,
}

impl Config {
    /// The defaults for an address, a transport and a region.
    pub fn new(listen: SocketAddr, transport: Transport, region: Region) -> Self {
        Self {
            listen,
            transport,
            region,
            workers: std::thread::available_parallelism().map_or(1, usize::from),
            limits: Limits::default(),
            // 100,000 connections take about 1 GB.
            connections_max: 100_000,
            // A full handshake takes some 600 µs: who only connects has a third of a core at most.
            accepts: Rate { per_minute: 30_000, burst: 1_000 },
            quota: Quota::default(),
            handshake_timeout: Duration::from_secs(10),
            // Two documents of the largest size.
            unsent_bytes_max: 2 * model::limits::DOCUMENT_BYTES_MAX + 64 * 1024,
            drain_timeout: Duration::from_secs(10),
            answer_wait: identity::clone_watch::ANSWER_WAIT,
        }
    }
}

/// What carries the packets.
#[derive(Debug, Clone)]
pub enum Transport {
    /// Mutual TLS; see [`link::tls::server_config`]. The certificate is the car.
    Tls(Arc<ServerConfig>),
    /// For benches on this machine: no TLS, the client identifier is the car. Only on loopback.
    PlainLoopback,
}

/// The rest of the platform, as the gateway sees it.
#[derive(Debug, Clone)]
pub struct Backends {
    pub log: Arc<dyn DurableLog>,
    pub registry: Arc<dyn Registry>,
    pub desired: Arc<dyn Desired>,
    pub reports: Arc<dyn Reports>,
    /// Who came and went; when it is full, cars wait at the door.
    pub connectivity: mpsc::Sender<Connectivity>,
    /// Two cars have one identity: it is to be quarantined. When it is full, cars wait at the door.
    pub clones: mpsc::Sender<Sighting>,
    /// It looks as if they had. When it is full, those that come are counted, and nobody is told.
    pub suspicions: mpsc::Sender<Sighting>,
}

/// Why the gateway does not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the listener without TLS is for benches on loopback; {address} is not: use TLS")]
    PlainBeyondLoopback { address: SocketAddr },
    #[error("the gateway cannot listen on {address}; is another process using the port?")]
    Listen { address: SocketAddr, source: io::Error },
    #[error("a gateway worker cannot start")]
    Worker(#[source] io::Error),
}

/// A running gateway.
#[derive(Debug)]
pub struct Gateway {
    address: SocketAddr,
    shared: Arc<Shared>,
    mailboxes: Mailboxes,
    metrics: Vec<Arc<Metrics>>,
    threads: Vec<JoinHandle<()>>,
}

/// The workers' mailboxes.
#[derive(Debug, Clone)]
struct Mailboxes(Arc<[Arc<Mailbox>]>);

impl Mailboxes {
    fn post(&self, worker: usize, mail: Mail) {
        if let Some(mailbox) = self.0.get(worker) {
            mailbox.post(mail);
        }
    }
}

impl Gateway {
    /// Starts the workers. Questions to the backends that take time run on `runtime`.
    pub fn start(mut config: Config, backends: Backends, runtime: &Handle) -> Result<Self, Error> {
        let plain = matches!(config.transport, Transport::PlainLoopback);
        if plain && !config.listen.ip().is_loopback() {
            return Err(Error::PlainBeyondLoopback { address: config.listen });
        }
        let workers = config.workers.max(1);
        config.connections_max = files_for(config.connections_max);
        let listeners = listen(config.listen, workers)
            .map_err(|source| Error::Listen { address: config.listen, source })?;
        let address =
            listeners.first().map_or(Ok(config.listen), TcpListener::local_addr).map_err(Error::Worker)?;
        let shared = Arc::new(Shared::new(config.answer_wait));
        let mut polls = Vec::new();
        let mut mailboxes = Vec::new();
        for _ in 0..workers {
            let (poll, waker) = worker::poll().map_err(Error::Worker)?;
            polls.push(poll);
            mailboxes.push(Arc::new(Mailbox::new(waker)));
        }
        let mailboxes = Mailboxes(mailboxes.into());
        let mut gateway = Self { address, shared, mailboxes, metrics: Vec::new(), threads: Vec::new() };
        for (number, (poll, listener)) in polls.into_iter().zip(listeners).enumerate() {
            gateway.spawn(number, poll, listener, &config, &backends, runtime).map_err(Error::Worker)?;
        }
        tracing::info!(%address, workers, tls = !plain, "the gateway listens");
        Ok(gateway)
    }

    fn spawn(
        &mut self,
        number: usize,
        poll: mio::Poll,
        listener: TcpListener,
        config: &Config,
        backends: &Backends,
        runtime: &Handle,
    ) -> io::Result<()> {
        let metrics = Arc::new(Metrics::default());
        let mailbox = self.mailboxes.0.get(number).map(Arc::clone).expect("each worker has a mailbox");
        let desk = Desk::new(
            number,
            config,
            backends.clone(),
            Arc::clone(&self.shared),
            self.mailboxes.clone(),
            mailbox,
            Arc::clone(&metrics),
            runtime.clone(),
        );
        let worker = Worker::new(poll, listener, config.clone(), desk)?;
        let thread = std::thread::Builder::new().name(format!("gateway-{number}"));
        self.threads.push(thread.spawn(move || worker.run())?);
        self.metrics.push(metrics);
        Ok(())
    }

    /// Where it listens; the port is known even if any was asked for.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What was counted since the start.
    pub fn metrics(&self) -> Snapshot {
        let mut snapshot = Snapshot::default();
        for metrics in &self.metrics {
            snapshot.add(metrics);
        }
        snapshot
    }

    /// What the registry says of a car has changed: a connected car is asked about anew, and sent
    /// away if it may not stay.
    pub fn changed(&self, vehicle: VehicleId) {
        self.tell(vehicle, Mail::Changed);
    }

    /// The car has something newer to fetch.
    pub fn hint(&self, vehicle: VehicleId) {
        self.tell(vehicle, Mail::Hint);
    }

    /// Sends a [`wire::Notice`] to the car if it is connected.
    pub fn notice(&self, vehicle: VehicleId, payload: Bytes) {
        self.tell(vehicle, |key| Mail::Notice { key, payload });
    }

    /// Whether all workers run; one that ended by itself has taken its cars with it.
    pub fn is_running(&self) -> bool {
        self.threads.iter().all(|thread| !thread.is_finished())
    }

    /// Whether the car is connected here.
    pub fn is_connected(&self, vehicle: VehicleId) -> bool {
        self.shared.directory.find(vehicle).is_some()
    }

    /// Reads no more, waits for the log, acknowledges, says goodbye to every car, and ends.
    pub async fn shutdown(mut self) {
        self.stop();
        let threads = std::mem::take(&mut self.threads);
        let joined = tokio::task::spawn_blocking(move || threads.into_iter().for_each(join)).await;
        if let Err(error) = joined {
            tracing::error!(%error, "the gateway's workers could not be waited for");
        }
    }

    fn tell(&self, vehicle: VehicleId, mail: impl FnOnce(directory::Key) -> Mail) {
        if let Some(place) = self.shared.directory.find(vehicle) {
            self.mailboxes.post(place.worker, mail(place.key));
        }
    }

    fn stop(&self) {
        for worker in 0..self.mailboxes.0.len() {
            self.mailboxes.post(worker, Mail::Shutdown);
        }
    }
}

impl Drop for Gateway {
    /// A gateway that is dropped stops too, but nobody waits for it.
    fn drop(&mut self) {
        self.stop();
    }
}

/// Each connection is a file, and a shell allows far fewer than a machine can hold: raises the limit
/// as far as it goes, and gives how many connections it leaves room for.
fn files_for(connections_max: usize) -> usize {
    /// Log segments, tables, SQL, API and workers.
    const OTHER_FILES: u64 = 1_024;
    let wanted = u64::try_from(connections_max).unwrap_or(u64::MAX).saturating_add(OTHER_FILES);
    let limit = getrlimit(Resource::Nofile);
    let raised = limit.maximum.map_or(wanted, |maximum| maximum.min(wanted));
    let mut current = limit.current.unwrap_or(u64::MAX);
    if current < raised && setrlimit(Resource::Nofile, Rlimit { current: Some(raised), ..limit }).is_ok() {
        current = raised;
    }
    let left = usize::try_from(current.saturating_sub(OTHER_FILES)).unwrap_or(usize::MAX);
    if left < connections_max {
        tracing::info!(
            connections_max = left,
            "the limit of open files allows fewer cars; `ulimit -n` raises it"
        );
    }
    left.clamp(1, connections_max)
}

fn join(thread: JoinHandle<()>) {
    if thread.join().is_err() {
        tracing::error!("a gateway worker panicked");
    }
}

/// One listener for each worker on the same port: the kernel spreads connections over them.
fn listen(address: SocketAddr, count: usize) -> io::Result<Vec<TcpListener>> {
    /// Connections that wait to be accepted, when a fleet comes back at once.
    const BACKLOG: i32 = 4_096;
    let bind = |address: SocketAddr, shared: bool| {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_reuse_address(true)?;
        socket.set_reuse_port(shared)?;
        // Accepted sockets inherit it: acknowledgements do not wait for more data.
        socket.set_tcp_nodelay(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        Ok::<_, io::Error>(socket)
    };
    // Alone first: a shared port would quietly be shared with another process, too.
    let probe = bind(address, false)?;
    probe.listen(1)?;
    let address = probe.local_addr()?.as_socket().unwrap_or(address);
    drop(probe);
    let mut listeners = Vec::new();
    for _ in 0..count {
        let socket = bind(address, true)?;
        socket.listen(BACKLOG)?;
        listeners.push(socket.into());
    }
    Ok(listeners)
}

#[cfg(test)]
mod tests;
