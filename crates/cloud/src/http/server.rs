//! The listener: plain on loopback, TLS 1.3 elsewhere; bounded in connections and in patience.

use std::{
    collections::HashMap,
    io,
    net::{IpAddr, SocketAddr, TcpListener as StdListener},
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{Router, http::Request};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{
        conn::auto::Builder,
        graceful::{GracefulShutdown, Watcher},
    },
    service::TowerToHyperService,
};
use rustls::{ServerConfig, pki_types::CertificateDer, server::ResolvesServerCert};
use socket2::SockRef;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::timeout,
};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tower::ServiceBuilder;

/// Connections at once; the system's limit of open files is for cars.
const CONNECTIONS_MAX: usize = 2_048;
/// Of one address: an office behind one address has as many people, and nobody else can take all places.
const CONNECTIONS_PER_PEER_MAX: usize = 256;
/// For TLS, for the first request after it, and for the head of each request.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a client may acknowledge nothing, or take nothing, of what is sent to it.
const WRITE_PATIENCE: Duration = Duration::from_secs(30);
/// What one HTTP/2 stream may have in memory on its way out.
const STREAM_BYTES_MAX: usize = 64 * 1024;
/// Names and values of one HTTP/2 request's headers. Browsers send all cookies with each: one that has many is
/// answered, and may be rid of them.
const HEADER_BYTES_MAX: u32 = 64 * 1024;
/// Requests of one HTTP/2 connection at once.
const STREAMS_MAX: u32 = 64;
/// What answers that have begun get to end when the platform stops.
const DRAIN: Duration = Duration::from_secs(5);
/// When the process has no more files, accepting again at once would only burn a core.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Why the listener does not start.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    #[error("cannot listen on {address}; is another process using the port?")]
    Listen { address: SocketAddr, source: io::Error },
    #[error("the API's TLS cannot be set up")]
    Tls(#[source] rustls::Error),
}

/// A listener that is bound but does not serve yet.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    tls: Option<Arc<ServerConfig>>,
}

/// Where a request comes from, as far as the listener sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Peer(pub IpAddr);

/// What the client showed in the handshake, where its certificate was asked for and checked.
#[derive(Debug, Clone)]
pub(crate) struct ClientCertificate(pub CertificateDer<'static>);

/// How many connections each address has.
#[derive(Debug, Clone, Default)]
struct Peers(Arc<Mutex<HashMap<IpAddr, usize>>>);

/// A connection's place among those of its address.
#[derive(Debug)]
struct PeerPlace {
    peers: Peers,
    address: IpAddr,
}

impl Peers {
    /// `None` when the address has as many as it may. This machine is not bounded: behind a proxy on it, all
    /// people have its address.
    fn take(&self, address: IpAddr) -> Option<PeerPlace> {
        let mut peers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = peers.entry(address).or_default();
        if *count >= CONNECTIONS_PER_PEER_MAX && !address.is_loopback() {
            return None;
        }
        *count += 1;
        Some(PeerPlace { peers: self.clone(), address })
    }
}

impl Drop for PeerPlace {
    fn drop(&mut self) {
        let mut peers = self.peers.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = peers.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                peers.remove(&self.address);
            }
        }
    }
}

impl Server {
    /// Binds the address; with TLS when a configuration is given.
    pub fn bind(address: SocketAddr, tls: Option<Arc<ServerConfig>>) -> Result<Self, ServerError> {
        let bind = || {
            let listener = StdListener::bind(address)?;
            listener.set_nonblocking(true)?;
            let listener = TcpListener::from_std(listener)?;
            let address = listener.local_addr()?;
            Ok((listener, address))
        };
        let (listener, address) = bind().map_err(|source| ServerError::Listen { address, source })?;
        Ok(Self { listener, address, tls })
    }

    /// Where it listens; the port is known even if any was asked for.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stopping`, then lets answers that have begun end.
    pub async fn run(self, router: Router, stopping: CancellationToken) {
        let acceptor = self.tls.map(TlsAcceptor::from);
        let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        let peers = Peers::default();
        let graceful = GracefulShutdown::new();
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                () = stopping.cancelled() => break,
            };
            let (socket, peer) = match accepted {
                Ok((socket, address)) => (socket, address.ip()),
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            // Too many: closed at once, before it costs anything.
            let Ok(place) = Arc::clone(&places).try_acquire_owned() else { continue };
            let Some(peer_place) = peers.take(peer) else { continue };
            let serving =
                connection(socket, acceptor.clone(), router.clone(), Peer(peer), graceful.watcher());
            tokio::spawn(async move {
                let _places = (place, peer_place);
                serving.await;
            });
        }
        drop(self.listener);
        if timeout(DRAIN, graceful.shutdown()).await.is_err() {
            tracing::warn!("some answers did not end in time");
        }
    }
}

/// TLS for people's clients: no certificate asked. Version 1.3, and 1.2 where devices that cannot do better have to
/// be served.
pub fn tls_config(
    identity: Arc<dyn ResolvesServerCert>,
    with_tls12: bool,
) -> Result<Arc<ServerConfig>, ServerError> {
    use rustls::version::{TLS12, TLS13};
    let versions = if with_tls12 { &[&TLS13, &TLS12][..] } else { &[&TLS13][..] };
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .map_err(ServerError::Tls)?
        .with_no_client_auth()
        .with_cert_resolver(identity);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

async fn connection(
    socket: TcpStream,
    acceptor: Option<TlsAcceptor>,
    router: Router,
    peer: Peer,
    watcher: Watcher,
) {
    // Small answers should not wait for more; a socket that is gone already fails later, too.
    drop(socket.set_nodelay(true));
    drop(SockRef::from(&socket).set_tcp_user_timeout(Some(WRITE_PATIENCE)));
    match acceptor {
        None => serve(socket, router, peer, None, watcher).await,
        Some(acceptor) => match timeout(PATIENCE, acceptor.accept(socket)).await {
            Ok(Ok(stream)) => {
                let shown = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
                let shown = shown.map(|leaf| ClientCertificate(leaf.clone().into_owned()));
                serve(stream, router, peer, shown, watcher).await;
            }
            Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
            Err(_elapsed) => tracing::debug!("a TLS handshake took too long"),
        },
    }
}

async fn serve<S>(stream: S, router: Router, peer: Peer, shown: Option<ClientCertificate>, watcher: Watcher)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(PATIENCE);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_MAX)
        .max_header_list_size(HEADER_BYTES_MAX)
        .max_send_buf_size(STREAM_BYTES_MAX)
        .keep_alive_interval(PATIENCE);
    let asked = CancellationToken::new();
    let service = ServiceBuilder::new().map_request(noting(asked.clone(), peer, shown)).service(router);
    let service = TowerToHyperService::new(service);
    let connection = builder.serve_connection(TokioIo::new(stream), service).into_owned();
    let mut connection = pin!(watcher.watch(connection));
    // hyper's own timers begin when it knows the protocol, and a client that says nothing never tells it.
    let ended = tokio::select! {
        ended = &mut connection => ended,
        spoken = timeout(PATIENCE, asked.cancelled()) => match spoken {
            Ok(()) => connection.await,
            Err(_elapsed) => return tracing::debug!("a client asked for nothing"),
        },
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended with an error");
    }
}

/// Says that a request has come, and tells it who from.
fn noting<B>(
    asked: CancellationToken,
    peer: Peer,
    shown: Option<ClientCertificate>,
) -> impl Fn(Request<B>) -> Request<B> + Clone {
    move |mut request| {
        asked.cancel();
        request.extensions_mut().insert(peer);
        if let Some(shown) = &shown {
            request.extensions_mut().insert(shown.clone());
        }
        request
    }
}

#[cfg(test)]
mod tests;
