//! The HTTP API under `/v1`, health, metrics and the console's pages.
//!
//! Invariants, as absences: no route without a session but the few that the OpenAPI document marks as open;
//! no error without a problem document; no VIN in an answer; no personal datum that `consent` was not asked
//! about.

use std::{fmt, sync::Arc};

use axum::{Extension, Router, extract::DefaultBodyLimit, middleware};
use identity::Policies;
use model::{Timestamp, VehicleId};
use store::Store;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tower_http::compression::CompressionLayer;
use utoipa_axum::router::OpenApiRouter;

use self::extract::BodyLimit;
use crate::{
    accounts::{Accounts, FAMILIAR_FOR},
    audit::Audit,
    catalogues::Catalogues,
    changes::Changes,
    clock::Clock,
    config::HttpConfig,
    desired::Desired,
    enrolment::Enrolment,
    errors::chain,
    metrics::Metrics,
    oidc::Oidc,
    owner::{History, Twins},
    ownership::Ownership,
    people::People,
    pki::Pki,
    presence::Presence,
    quarantine::Quarantine,
    registry::{Car, Registry},
    services::Services,
    words,
};

mod access_grants;
mod account;
mod audit;
mod auth;
mod campaigns;
mod catalogues;
mod certificates;
mod consent;
pub mod console;
mod customers;
mod drivers;
mod edge;
mod etag;
mod extract;
mod fleet;
mod gate;
mod health;
mod history;
mod idempotency;
mod links;
mod lockouts;
mod notices;
mod oidc;
pub mod openapi;
mod organisations;
mod page;
mod people;
mod places;
mod problem;
mod quarantines;
mod rates;
mod releases;
mod roles;
mod routes;
mod security;
pub mod server;
mod services;
mod session;
mod signals;
mod sse;
mod state;
mod values;
mod vehicles;

pub use campaigns::VEHICLE_IDS_MAX;
pub use sse::STREAMS_MAX;

/// A body that no route says otherwise of: a campaign of 4,000 signals has 300 kB.
const BODY_BYTES_MAX: usize = 1024 * 1024;

/// What strangers may send: a name and a password.
const OPEN_BODY_BYTES_MAX: usize = 4 * 1024;

/// What the API is made of.
#[derive(Debug)]
pub struct Parts {
    pub store: Store,
    pub registry: Registry,
    pub presence: Presence,
    pub catalogues: Catalogues,
    pub desired: Desired,
    pub enrolment: Enrolment,
    pub ownership: Ownership,
    pub quarantine: Quarantine,
    pub accounts: Accounts,
    pub changes: Changes,
    pub people: People,
    pub oidc: Oidc,
    pub services: Services,
    pub policies: Arc<Policies>,
    pub audit: Audit,
    pub pki: Arc<Pki>,
    pub twins: Twins,
    pub history: History,
    pub clock: Clock,
    pub metrics: Metrics,
    pub config: HttpConfig,
    /// Whether other parts can serve.
    pub probes: Vec<Probe>,
    /// Cancelled when the platform begins to stop: streams end, readiness fails.
    pub stopping: CancellationToken,
}

/// Asks a part whether it can serve, and renders what it counts.
pub struct Probe {
    pub name: &'static str,
    /// The error says what is wrong.
    pub check: Box<dyn Fn() -> Result<(), String> + Send + Sync>,
    /// In Prometheus' text format; may be empty.
    pub metrics: Box<dyn Fn() -> String + Send + Sync>,
}

impl fmt::Debug for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Probe").field("name", &self.name).finish_non_exhaustive()
    }
}

/// What every handler has. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Api(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    parts: Parts,
    edge: edge::Edge,
    view: fleet::view::View,
    streams: Arc<Semaphore>,
    routes: audit::actions::Routes,
    recent: auth::Recent,
    rates: rates::Rates,
    guesses: audit::strangers::Guesses,
}

macro_rules! parts {
    ($($name:ident: $type:ty),+ $(,)?) => {
        $(fn $name(&self) -> &$type { &self.0.parts.$name })+
    };
}

impl Api {
    pub fn new(parts: Parts) -> Self {
        let edge = edge::Edge::new(&parts.metrics);
        let view = fleet::view::View::new(parts.catalogues.core());
        let streams = Arc::new(Semaphore::new(sse::STREAMS_MAX));
        let routes = audit::actions::Routes::of(routes::all().get_openapi());
        Self(Arc::new(Inner {
            parts,
            edge,
            view,
            streams,
            routes,
            recent: auth::Recent::default(),
            rates: rates::Rates::new(),
            guesses: audit::strangers::Guesses::new(),
        }))
    }

    parts! {
        store: Store,
        registry: Registry,
        presence: Presence,
        catalogues: Catalogues,
        desired: Desired,
        enrolment: Enrolment,
        ownership: Ownership,
        quarantine: Quarantine,
        accounts: Accounts,
        changes: Changes,
        people: People,
        oidc: Oidc,
        services: Services,
        policies: Policies,
        audit: Audit,
        pki: Pki,
        twins: Twins,
        history: History,
        clock: Clock,
        probes: [Probe],
        stopping: CancellationToken,
    }

    fn edge(&self) -> &edge::Edge {
        &self.0.edge
    }

    fn view(&self) -> &fleet::view::View {
        &self.0.view
    }

    fn routes(&self) -> &audit::actions::Routes {
        &self.0.routes
    }

    fn rates(&self) -> &rates::Rates {
        &self.0.rates
    }

    fn guesses(&self) -> &audit::strangers::Guesses {
        &self.0.guesses
    }

    fn recent(&self) -> &auth::Recent {
        &self.0.recent
    }

    fn streams(&self) -> &Arc<Semaphore> {
        &self.0.streams
    }

    fn now(&self) -> Timestamp {
        self.clock().now()
    }

    /// Whether people reach the API by HTTPS.
    fn secure(&self) -> bool {
        self.0.parts.config.is_secure()
    }

    fn behind_proxy(&self) -> bool {
        self.0.parts.config.behind_tls_proxy
    }

    fn security_contact(&self) -> Option<&str> {
        self.0.parts.config.security_contact.as_deref()
    }

    fn metrics_open(&self) -> bool {
        self.0.parts.config.metrics_open
    }

    fn car(&self, vehicle: VehicleId) -> Result<Arc<Car>, problem::Problem> {
        self.registry()
            .car(vehicle)
            .ok_or_else(|| problem::Problem::not_found("no such vehicle; GET /v1/vehicles lists them"))
    }

    fn render_metrics(&self) -> String {
        let mut text = self.0.parts.metrics.render();
        for probe in self.probes() {
            text.push_str(&(probe.metrics)());
        }
        text
    }

    /// What has to happen now and then: rates every second, tidying every minute. Ends when the platform
    /// stops.
    pub async fn tend(self) {
        let mut seconds = tokio::time::interval(std::time::Duration::from_secs(1));
        let mut count: u32 = 0;
        loop {
            tokio::select! {
                _ = seconds.tick() => {}
                () = self.stopping().cancelled() => return,
            }
            self.view().count(&self);
            if count.is_multiple_of(60) {
                self.tidy().await;
            }
            count = count.wrapping_add(1);
        }
    }

    async fn tidy(&self) {
        let now = self.now();
        let sessions = self.store().forget_ended_sessions(now).await;
        let keys = self.store().forget_keys(now - idempotency::KEPT).await;
        let links = self.store().forget_credential_resets(now).await;
        let tokens = self.store().forget_service_tokens(now).await;
        let notices = self.store().forget_notices(now - notices::KEPT).await;
        let sign_ins = self.store().forget_sign_ins(now).await;
        let releases = self.store().forget_releases(now - releases::KEPT).await;
        let networks = self.store().forget_networks(now - FAMILIAR_FOR).await;
        let forgotten = [sessions, keys, links, tokens, notices, sign_ins, releases, networks];
        for error in forgotten.into_iter().filter_map(Result::err) {
            tracing::warn!(error = %chain(&error), "what is over could not be forgotten");
        }
        self.ownership().end_due_releases(self.audit(), now).await;
        self.people().outbox().send(now).await;
        if let Err(error) = self.people().outbox().tidy(now).await {
            tracing::warn!(error = %chain(&error), "what was sent long ago could not be forgotten");
        }
    }
}

/// The API as a service.
pub fn router(api: Api) -> Router {
    // Innermost: who asks is known, and an answer that is given again is not recorded again.
    let recorded = |routes: OpenApiRouter<Api>| {
        routes.route_layer(middleware::from_fn_with_state(api.clone(), audit::trail::record))
    };
    let signed_in = |routes: OpenApiRouter<Api>| {
        routes.route_layer(middleware::from_fn_with_state(api.clone(), auth::require))
    };
    let repeatable = recorded(routes::repeatable())
        .route_layer(middleware::from_fn_with_state(api.clone(), idempotency::repeatable));
    let metrics = recorded(routes::metrics())
        .route_layer(middleware::from_fn_with_state(api.clone(), auth::require_for_metrics));
    let of_address = |routes: OpenApiRouter<Api>| {
        routes.route_layer(middleware::from_fn_with_state(api.clone(), rates::of_strangers))
    };
    let open = of_address(limited(recorded(routes::open()), OPEN_BODY_BYTES_MAX));
    let providers = of_address(limited(recorded(routes::provider()), oidc::BODY_BYTES_MAX));
    let enrolment = limited(recorded(routes::enrolment()), vehicles::ENROL_BYTES_MAX);
    let vspec = limited(recorded(routes::catalogue()), ::signals::VSPEC_BYTES_MAX);
    let (router, _) = open
        .merge(providers)
        .merge(metrics)
        .merge(signed_in(recorded(routes::read())))
        .merge(signed_in(recorded(routes::audit())))
        .merge(signed_in(recorded(routes::people())))
        .merge(signed_in(recorded(routes::service())))
        .merge(signed_in(recorded(routes::ownership())))
        .merge(signed_in(recorded(routes::own_service())))
        .merge(signed_in(repeatable))
        .merge(signed_in(enrolment))
        .merge(signed_in(vspec))
        .split_for_parts();
    router
        .fallback(console::serve)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(Extension(BodyLimit(BODY_BYTES_MAX)))
        .layer(middleware::from_fn_with_state(api.clone(), edge::serve))
        // Outside of it, so that problems are compressed too.
        .layer(CompressionLayer::new())
        .layer(middleware::map_response(etag::name_coding))
        .with_state(api)
}

/// Takes bodies of so many bytes at most, and says so to whoever sends more.
fn limited(routes: OpenApiRouter<Api>, bytes_max: usize) -> OpenApiRouter<Api> {
    routes.route_layer(DefaultBodyLimit::max(bytes_max)).route_layer(Extension(BodyLimit(bytes_max)))
}
