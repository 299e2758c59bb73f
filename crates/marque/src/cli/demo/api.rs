//! The platform's HTTP API, as any other client uses it.

use anyhow::{Context as _, Result, bail};
use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::{Value, json};

/// A signed-in client.
#[derive(Debug, Clone)]
pub(super) struct Api {
    client: Client,
    base: String,
    token: String,
}

impl Api {
    /// Signs in; the token outlives any demo.
    pub(super) async fn sign_in(base: String, username: &str, password: &str) -> Result<Self> {
        let client = Client::new();
        let credentials = json!({ "username": username, "password": password });
        let request = client.post(format!("{base}/v1/session")).json(&credentials);
        let session =
            json_of(request.send().await.context("reach the platform")?).await.context("sign in")?;
        let token = session["token"].as_str().context("read the session's token")?.to_owned();
        Ok(Self { client, base, token })
    }

    pub(super) async fn get(&self, path: &str) -> Result<Value> {
        self.send(self.request(Method::GET, path)).await.with_context(|| format!("GET {path}"))
    }

    pub(super) async fn post(&self, path: &str, body: &Value) -> Result<Value> {
        self.send(self.request(Method::POST, path).json(body)).await.with_context(|| format!("POST {path}"))
    }

    pub(super) async fn text(&self, path: &str) -> Result<String> {
        let response = self.request(Method::GET, path).send().await.context("reach the platform")?;
        if !response.status().is_success() {
            bail!("GET {path}: {}", response.status());
        }
        response.text().await.context("read the answer")
    }

    /// An event stream, open until it is dropped.
    pub(super) async fn events(&self, path: &str) -> Result<Response> {
        let request = self.request(Method::GET, path).header("accept", "text/event-stream");
        let response = request.send().await.with_context(|| format!("open {path}"))?;
        if !response.status().is_success() {
            bail!("open {path}: {}", response.status());
        }
        Ok(response)
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.base)).bearer_auth(&self.token)
    }

    async fn send(&self, request: RequestBuilder) -> Result<Value> {
        json_of(request.send().await.context("reach the platform")?).await
    }
}

/// The body, or what the problem document says (RFC 9457).
async fn json_of(response: Response) -> Result<Value> {
    let status = response.status();
    let text = response.text().await.context("read the answer")?;
    let body: Value =
        if text.is_empty() { Value::Null } else { serde_json::from_str(&text).context("read the answer")? };
    if !status.is_success() {
        bail!(
            "{status}: {}",
            body["detail"].as_str().or(body["title"].as_str()).unwrap_or("no reason given")
        );
    }
    Ok(body)
}
