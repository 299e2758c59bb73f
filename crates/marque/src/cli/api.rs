//! The platform's HTTP API, as any other client uses it.

use std::{fs, path::PathBuf};

use anyhow::{Context as _, Result, bail};
use clap::Args;
use reqwest::{Certificate, Client, Method, RequestBuilder, Response, header::CONTENT_TYPE};
use serde_json::{Value, json};

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

#[cfg(test)]
impl Login {
    pub(super) fn with_password_file(password_file: PathBuf) -> Self {
        Self { token_file: None, username: "operator".to_owned(), password_file, api_ca: None }
    }
}

/// A signed-in client.
#[derive(Debug, Clone)]
pub(super) struct Api {
    client: Client,
    base: String,
    token: String,
}

impl Api {
    pub(super) async fn sign_in(url: &str, login: &Login) -> Result<Self> {
        let mut builder = Client::builder();
        if let Some(file) = &login.api_ca {
            let pem = fs::read(file).with_context(|| format!("read {}", file.display()))?;
            let authority =
                Certificate::from_pem(&pem).with_context(|| format!("read {}", file.display()))?;
            builder = builder.add_root_certificate(authority);
        }
        let client = builder.build().context("make an HTTP client")?;
        let mut api = Self { client, base: url.trim_end_matches('/').to_owned(), token: String::new() };
        api.token = match &login.token_file {
            Some(file) => secret(file)?,
            None => {
                let password = secret(&login.password_file)?;
                let credentials = json!({ "username": login.username, "password": password });
                let session = api.post("/v1/session", &credentials).await?;
                session["token"].as_str().context("read the session's token")?.to_owned()
            }
        };
        Ok(api)
    }

    pub(super) async fn get(&self, path: &str) -> Result<Value> {
        self.send(self.request(Method::GET, path)).await.with_context(|| format!("GET {path}"))
    }

    pub(super) async fn post(&self, path: &str, body: &Value) -> Result<Value> {
        self.send(self.request(Method::POST, path).json(body)).await.with_context(|| format!("POST {path}"))
    }

    /// Sends a text that is JSON already.
    pub(super) async fn post_text(&self, path: &str, body: String) -> Result<Value> {
        let request = self.request(Method::POST, path).header(CONTENT_TYPE, "application/json").body(body);
        self.send(request).await.with_context(|| format!("POST {path}"))
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.client.request(method, format!("{}{path}", self.base));
        if self.token.is_empty() { request } else { request.bearer_auth(&self.token) }
    }

    async fn send(&self, request: RequestBuilder) -> Result<Value> {
        let response = request.send().await;
        json_of(response.with_context(|| format!("reach the platform at {}", self.base))?).await
    }
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

fn secret(file: &PathBuf) -> Result<String> {
    let text = fs::read_to_string(file)
        .with_context(|| format!("read {}; give --password-file or --token-file", file.display()))?;
    Ok(text.trim().to_owned())
}
