//! The few calls of the platform's API that a factory makes.

use std::time::Duration;

use model::VehicleId;
use reqwest::{Certificate, Client, Response, StatusCode};
use serde::{Deserialize, Serialize};

use super::{Error, RunOptions};

/// Signing some hundred certificates takes a busy platform a while.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);

/// How the simulator signs in.
#[derive(Clone)]
pub enum Login {
    Token(String),
    Password { username: String, password: String },
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Login(..)")
    }
}

/// A signed-in client.
#[derive(Debug, Clone)]
pub(super) struct Api {
    client: Client,
    base: String,
    token: String,
    /// Registers cars with what their owners grant.
    simulation_token: Option<String>,
}

#[derive(Serialize)]
pub(super) struct Enrolment {
    pub vehicles: Vec<EnrolVehicle>,
}

#[derive(Clone, Serialize)]
pub(super) struct EnrolVehicle {
    pub vehicle: NewVehicle,
    pub csr_pem: Option<String>,
    pub grants: Vec<GrantChange>,
}

#[derive(Clone, Serialize)]
pub(super) struct NewVehicle {
    pub vin: String,
    pub brand: &'static str,
    pub model: String,
    pub model_year: u16,
    pub architecture: &'static str,
    pub region: String,
}

#[derive(Clone, Serialize)]
pub(super) struct GrantChange {
    pub purpose: &'static str,
    pub category: &'static str,
    pub granted: bool,
}

#[derive(Deserialize)]
pub(super) struct Enrolled {
    pub items: Vec<EnrolledVehicle>,
    pub ca_pem: String,
    pub desired_key: String,
}

#[derive(Deserialize)]
pub(super) struct EnrolledVehicle {
    pub vehicle_id: String,
    pub certificate_pem: Option<String>,
}

#[derive(Serialize)]
struct CertificateRequest<'a> {
    csr_pem: &'a str,
}

#[derive(Deserialize)]
struct IssuedCertificate {
    certificate_pem: String,
}

#[derive(Serialize)]
struct Credentials<'a> {
    username: &'a str,
    password: &'a str,
}

#[derive(Deserialize)]
struct NewSession {
    token: String,
}

/// RFC 9457.
#[derive(Default, Deserialize)]
struct Problem {
    #[serde(default)]
    title: String,
    #[serde(default)]
    detail: String,
}

impl Api {
    pub(super) async fn sign_in(options: &RunOptions) -> Result<Self, Error> {
        let base = options.cloud.trim_end_matches('/').to_owned();
        let unreachable = |source| Error::Unreachable { url: options.cloud.clone(), source };
        let mut builder = Client::builder().timeout(REQUEST_TIMEOUT);
        if let Some(path) = &options.api_ca {
            let pem = tokio::fs::read(path).await;
            let pem = pem.map_err(|source| Error::File { action: "read", path: path.clone(), source })?;
            builder = builder.add_root_certificate(Certificate::from_pem(&pem).map_err(unreachable)?);
        }
        let client = builder.build().map_err(unreachable)?;
        let simulation_token = options.simulation_token.clone();
        let mut api = Self { client, base, token: String::new(), simulation_token };
        api.token = match &options.login {
            Login::Token(token) => token.clone(),
            Login::Password { username, password } => {
                let body = Credentials { username, password };
                let session: NewSession = api.post("/v1/session", "to sign in", &body).await?;
                session.token
            }
        };
        Ok(api)
    }

    /// Whether the platform knows the car: another platform, or an emptied one, does not.
    pub(super) async fn knows(&self, vehicle: VehicleId) -> Result<bool, Error> {
        let url = format!("{}/v1/vehicles/{vehicle}", self.base);
        let response = self.client.get(&url).bearer_auth(&self.token).send().await;
        let response = response.map_err(|source| Error::Unreachable { url: self.base.clone(), source })?;
        match response.status() {
            StatusCode::NOT_FOUND => Ok(false),
            status if status.is_success() => Ok(true),
            _ => Err(refusal(response, "to look for a car").await),
        }
    }

    /// Nobody but the service of simulated cars may say what their owners grant: without its token, cars are
    /// registered without.
    pub(super) async fn enrol(&self, mut vehicles: Vec<EnrolVehicle>) -> Result<Enrolled, Error> {
        let token = match &self.simulation_token {
            Some(token) => token,
            None => {
                vehicles.iter_mut().for_each(|vehicle| vehicle.grants.clear());
                &self.token
            }
        };
        let body = Enrolment { vehicles };
        self.post_with(token, "/v1/vehicles/enrolments", "to enrol cars", &body).await
    }

    /// Certifies a key for a car that is registered; the operator answers for it that it is the car's.
    pub(super) async fn certify(&self, vehicle: &str, csr_pem: &str) -> Result<String, Error> {
        let path = format!("/v1/vehicles/{vehicle}/certificate");
        let body = CertificateRequest { csr_pem };
        let issued: IssuedCertificate = self.post(&path, "to certify a car", &body).await?;
        Ok(issued.certificate_pem)
    }

    async fn post<A: serde::de::DeserializeOwned>(
        &self,
        path: &str,
        action: &'static str,
        body: &(impl Serialize + Sync),
    ) -> Result<A, Error> {
        self.post_with(&self.token, path, action, body).await
    }

    async fn post_with<A: serde::de::DeserializeOwned>(
        &self,
        token: &str,
        path: &str,
        action: &'static str,
        body: &(impl Serialize + Sync),
    ) -> Result<A, Error> {
        let url = format!("{}{path}", self.base);
        let request = self.client.post(&url).json(body);
        let request = if token.is_empty() { request } else { request.bearer_auth(token) };
        let response = request.send().await;
        let response = response.map_err(|source| Error::Unreachable { url: self.base.clone(), source })?;
        if !response.status().is_success() {
            return Err(refusal(response, action).await);
        }
        response.json().await.map_err(|_| Error::Answer { action })
    }
}

async fn refusal(response: Response, action: &'static str) -> Error {
    let status = response.status().as_u16();
    let problem: Problem = response.json().await.unwrap_or_default();
    let detail = if problem.detail.is_empty() { problem.title } else { problem.detail };
    Error::Refused { action, status, detail }
}

/// Where cars connect when nobody says: the API's host, at the usual port.
pub fn mqtt_of(cloud: &str) -> Option<String> {
    let (_, rest) = cloud.split_once("://")?;
    let authority = rest.split(['/', '?']).next()?;
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        Some(_) | None => authority,
    };
    (!host.is_empty()).then(|| format!("{host}:8883"))
}
