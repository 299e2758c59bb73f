//! The car's side of EST: one request a connection, bounded in size and time.

use std::{sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{Request, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use link::est;
use rustls::{
    ClientConfig, RootCertStore,
    client::ResolvesClientCert,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, ServerName},
};
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::TlsConnector;

use super::EnrolError;

/// For everything from the first packet to the last byte; a car tries again later.
const PATIENCE: Duration = Duration::from_secs(30);
/// Of a refusal's text; it goes to a log.
const TEXT_BYTES_MAX: usize = 300;

/// Where EST is.
#[derive(Debug, Clone)]
pub struct EstClient {
    /// `host:port`
    address: Arc<str>,
    server: ServerName<'static>,
}

impl EstClient {
    /// `url` is `https://HOST:PORT`; the platform's certificate must be for `HOST`.
    pub fn new(url: &str) -> Result<Self, EnrolError> {
        let wrong = || EnrolError::Url { url: url.to_owned() };
        let address = url.strip_prefix("https://").ok_or_else(wrong)?.trim_end_matches('/');
        let (host, port) = address.rsplit_once(':').ok_or_else(wrong)?;
        port.parse::<u16>().map_err(|_| wrong())?;
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let server = ServerName::try_from(host).map_err(|_| wrong())?;
        Ok(Self { address: address.into(), server })
    }

    /// The authorities that the platform names (4.1).
    pub(super) async fn authorities(
        &self,
        config: &Arc<ClientConfig>,
    ) -> Result<Vec<CertificateDer<'static>>, EnrolError> {
        let request = self.request("cacerts", "GET").body(Full::default());
        self.certificates(config, request).await
    }

    /// A certificate for a request (4.2), from whoever the client's certificate or the user is.
    pub(super) async fn ask(
        &self,
        config: &Arc<ClientConfig>,
        operation: &str,
        user: Option<(String, String)>,
        csr: Vec<u8>,
    ) -> Result<CertificateDer<'static>, EnrolError> {
        let mut request = self.request(operation, "POST").header(header::CONTENT_TYPE, est::PKCS10);
        if let Some((user, password)) = user {
            let basic = STANDARD.encode(format!("{user}:{password}"));
            request = request.header(header::AUTHORIZATION, format!("Basic {basic}"));
        }
        let request = request.body(Full::from(est::to_body(&csr)));
        self.certificates(config, request).await?.into_iter().next().ok_or(EnrolError::Answer)
    }

    fn request(&self, operation: &str, method: &str) -> hyper::http::request::Builder {
        Request::builder()
            .method(method)
            .uri(format!("{}/{operation}", est::PATH))
            .header(header::HOST, &*self.address)
            .header(header::CONNECTION, "close")
    }

    async fn certificates(
        &self,
        config: &Arc<ClientConfig>,
        request: Result<Request<Full<Bytes>>, hyper::http::Error>,
    ) -> Result<Vec<CertificateDer<'static>>, EnrolError> {
        let request = request.map_err(unreachable)?;
        let (status, body) = timeout(PATIENCE, self.send(config, request)).await.map_err(unreachable)??;
        if status != 200 {
            let text = body.get(..body.len().min(TEXT_BYTES_MAX)).unwrap_or_default();
            let text = String::from_utf8_lossy(text).trim().to_owned();
            return Err(EnrolError::Refused { status, text });
        }
        let message = est::from_body(&body).map_err(|_| EnrolError::Answer)?;
        est::certificates_of(&message).map_err(|_| EnrolError::Answer)
    }

    async fn send(
        &self,
        config: &Arc<ClientConfig>,
        request: Request<Full<Bytes>>,
    ) -> Result<(u16, Bytes), EnrolError> {
        let socket = TcpStream::connect(&*self.address).await.map_err(unreachable)?;
        let tls = TlsConnector::from(Arc::clone(config)).connect(self.server.clone(), socket);
        let stream = tls.await.map_err(unreachable)?;
        let (mut sender, connection) =
            http1::handshake::<_, Full<Bytes>>(TokioIo::new(stream)).await.map_err(unreachable)?;
        let answer = async {
            let response = sender.send_request(request).await.map_err(unreachable)?;
            let status = response.status().as_u16();
            let body = Limited::new(response.into_body(), est::BODY_BYTES_MAX).collect().await;
            Ok((status, body.map_err(EnrolError::Unreachable)?.to_bytes()))
        };
        tokio::pin!(answer, connection);
        tokio::select! {
            biased;
            answer = &mut answer => answer,
            // It ends when all has come, or has failed; the answer knows.
            _ = &mut connection => answer.await,
        }
    }
}

/// TLS 1.3 without resumption: the car comes once a month.
pub(super) fn config(
    roots: Arc<RootCertStore>,
    certified: Option<Arc<dyn ResolvesClientCert>>,
) -> Result<Arc<ClientConfig>, rustls::Error> {
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_root_certificates(roots);
    let mut config = match certified {
        Some(certified) => builder.with_client_cert_resolver(certified),
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.resumption = rustls::client::Resumption::disabled();
    Ok(Arc::new(config))
}

fn unreachable(error: impl std::error::Error + Send + Sync + 'static) -> EnrolError {
    EnrolError::Unreachable(Box::new(error))
}
