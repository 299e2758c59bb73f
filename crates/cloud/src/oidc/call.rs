//! Asking a provider: what it may answer, and how long it may take.

use std::{fmt, sync::Arc, time::Duration};

use futures::future::BoxFuture;
use openidconnect::{AsyncHttpClient, HttpRequest, HttpResponse, http};
use reqwest::redirect::Policy;
use tokio::sync::Semaphore;
use url::Url;

use super::settings::{ProviderSettings, is_safe};

/// Somebody waits in front of a browser; a provider that needs longer is down.
const PATIENCE: Duration = Duration::from_secs(5);
/// A set of keys with their certificates has 30 kB.
const ANSWER_BYTES_MAX: usize = 256 * 1024;
/// So many codes are exchanged at one provider at once. A dead one must not take the places of those who go to another.
const CALLS_MAX: usize = 8;

/// Why a provider gave no answer that can be read.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    #[error("the provider cannot be asked")]
    Failed(#[source] reqwest::Error),
    #[error("its answer has more than {ANSWER_BYTES_MAX} bytes")]
    Large,
    #[error(
        "{url} is neither an `https` URL nor one of this machine; correct the provider's discovery document"
    )]
    Unsafe { url: String },
    #[error("{CALLS_MAX} wait for the provider already")]
    Busy,
    #[error("the request cannot be written")]
    Unwritten(#[source] http::Error),
}

/// Asks one provider. It follows no redirect: where to go stands in the discovery document.
#[derive(Clone)]
pub(super) struct Caller {
    client: reqwest::Client,
    places: Arc<Semaphore>,
}

impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Caller(..)")
    }
}

impl Caller {
    pub(super) fn new(settings: &ProviderSettings) -> Result<Self, CallError> {
        let mut builder = reqwest::Client::builder()
            .redirect(Policy::none())
            .referer(false)
            .timeout(PATIENCE)
            .https_only(!settings.is_plain());
        if settings.is_plain() {
            // What is on this machine is not behind a proxy.
            builder = builder.no_proxy();
        }
        if let Some(authorities) = &settings.authorities {
            builder = builder.tls_certs_only(authorities.clone());
        }
        let client = builder.build().map_err(CallError::Failed)?;
        Ok(Self { client, places: Arc::new(Semaphore::new(CALLS_MAX)) })
    }

    /// Reads a document of the provider's own, which one asks for at a time: it takes no place, so that those who come
    /// back with codes keep nobody from beginning.
    pub(super) async fn get(&self, url: &Url) -> Result<HttpResponse, CallError> {
        let request = http::Request::get(url.as_str()).header(http::header::ACCEPT, "application/json");
        self.ask(request.body(Vec::new()).map_err(CallError::Unwritten)?).await
    }

    async fn ask_in_place(&self, request: HttpRequest) -> Result<HttpResponse, CallError> {
        let _place = self.places.try_acquire().map_err(|_| CallError::Busy)?;
        self.ask(request).await
    }

    async fn ask(&self, request: HttpRequest) -> Result<HttpResponse, CallError> {
        let (parts, body) = request.into_parts();
        let url = parts.uri.to_string();
        let parsed = Url::parse(&url).ok().filter(is_safe).ok_or(CallError::Unsafe { url })?;
        let request = self.client.request(parts.method, parsed).headers(parts.headers).body(body);
        let mut answer = request.send().await.map_err(CallError::Failed)?;
        let mut response = http::Response::builder().status(answer.status());
        if let Some(headers) = response.headers_mut() {
            *headers = answer.headers().clone();
        }
        let mut body = Vec::new();
        while let Some(piece) = answer.chunk().await.map_err(CallError::Failed)? {
            if body.len() + piece.len() > ANSWER_BYTES_MAX {
                return Err(CallError::Large);
            }
            body.extend_from_slice(&piece);
        }
        response.body(body).map_err(CallError::Unwritten)
    }
}

impl<'c> AsyncHttpClient<'c> for Caller {
    type Error = CallError;
    type Future = BoxFuture<'c, Result<HttpResponse, CallError>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.ask_in_place(request))
    }
}
