//! The listener where cars get their certificates: EST (RFC 7030, RFC 8951) over TLS 1.3.
//!
//! A car's first certificate is given for its one-time credential (HTTP Basic), the next for the one it has
//! (mutual TLS). Invariants, as absences: no session is resumed, so that no handshake skips revocation; no
//! request is answered by what the handshake found alone; no body is logged; no certificate is given that the audit
//! log did not hear of before.

use std::{
    hash::Hash,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    extract::{DefaultBodyLimit, Extension, Request, State, rejection::BytesRejection},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use link::est;
use model::{Micros, VehicleId};
use tokio::sync::Semaphore;

use crate::{
    audit::Audit,
    clock::Clock,
    enrolment::{EnrolError, Enrolment},
    errors::chain,
    http::server::{ClientCertificate, Peer},
    limits::{Budget, Rate, household, seconds_up},
    metrics::{Counter, Metrics},
    pki::{Pki, PkiError},
    registry::{self, Registry},
};

mod record;
mod tls;

use record::{Act, Kind, Refusals};
pub use tls::tls_config;

/// From the head of a request to its answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// Requests at once: signing takes a fifth of a millisecond of a core, writing a millisecond of the disk.
const REQUESTS_MAX: usize = 64;
/// Refusals of one address: a factory has one address for many cars, and their right credentials cost nothing.
const REFUSALS: Rate = Rate { at_once: 30, every: Micros::from_secs(2) };
/// Renewals of one car, which has shown its certificate: it renews each month. There is no such limit for first
/// certificates, whose credential nobody guesses: whoever knows a car's id could use it up.
const RENEWALS: Rate = Rate { at_once: 30, every: Micros::MINUTE };
/// Somebody has to see to the audit log's disk first.
const UNRECORDED_WAIT_S: u32 = 60;
/// Entries of the audit log stay for ever.
const REFUSALS_TOLD_EVERY: Micros = Micros::MINUTE;

/// What the listener is made of. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Est(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    enrolment: Enrolment,
    registry: Registry,
    pki: Arc<Pki>,
    clock: Clock,
    audit: Audit,
    places: Semaphore,
    addresses: Budget<IpAddr>,
    renewals: Budget<VehicleId>,
    refusals: Mutex<Refusals>,
    issued: Counter,
    refused: Counter,
}

/// An answer that is none: what the client hears of it.
#[derive(Debug)]
enum Refusal {
    /// No credentials, or such that let nobody in.
    Unauthorized,
    Forbidden(&'static str),
    BadRequest(String),
    TooLarge,
    MediaType,
    TooMany {
        wait_s: u32,
    },
    /// The audit log takes nothing.
    Unrecorded,
    Internal,
}

impl Est {
    pub fn new(
        enrolment: Enrolment,
        registry: Registry,
        pki: Arc<Pki>,
        clock: Clock,
        audit: Audit,
        metrics: &Metrics,
    ) -> Self {
        let counter = |name, help| metrics.counter(name, help, &[]);
        Self(Arc::new(Inner {
            enrolment,
            registry,
            pki,
            clock,
            audit,
            places: Semaphore::new(REQUESTS_MAX),
            addresses: Budget::new(REFUSALS),
            renewals: Budget::new(RENEWALS),
            refusals: Mutex::new(Refusals::told_every(REFUSALS_TOLD_EVERY)),
            issued: counter("marque_est_issued_total", "Certificates given to cars over EST."),
            refused: counter("marque_est_refused_total", "EST requests that were refused."),
        }))
    }
}

/// EST as a service. There is one authority, so that a path with a label is not found.
pub fn router(est: Est) -> Router {
    let routes = Router::new()
        .route("/cacerts", get(cacerts))
        .route("/csrattrs", get(csrattrs))
        .route("/simpleenroll", post(simpleenroll))
        .route("/simplereenroll", post(simplereenroll));
    Router::new()
        .nest(est::PATH, routes)
        .layer(DefaultBodyLimit::max(est::BODY_BYTES_MAX))
        .layer(middleware::from_fn_with_state(est.clone(), bounded))
        .with_state(est)
}

/// Around every request: a place, a time, and headers.
async fn bounded(State(est): State<Est>, request: Request, next: Next) -> Response {
    let mut response = match est.0.places.try_acquire() {
        Err(_) => busy(StatusCode::SERVICE_UNAVAILABLE, "too many requests run at once\n", 1),
        Ok(_place) => match tokio::time::timeout(PATIENCE, next.run(request)).await {
            Ok(response) => response,
            Err(_elapsed) => busy(StatusCode::REQUEST_TIMEOUT, "the request took too long\n", 1),
        },
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// The authorities' certificates (4.1).
async fn cacerts(State(est): State<Est>) -> Result<Response, Refusal> {
    let authorities = est.0.pki.authorities().map_err(|error| internal(&error))?;
    Ok(answer(est::PKCS7, &est::certs_only(&authorities)))
}

/// What a request should have (4.5).
async fn csrattrs() -> Response {
    answer(est::CSR_ATTRIBUTES, &est::csr_attributes())
}

/// A car's first certificate, for its one-time credential (4.2).
async fn simpleenroll(
    State(est): State<Est>,
    Extension(peer): Extension<Peer>,
    certificate: Option<Extension<ClientCertificate>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Refusal> {
    let from = household(peer.0);
    est.take_try(&est.0.addresses, from)?;
    if certificate.is_some() {
        return Err(Refusal::Forbidden("a car that has a certificate renews it: use simplereenroll\n"));
    }
    if !headers.contains_key(header::AUTHORIZATION) {
        // Many clients ask first how they are to sign in; that costs nothing.
        est.0.addresses.give_back(from);
        return Err(Refusal::Unauthorized);
    }
    let credentials = credentials(&headers);
    let known = credentials.as_ref().map(|(vehicle, _)| *vehicle);
    let known = known.filter(|vehicle| est.0.registry.car(*vehicle).is_some());
    let act = Act { kind: Kind::Enrol, vehicle: known, from: peer.0 };
    let Some((vehicle, secret)) = credentials else {
        return Err(est.refused(act, EnrolError::Refused).await);
    };
    let (request, now) = (request(&headers, body)?, est.0.clock.now());
    // Nothing of it is recorded before the credential is right: a stranger can send as many as there are addresses.
    let right = match est.0.enrolment.check_credential(vehicle, &secret, request, now).await {
        Ok(right) => right,
        Err(error) => return Err(est.refused(act, error).await),
    };
    est.begins(act).await?;
    let issued = est.0.enrolment.enrol_by_credential(right, now).await;
    est.ended(act, issued.as_ref().err()).await;
    if issued.is_ok() {
        est.0.addresses.give_back(from);
    }
    est.finish(issued)
}

/// A car's next certificate, for the one it shows (4.2.2).
async fn simplereenroll(
    State(est): State<Est>,
    Extension(peer): Extension<Peer>,
    certificate: Option<Extension<ClientCertificate>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Refusal> {
    const WITHOUT: &str = "this needs the car's valid certificate in the TLS handshake\n";
    let take_try_of_address = || est.take_try(&est.0.addresses, household(peer.0));
    let Some(Extension(ClientCertificate(leaf))) = certificate else {
        take_try_of_address()?;
        return Err(Refusal::Forbidden(WITHOUT));
    };
    let now = est.0.clock.now();
    // Again, since the handshake: a connection lives longer than it takes to revoke.
    let (vehicle, shown) = match tls::standing(&est.0.registry, &leaf, now) {
        Ok(standing) => standing,
        Err(why) => {
            take_try_of_address()?;
            let act = Act { kind: Kind::Renew, vehicle: tls::named(&est.0.registry, &leaf), from: peer.0 };
            let error = match why {
                registry::Refusal::Quarantined => EnrolError::Quarantined { place: 0 },
                registry::Refusal::UnknownVehicle
                | registry::Refusal::UnknownCertificate
                | registry::Refusal::Expired
                | registry::Refusal::Revoked => EnrolError::Refused,
            };
            let refusal = est.refused(act, error).await;
            // Only a certificate counts here, so that 401 would ask for what gives nothing.
            let is_unknown = matches!(refusal, Refusal::Unauthorized);
            return Err(if is_unknown { Refusal::Forbidden(WITHOUT) } else { refusal });
        }
    };
    // Its certificate stands: what others do from its address, which may be a whole town's, costs it nothing.
    est.take_try(&est.0.renewals, vehicle)?;
    let request = request(&headers, body)?;
    let act = Act { kind: Kind::Renew, vehicle: Some(vehicle), from: peer.0 };
    est.begins(act).await?;
    let issued = est.0.enrolment.renew(vehicle, shown, request, now).await;
    est.ended(act, issued.as_ref().err()).await;
    let ended = |error| {
        if matches!(error, EnrolError::Refused) { Ended::Forbidden } else { Ended::Error(error) }
    };
    est.finish(issued.map_err(ended))
}

/// How the work of a request ended when it gave nothing.
enum Ended {
    Forbidden,
    Error(EnrolError),
}

impl From<EnrolError> for Ended {
    fn from(error: EnrolError) -> Self {
        Self::Error(error)
    }
}

impl Est {
    fn take_try<K: Eq + Hash + Copy>(&self, budget: &Budget<K>, who: K) -> Result<(), Refusal> {
        let taken = budget.take(who, self.0.clock.now());
        taken.map(drop).map_err(|wait| self.count(Refusal::TooMany { wait_s: seconds_up(wait) }))
    }

    /// What is not recorded is not done.
    async fn begins(&self, act: Act) -> Result<(), Refusal> {
        let begun = act.begins(&self.0.audit, &self.0.registry, self.0.clock.now()).await;
        begun.map_err(|error| {
            tracing::error!(error = %chain(&error), "no certificate is given that cannot be recorded");
            Refusal::Unrecorded
        })
    }

    /// Nobody was let in, and nothing began. One entry a minute stands for all that are alike, or a stranger could
    /// fill the log.
    async fn refused(&self, act: Act, error: EnrolError) -> Refusal {
        let now = self.0.clock.now();
        let tale = self.0.refusals.lock().unwrap_or_else(PoisonError::into_inner).tale(act, &error, now);
        if let Some(tale) = tale {
            act.refused(&self.0.audit, &self.0.registry, now, (&error, tale)).await;
        }
        self.count(refusal(error))
    }

    async fn ended(&self, act: Act, refused: Option<&EnrolError>) {
        act.ends(&self.0.audit, &self.0.registry, self.0.clock.now(), refused).await;
    }

    fn count(&self, refusal: Refusal) -> Refusal {
        self.0.refused.add(1);
        refusal
    }

    fn finish(&self, issued: Result<Vec<u8>, impl Into<Ended>>) -> Result<Response, Refusal> {
        match issued.map_err(Into::into) {
            Ok(der) => {
                self.0.issued.add(1);
                Ok(answer(est::CERTS_ONLY, &est::certs_only(&[der.into()])))
            }
            Err(Ended::Forbidden) => {
                Err(self.count(Refusal::Forbidden("the certificate lets nobody in any more\n")))
            }
            Err(Ended::Error(error)) => Err(self.count(refusal(error))),
        }
    }
}

fn refusal(error: EnrolError) -> Refusal {
    match error {
        EnrolError::Refused => Refusal::Unauthorized,
        EnrolError::Certificate { source, .. } | EnrolError::Pki(source) => match source {
            PkiError::Csr | PkiError::KeyKind | PkiError::NamesVin | PkiError::NamesOther => {
                Refusal::BadRequest(format!("{source}\n"))
            }
            PkiError::File { .. }
            | PkiError::Damaged { .. }
            | PkiError::Missing { .. }
            | PkiError::Issue(_)
            | PkiError::Random => internal(&source),
        },
        EnrolError::KeyTaken { .. } => {
            Refusal::BadRequest("the key is certified for another car; each car makes its own\n".to_owned())
        }
        EnrolError::KeyRevoked { .. } => {
            Refusal::BadRequest("the key was taken back; make another in the car\n".to_owned())
        }
        EnrolError::Quarantined { .. } => {
            Refusal::Forbidden("the car's identity is in quarantine; ask those who guard identities\n")
        }
        EnrolError::VinTwice { .. }
        | EnrolError::VinTaken { .. }
        | EnrolError::Registered { .. }
        | EnrolError::Certified { .. }
        | EnrolError::HasCertificate
        | EnrolError::Desired(_) => internal(&error),
    }
}

fn internal(error: &dyn std::error::Error) -> Refusal {
    tracing::error!(error = %chain(error), "an EST request failed");
    Refusal::Internal
}

/// User name and password of HTTP Basic (RFC 7617).
fn credentials(headers: &HeaderMap) -> Option<(VehicleId, String)> {
    let text = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = text.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (user, password) = decoded.split_once(':')?;
    Some((user.parse().ok()?, password.to_owned()))
}

/// The request's DER. Its content is checked by who issues.
fn request(headers: &HeaderMap, body: Result<Bytes, BytesRejection>) -> Result<Vec<u8>, Refusal> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case(est::PKCS10) {
        return Err(Refusal::MediaType);
    }
    let body = body.map_err(|rejected| match rejected.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Refusal::TooLarge,
        _ => Refusal::BadRequest("the body ended early\n".to_owned()),
    })?;
    est::from_body(&body)
        .map_err(|_| Refusal::BadRequest("the body is a PKCS#10 request in base64 of its DER\n".to_owned()))
}

fn answer(kind: &'static str, der: &[u8]) -> Response {
    let mut response = Response::new(Body::from(est::to_body(der)));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    // RFC 8951 makes it superfluous; older clients look for it.
    headers.insert(HeaderName::from_static("content-transfer-encoding"), HeaderValue::from_static("base64"));
    response
}

fn text(status: StatusCode, text: impl Into<Body>) -> Response {
    let mut response = Response::new(text.into());
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

fn busy(status: StatusCode, why: &'static str, wait_s: u32) -> Response {
    let mut response = text(status, why);
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait_s));
    response
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        match self {
            Self::Unauthorized => {
                let mut response = text(
                    StatusCode::UNAUTHORIZED,
                    "give the vehicle's id and its unused one-time credential\n",
                );
                let scheme = HeaderValue::from_static("Basic realm=\"marque-est\", charset=\"UTF-8\"");
                response.headers_mut().insert(header::WWW_AUTHENTICATE, scheme);
                response
            }
            Self::Forbidden(why) => text(StatusCode::FORBIDDEN, why),
            Self::BadRequest(why) => text(StatusCode::BAD_REQUEST, why),
            Self::TooLarge => text(StatusCode::PAYLOAD_TOO_LARGE, "a request has at most 16 KiB\n"),
            Self::MediaType => text(StatusCode::UNSUPPORTED_MEDIA_TYPE, "send application/pkcs10\n"),
            Self::Unrecorded => busy(
                StatusCode::SERVICE_UNAVAILABLE,
                "what cannot be recorded is not given\n",
                UNRECORDED_WAIT_S,
            ),
            Self::TooMany { wait_s } => busy(StatusCode::TOO_MANY_REQUESTS, "too many requests\n", wait_s),
            Self::Internal => {
                text(StatusCode::INTERNAL_SERVER_ERROR, "the platform failed; its log says why\n")
            }
        }
    }
}
