//! The HTTP API under `/v1`, health, metrics and the console's pages.
//!
//! Invariants, as absences: no route without a session but the few that the OpenAPI document marks as open;
//! no error without a problem document; no VIN in an answer; no personal datum that `consent` was not asked
//! about.

use std::{fmt, sync::Arc};

use axum::{Extension, Router, extract::DefaultBodyLimit, middleware, routing::get};
use identity::Policies;
use model::{Timestamp, VehicleId};
use store::Store;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tower_http::compression::CompressionLayer;
use utoipa_axum::{router::OpenApiRouter, routes};

use self::extract::BodyLimit;
use crate::{
    accounts::Accounts,
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
mod roles;
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
        let routes = audit::actions::Routes::of(routes().get_openapi());
        Self(Arc::new(Inner {
            parts,
            edge,
            view,
            streams,
            routes,
            recent: auth::Recent::default(),
            rates: rates::Rates::new(),
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
        let forgotten = [sessions, keys, links, tokens, notices, sign_ins];
        for error in forgotten.into_iter().filter_map(Result::err) {
            tracing::warn!(error = %chain(&error), "what is over could not be forgotten");
        }
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
        routes
            .route_layer(middleware::from_fn_with_state(api.clone(), rates::of_identity))
            .route_layer(middleware::from_fn_with_state(api.clone(), auth::require))
    };
    let repeatable = recorded(repeatable_routes())
        .route_layer(middleware::from_fn_with_state(api.clone(), idempotency::repeatable));
    let metrics = recorded(metrics_routes())
        .route_layer(middleware::from_fn_with_state(api.clone(), auth::require_for_metrics));
    let of_address = |routes: OpenApiRouter<Api>| {
        routes.route_layer(middleware::from_fn_with_state(api.clone(), rates::of_address))
    };
    let open = of_address(limited(recorded(open_routes()), OPEN_BODY_BYTES_MAX));
    let providers = of_address(limited(recorded(provider_routes()), oidc::BODY_BYTES_MAX));
    let enrolment = limited(recorded(enrolment_routes()), vehicles::ENROL_BYTES_MAX);
    let vspec = limited(recorded(catalogue_routes()), ::signals::VSPEC_BYTES_MAX);
    let (router, _) = open
        .merge(providers)
        .merge(metrics)
        .merge(signed_in(recorded(read_routes())))
        .merge(signed_in(recorded(audit_routes())))
        .merge(signed_in(recorded(people_routes())))
        .merge(signed_in(recorded(service_routes())))
        .merge(signed_in(recorded(ownership_routes())))
        .merge(signed_in(recorded(own_service_routes())))
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

/// Every route with its description; the OpenAPI document is made of the same lists.
fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::with_openapi(openapi::base())
        .merge(open_routes())
        .merge(provider_routes())
        .merge(metrics_routes())
        .merge(read_routes())
        .merge(repeatable_routes())
        .merge(enrolment_routes())
        .merge(catalogue_routes())
        .merge(audit_routes())
        .merge(people_routes())
        .merge(service_routes())
        .merge(ownership_routes())
        .merge(own_service_routes())
}

/// For everybody.
fn open_routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(session::create_session))
        .routes(routes!(people::credentials::take_credential_reset))
        .routes(routes!(openapi::get_openapi))
        .routes(routes!(security::get_security_txt))
        .routes(routes!(health::get_liveness))
        .routes(routes!(health::get_readiness))
}

/// For everybody who comes from an identity provider or goes there.
fn provider_routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(oidc::list_identity_providers))
        .routes(routes!(oidc::begin_sign_in))
        .routes(routes!(oidc::end_sign_in))
        .routes(routes!(oidc::log_out))
}

fn metrics_routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(health::get_metrics))
}

fn read_routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(session::get_session, session::delete_session))
        .routes(routes!(session::step_up))
        .routes(routes!(account::get_account))
        .routes(routes!(account::change_password))
        .routes(routes!(account::draw_second_factor, account::remove_second_factor))
        .routes(routes!(account::confirm_second_factor))
        .routes(routes!(account::list_own_sessions))
        .routes(routes!(account::end_own_session))
        .routes(routes!(fleet::get_facets))
        .routes(routes!(fleet::get_fleet_summary))
        .routes(routes!(fleet::list_positions))
        .routes(routes!(fleet::stream_fleet_events))
        .routes(routes!(vehicles::list_vehicles))
        .routes(routes!(vehicles::search_vehicles))
        .routes(routes!(vehicles::get_vehicle))
        .routes(routes!(certificates::list_certificates))
        .routes(routes!(certificates::list_vehicle_certificates, vehicles::revoke_certificates))
        .routes(routes!(vehicles::create_enrolment_credential, vehicles::revoke_enrolment_credential))
        .routes(routes!(vehicles::replace_enrolment_credential))
        .routes(routes!(quarantines::list_quarantines))
        .routes(routes!(
            quarantines::get_quarantine,
            quarantines::put_quarantine,
            quarantines::lift_quarantine
        ))
        .routes(routes!(signals::list_signals))
        .routes(routes!(signals::stream_signal_events))
        .routes(routes!(history::get_history))
        .routes(routes!(state::get_state))
        .routes(routes!(consent::get_grants, consent::put_grants))
        .routes(routes!(campaigns::list_campaigns))
        .routes(routes!(campaigns::get_campaign, campaigns::put_campaign))
        .routes(routes!(campaigns::assign_campaign))
        .routes(routes!(campaigns::unassign_campaign))
        .routes(routes!(campaigns::end_campaign))
        .routes(routes!(campaigns::get_campaign_status))
        .routes(routes!(catalogues::list_catalogues))
        .routes(routes!(catalogues::get_catalogue))
}

fn audit_routes() -> OpenApiRouter<Api> {
    // Paths of tiles have slashes, which OpenAPI has no word for: they are described and routed apart.
    OpenApiRouter::with_openapi(audit::described_files())
        .route("/v1/audit/log/tile/{level}/{*tile}", get(audit::get_audit_tile))
        .route("/v1/audit/log/tile/entries/{*tile}", get(audit::get_audit_bundle))
        .routes(routes!(audit::get_audit_checkpoint))
        .routes(routes!(audit::list_audit_entries))
        .routes(routes!(audit::get_audit_proof))
        .routes(routes!(audit::list_vehicle_audit))
        .routes(routes!(audit::get_vehicle_audit_proof))
}

/// Other people's accounts.
fn people_routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(people::list_people, people::create_person))
        .routes(routes!(people::get_person, people::change_person))
        .routes(routes!(people::disable_person))
        .routes(routes!(people::enable_person))
        .routes(routes!(people::credentials::reset_credentials))
        .routes(routes!(people::sessions::list_sessions, people::sessions::end_sessions))
        .routes(routes!(people::sessions::end_session))
        .routes(routes!(people::assignments::assign_role))
        .routes(routes!(people::assignments::revoke_role))
        .routes(routes!(roles::list_roles))
        .routes(routes!(customers::disable_customer))
        .routes(routes!(customers::enable_customer))
        .routes(routes!(lockouts::list_lockouts))
        .routes(routes!(lockouts::clear_lockout))
}

fn service_routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(services::list_services, services::create_service))
        .routes(routes!(services::rotate_service_token))
        .routes(routes!(services::disable_service))
}

/// Who owns, drives and may see cars.
fn ownership_routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(links::create_link))
        .routes(routes!(links::give_up_vehicle))
        .routes(routes!(links::get_vehicle_people))
        .routes(routes!(links::offer_vehicle, links::cancel_offer))
        .routes(routes!(links::accept_transfer))
        .routes(routes!(drivers::invite_driver))
        .routes(routes!(drivers::create_driver_link))
        .routes(routes!(drivers::end_driver_link))
        .routes(routes!(organisations::join_fleet, organisations::leave_fleet))
        .routes(routes!(access_grants::create_access_grant, access_grants::list_access_grants))
        .routes(routes!(access_grants::end_access_grant))
        .routes(routes!(access_grants::redeem_access_grant, access_grants::list_own_access_grants))
        .routes(routes!(organisations::list_organisations, organisations::create_organisation))
        .routes(routes!(organisations::disable_organisation))
        .routes(routes!(organisations::list_dealerships))
        .routes(routes!(notices::list_notices))
        .routes(routes!(notices::acknowledge_notice))
}

/// For services alone.
fn own_service_routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(services::renew_own_token))
}

/// Creates that take an `Idempotency-Key`.
fn repeatable_routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(vehicles::create_vehicle))
        .routes(routes!(vehicles::create_certificate))
        .routes(routes!(campaigns::create_campaign))
}

fn enrolment_routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(vehicles::enrol_vehicles))
}

fn catalogue_routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(catalogues::create_catalogue))
}
