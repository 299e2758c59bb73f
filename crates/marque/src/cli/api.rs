//! The platform's HTTP API, as any other client uses it.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use clap::Args;
use reqwest::{
    Certificate, Client, ClientBuilder, Method, RequestBuilder, Response, StatusCode,
    header::{ACCEPT, CONTENT_TYPE},
};
use serde_json::{Value, json};

/// For a TCP connection and TLS.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Between two parts of an answer. A busy platform needs a while for a long history.
const READ_TIMEOUT: Duration = Duration::from_secs(60);

/// How to sign in.
#[derive(Debug, Args)]
pub(super) struct Login {
    /// A file with an API token.
    #[arg(long, value_name = "FILE", conflicts_with = "password_file")]
    token_file: Option<PathBuf>,

    /// The account to sign in with.
    #[arg(long, default_value = "operator", value_name = "NAME")]
    username: String,

    /// A file with the account's password; by default that of the first account of a platform whose
    /// data is in the working folder.
    #[arg(long, default_value_os_t = cloud::config::operator_password_file(cloud::config::Options::DATA.as_ref()), value_name = "FILE")]
    password_file: PathBuf,

    /// A PEM file with the authority of the API's certificate, when no public one knows it.
    #[arg(long, value_name = "FILE")]
    api_ca: Option<PathBuf>,
}

impl Login {
    /// Another file of the folder where the password is.
    pub(super) fn beside_password_file(&self, name: &str) -> PathBuf {
        self.password_file.with_file_name(name)
    }

    /// The same platform, by a token.
    pub(super) fn with_token_file(&self, token_file: PathBuf) -> Self {
        Self {
            token_file: Some(token_file),
            username: self.username.clone(),
            password_file: self.password_file.clone(),
            api_ca: self.api_ca.clone(),
        }
    }
}

#[cfg(test)]
impl Login {
    pub(super) fn with_password_file(password_file: PathBuf) -> Self {
        Self { token_file: None, username: "operator".to_owned(), password_file, api_ca: None }
    }
}

/// A signed-in client; it signs in again when its session ends.
#[derive(Debug, Clone)]
pub(super) struct Api {
    client: Client,
    base: String,
    credentials: Arc<Credentials>,
    token: Arc<RwLock<String>>,
}

enum Credentials {
    Token(String),
    Password { username: String, password: String },
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Token(_) => "Token",
            Self::Password { .. } => "Password",
        })
    }
}

impl Api {
    pub(super) async fn sign_in(url: &str, login: &Login) -> Result<Self> {
        let mut builder = builder();
        if let Some(file) = &login.api_ca {
            let pem = fs::read(file).with_context(|| format!("read {}", file.display()))?;
            let authority =
                Certificate::from_pem(&pem).with_context(|| format!("read {}", file.display()))?;
            builder = builder.add_root_certificate(authority);
        }
        let client = builder.build().context("make an HTTP client")?;
        let credentials = match &login.token_file {
            Some(file) => Credentials::Token(secret(file)?),
            None => Credentials::Password {
                username: login.username.clone(),
                password: secret(&login.password_file)?,
            },
        };
        Self::connect(client, url, credentials).await
    }

    /// Signs in with an account's name and password.
    pub(super) async fn with_password(url: &str, username: &str, password: &str) -> Result<Self> {
        let (username, password) = (username.to_owned(), password.to_owned());
        let client = builder().build().context("make an HTTP client")?;
        Self::connect(client, url, Credentials::Password { username, password }).await
    }

    async fn connect(client: Client, url: &str, credentials: Credentials) -> Result<Self> {
        let base = url.trim_end_matches('/').to_owned();
        let api = Self { client, base, credentials: Arc::new(credentials), token: Arc::default() };
        api.renew().await?;
        Ok(api)
    }

    pub(super) async fn get(&self, path: &str) -> Result<Value> {
        json_of(self.send(Method::GET, path, |request| request).await?)
            .await
            .with_context(|| format!("GET {path}"))
    }

    pub(super) async fn post(&self, path: &str, body: &Value) -> Result<Value> {
        self.post_text(path, body.to_string()).await
    }

    pub(super) async fn put(&self, path: &str, body: &Value) -> Result<Value> {
        let body = body.to_string();
        let with_body =
            |request: RequestBuilder| request.header(CONTENT_TYPE, "application/json").body(body.clone());
        json_of(self.send(Method::PUT, path, with_body).await?).await.with_context(|| format!("PUT {path}"))
    }

    pub(super) async fn delete(&self, path: &str) -> Result<Value> {
        json_of(self.send(Method::DELETE, path, |request| request).await?)
            .await
            .with_context(|| format!("DELETE {path}"))
    }

    /// Sends a text that is JSON already.
    pub(super) async fn post_text(&self, path: &str, body: String) -> Result<Value> {
        let with_body =
            |request: RequestBuilder| request.header(CONTENT_TYPE, "application/json").body(body.clone());
        json_of(self.send(Method::POST, path, with_body).await?).await.with_context(|| format!("POST {path}"))
    }

    /// The body of an answer that is no JSON.
    pub(super) async fn text(&self, path: &str) -> Result<String> {
        let response = self.send(Method::GET, path, |request| request).await?;
        if !response.status().is_success() {
            bail!("GET {path}: {}", response.status());
        }
        response.text().await.context("read the answer")
    }

    /// The body of an answer, as it is; nothing when there is no such thing.
    pub(super) async fn bytes(&self, path: &str, bytes_max: usize) -> Result<Option<Vec<u8>>> {
        let mut response = self.send(Method::GET, path, |request| request).await?;
        if response.status() == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        if !response.status().is_success() {
            bail!("GET {path}: {}", response.status());
        }
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.context("read the answer")? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > bytes_max {
                bail!("GET {path}: the answer is longer than {bytes_max} bytes");
            }
        }
        Ok(Some(bytes))
    }

    /// An event stream, open until it is dropped.
    pub(super) async fn events(&self, path: &str) -> Result<Response> {
        let response =
            self.send(Method::GET, path, |request| request.header(ACCEPT, "text/event-stream")).await?;
        if !response.status().is_success() {
            bail!("open {path}: {}", response.status());
        }
        Ok(response)
    }

    /// Sends a request; once more with a new session when the old one has ended.
    async fn send(
        &self,
        method: Method,
        path: &str,
        finish: impl Fn(RequestBuilder) -> RequestBuilder + Sync,
    ) -> Result<Response> {
        let request = || {
            let token = self.token.read().unwrap_or_else(PoisonError::into_inner).clone();
            let request = self.client.request(method.clone(), format!("{}{path}", self.base));
            finish(request.bearer_auth(token))
        };
        let reach = || format!("reach the platform at {}", self.base);
        let response = request().send().await.with_context(reach)?;
        let ended = response.status() == StatusCode::UNAUTHORIZED;
        if !ended || matches!(*self.credentials, Credentials::Token(_)) {
            return Ok(response);
        }
        self.renew().await?;
        request().send().await.with_context(reach)
    }

    async fn renew(&self) -> Result<()> {
        let token = match &*self.credentials {
            Credentials::Token(token) => token.clone(),
            Credentials::Password { username, password } => {
                let credentials = json!({ "username": username, "password": password });
                let request = self.client.post(format!("{}/v1/session", self.base)).json(&credentials);
                let sent = request.send().await;
                let sent = sent.with_context(|| format!("reach the platform at {}", self.base))?;
                let session = json_of(sent).await.with_context(|| format!("sign in as {username}"))?;
                session["token"].as_str().context("read the session's token")?.to_owned()
            }
        };
        *self.token.write().unwrap_or_else(PoisonError::into_inner) = token;
        Ok(())
    }
}

/// A platform that hangs is an error, not a wait for ever; an event stream says something more often than that.
fn builder() -> ClientBuilder {
    Client::builder().connect_timeout(CONNECT_TIMEOUT).read_timeout(READ_TIMEOUT)
}

/// The body, or what the problem document says (RFC 9457).
async fn json_of(response: Response) -> Result<Value> {
    let status = response.status();
    let text = response.text().await.context("read the answer")?;
    let body = if text.is_empty() { Ok(Value::Null) } else { serde_json::from_str(&text) };
    if !status.is_success() {
        let body = body.unwrap_or_default();
        let detail = body["detail"].as_str().or(body["title"].as_str()).unwrap_or("no reason given");
        bail!("{status}: {detail}");
    }
    body.context("read the answer")
}

fn secret(file: &Path) -> Result<String> {
    let text = fs::read_to_string(file)
        .with_context(|| format!("read {}; give --password-file or --token-file", file.display()))?;
    Ok(text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_platform_that_takes_a_request_and_says_nothing_is_an_error() {
        let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", silent.local_addr().unwrap());
        let error = Api::with_password(&url, "operator", "secret").await.unwrap_err();
        assert_eq!(error.to_string(), format!("reach the platform at {url}"));
    }
}
