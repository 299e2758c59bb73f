//! All routes, sorted by what lies around them.

use axum::routing::get;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Api, access_grants, account, audit, campaigns, catalogues, certificates, consent, customers, drivers,
    fleet, health, history, links, lockouts, notices, oidc, openapi, organisations, people, quarantines,
    releases, roles, security, services, session, signals, state, vehicles,
};

/// Every route with its description; the OpenAPI document is made of the same lists.
pub(super) fn all() -> OpenApiRouter<Api> {
    OpenApiRouter::with_openapi(openapi::base())
        .merge(open())
        .merge(provider())
        .merge(metrics())
        .merge(read())
        .merge(repeatable())
        .merge(enrolment())
        .merge(catalogue())
        .merge(audit())
        .merge(people())
        .merge(service())
        .merge(ownership())
        .merge(own_service())
}

/// For everybody.
pub(super) fn open() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(session::create_session))
        .routes(routes!(people::credentials::take_credential_reset))
        .routes(routes!(openapi::get_openapi))
        .routes(routes!(security::get_security_txt))
        .routes(routes!(health::get_liveness))
        .routes(routes!(health::get_readiness))
}

/// For everybody who comes from an identity provider or goes there.
pub(super) fn provider() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(oidc::list_identity_providers))
        .routes(routes!(oidc::begin_sign_in))
        .routes(routes!(oidc::end_sign_in))
        .routes(routes!(oidc::log_out))
}

pub(super) fn metrics() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(health::get_metrics))
}

pub(super) fn read() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(session::get_session, session::delete_session))
        .routes(routes!(session::step_up))
        .routes(routes!(account::get_account, account::change_account))
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

pub(super) fn audit() -> OpenApiRouter<Api> {
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
pub(super) fn people() -> OpenApiRouter<Api> {
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

pub(super) fn service() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(services::list_services, services::create_service))
        .routes(routes!(services::rotate_service_token))
        .routes(routes!(services::disable_service))
}

/// Who owns, drives and may see cars.
pub(super) fn ownership() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(links::create_link))
        .routes(routes!(links::give_up_vehicle))
        .routes(routes!(links::get_vehicle_people))
        .routes(routes!(links::offer_vehicle, links::cancel_offer))
        .routes(routes!(links::accept_transfer))
        .routes(routes!(releases::request_release, releases::list_releases))
        .routes(routes!(releases::approve_release))
        .routes(routes!(releases::object_to_release))
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
pub(super) fn own_service() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(services::renew_own_token))
}

/// Creates that take an `Idempotency-Key`.
pub(super) fn repeatable() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(vehicles::create_vehicle))
        .routes(routes!(vehicles::create_certificate))
        .routes(routes!(campaigns::create_campaign))
}

pub(super) fn enrolment() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(vehicles::enrol_vehicles))
}

pub(super) fn catalogue() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(catalogues::create_catalogue))
}
