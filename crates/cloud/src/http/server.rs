//! The listener: plain on loopback, TLS 1.3 elsewhere; bounded in connections and in patience.

use std::{
    io,
    net::{SocketAddr, TcpListener as StdListener},
    sync::Arc,
    time::Duration,
};

use axum::Router;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{
        conn::auto::Builder,
        graceful::{GracefulShutdown, Watcher},
    },
    service::TowerToHyperService,
};
use rustls::{ServerConfig, server::ResolvesServerCert};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

/// Connections at once; the system's limit of open files is for cars.
const CONNECTIONS_MAX: usize = 2_048;
/// For TLS, and for the head of each request.
const PATIENCE: Duration = Duration::from_secs(10);
/// Requests of one HTTP/2 connection at once.
const STREAMS_MAX: u32 = 64;
/// What answers that have begun get to end when the platform stops.
const DRAIN: Duration = Duration::from_secs(5);
/// When the process has no more files, accepting again at once would only burn a core.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Why the listener does not start.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    #[error("the API cannot listen on {address}; is another process using the port?")]
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
        let graceful = GracefulShutdown::new();
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                () = stopping.cancelled() => break,
            };
            let socket = match accepted {
                Ok((socket, _)) => socket,
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            // Too many: closed at once, before it costs anything.
            let Ok(place) = Arc::clone(&places).try_acquire_owned() else { continue };
            tokio::spawn(connection(socket, acceptor.clone(), router.clone(), graceful.watcher(), place));
        }
        drop(self.listener);
        if timeout(DRAIN, graceful.shutdown()).await.is_err() {
            tracing::warn!("some answers did not end in time");
        }
    }
}

/// TLS 1.3 for people's clients: no certificate asked.
pub fn tls_config(identity: Arc<dyn ResolvesServerCert>) -> Result<Arc<ServerConfig>, ServerError> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
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
    watcher: Watcher,
    place: OwnedSemaphorePermit,
) {
    let _place = place;
    // Small answers should not wait for more; a socket that is gone already fails later, too.
    drop(socket.set_nodelay(true));
    match acceptor {
        None => serve(socket, router, watcher).await,
        Some(acceptor) => match timeout(PATIENCE, acceptor.accept(socket)).await {
            Ok(Ok(stream)) => serve(stream, router, watcher).await,
            Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
            Err(_elapsed) => tracing::debug!("a TLS handshake took too long"),
        },
    }
}

async fn serve<S>(stream: S, router: Router, watcher: Watcher)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(PATIENCE);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_MAX)
        .keep_alive_interval(PATIENCE);
    let connection = builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    if let Err(error) = watcher.watch(connection.into_owned()).await {
        tracing::debug!(%error, "a connection ended with an error");
    }
}
