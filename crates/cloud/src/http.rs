//! The HTTP API under `/v1`, health, metrics and the console's pages.

use utoipa_axum::{router::OpenApiRouter, routes};

mod auth;
mod campaigns;
mod catalogues;
mod consent;
mod etag;
mod extract;
mod fleet;
mod health;
mod history;
mod idempotency;
pub mod openapi;
mod problem;
mod session;
mod signals;
mod state;
mod vehicles;
mod words;

#[derive(Clone, Debug)]
pub struct Api;

/// Every route with its description; the OpenAPI document is made from the same list.
fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::with_openapi(openapi::base())
        .routes(routes!(session::create_session, session::get_session, session::delete_session))
        .routes(routes!(fleet::get_facets))
        .routes(routes!(fleet::get_fleet_summary))
        .routes(routes!(fleet::list_positions))
        .routes(routes!(fleet::stream_fleet_events))
        .routes(routes!(vehicles::list_vehicles, vehicles::create_vehicle))
        .routes(routes!(vehicles::enrol_vehicles))
        .routes(routes!(vehicles::search_vehicles))
        .routes(routes!(vehicles::get_vehicle))
        .routes(routes!(vehicles::create_certificate))
        .routes(routes!(signals::list_signals))
        .routes(routes!(signals::stream_signal_events))
        .routes(routes!(history::get_history))
        .routes(routes!(state::get_state))
        .routes(routes!(consent::get_grants, consent::put_grants))
        .routes(routes!(campaigns::list_campaigns, campaigns::create_campaign))
        .routes(routes!(campaigns::get_campaign, campaigns::put_campaign))
        .routes(routes!(campaigns::assign_campaign))
        .routes(routes!(campaigns::get_campaign_status))
        .routes(routes!(catalogues::list_catalogues, catalogues::create_catalogue))
        .routes(routes!(catalogues::get_catalogue))
        .routes(routes!(openapi::get_openapi))
        .routes(routes!(health::get_liveness))
        .routes(routes!(health::get_readiness))
        .routes(routes!(health::get_metrics))
}
