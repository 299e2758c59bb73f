//! How a car reaches the cloud.

use std::{future::Future, sync::Arc};

use link::client::{Connection, Options};
use model::VehicleId;
use rustls::pki_types::ServerName;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::client::TlsStream;

use crate::{Error, enrolment::LinkIdentity};

/// Makes connections. The network's edge: tests put a pipe in its place.
pub trait Connect: Send + Sync + 'static {
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// Connects and waits until messages may be published.
    fn connect(&self) -> impl Future<Output = Result<Connection<Self::Stream>, link::Error>> + Send;

    /// Ends when the car has another certificate: the connection that there is should be handed over to a new one.
    fn renewed(&self) -> impl Future<Output = ()> + Send {
        std::future::pending()
    }
}

/// Over TLS 1.3 with the car's certificate.
#[derive(Debug, Clone)]
pub struct TlsConnect {
    address: Arc<str>,
    server: ServerName<'static>,
    identity: Arc<LinkIdentity>,
    vehicle: VehicleId,
    options: Options,
}

impl TlsConnect {
    /// `address` is `host:port`; the platform's certificate must be for `host`.
    pub fn new(
        address: &str,
        identity: Arc<LinkIdentity>,
        vehicle: VehicleId,
        options: Options,
    ) -> Result<Self, Error> {
        let wrong = || Error::Address { address: address.to_owned() };
        let (host, port) = address.rsplit_once(':').ok_or_else(wrong)?;
        port.parse::<u16>().map_err(|_| wrong())?;
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let server = ServerName::try_from(host).map_err(|_| wrong())?;
        Ok(Self { address: address.into(), server, identity, vehicle, options })
    }
}

impl Connect for TlsConnect {
    type Stream = TlsStream<TcpStream>;

    async fn connect(&self) -> Result<Connection<Self::Stream>, link::Error> {
        let config = self.identity.config();
        Connection::open(&*self.address, self.server.clone(), config, self.vehicle, self.options).await
    }

    async fn renewed(&self) {
        self.identity.renewed().await;
    }
}
