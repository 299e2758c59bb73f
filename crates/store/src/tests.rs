//! Every check runs on every backend: on SQLite as a test of its own, on PostgreSQL in one test with a
//! database for each, since starting a server takes a second.

use std::{future::Future, pin::Pin};

use model::{Brand, Region, SubjectId, Timestamp, VehicleId};

use crate::{NewVehicle, Store};

mod audit;
mod campaigns;
mod credentials;
mod links;
mod oidc;
mod ownership;
mod people;
mod postgres;
mod quarantines;
mod registry;
mod releases;
mod roles;
mod services;

const NOW: Timestamp = Timestamp(1_763_885_730_250_000);

type Check = fn(Store) -> Pin<Box<dyn Future<Output = ()>>>;

/// Lists checks, and makes a SQLite test of each.
macro_rules! checks {
    ($($module:ident :: $name:ident),+ $(,)?) => {
        const CHECKS: &[(&str, Check)] = &[$((stringify!($name), |store| Box::pin($module::$name(store)))),+];

        mod sqlite {
            $(#[tokio::test]
            async fn $name() {
                let directory = tempfile::tempdir().unwrap();
                let store = crate::Store::sqlite(&directory.path().join("marque.db")).await.unwrap();
                super::$module::$name(store).await;
            })+
        }
    };
}

checks! {
    registry::a_vehicle_is_found_by_id_and_by_vin,
    registry::a_vin_registers_once,
    registry::filters_and_search_narrow_the_list,
    registry::pages_hold_every_vehicle_once,
    registry::search_takes_pattern_letters_literally,
    registry::counts_follow_kinds,
    registry::a_fleet_registers_in_two_seconds,
    registry::a_dropped_transaction_changes_nothing,
    registry::certificates_are_found_and_taken_back,
    registry::grants_need_the_next_epoch,
    registry::grants_of_all_come_in_pages,
    credentials::a_credential_is_used_once,
    credentials::one_of_two_who_race_has_it,
    credentials::a_credential_that_ended_is_not_used,
    credentials::a_new_credential_replaces_the_one_before,
    credentials::keys_know_what_they_were_certified_for,
    campaigns::a_campaign_keeps_its_versions,
    campaigns::a_campaign_of_some_brands_is_seen_and_counted_in_these,
    campaigns::campaigns_come_newest_first,
    campaigns::a_selector_matches_all_its_lists,
    campaigns::an_empty_selector_matches_nothing,
    campaigns::assigning_twice_adds_nothing,
    campaigns::a_campaign_ends_for_its_vehicles,
    campaigns::a_vehicle_leaves_a_campaign_and_comes_back,
    campaigns::a_large_fleet_gets_a_campaign_and_leaves_it,
    campaigns::desired_state_never_goes_back,
    campaigns::status_counts_what_cars_report,
    campaigns::catalogues_are_kept_once,
    quarantines::a_car_is_in_quarantine_once_until_it_is_let_out,
    quarantines::those_of_brands_come_newest_first,
    audit::entries_are_found_newest_first,
    audit::a_batch_takes_the_place_of_one_that_never_counted,
    audit::what_is_forgotten_stays_an_entry,
    links::a_car_has_one_owner,
    links::a_link_ends,
    links::a_code_counts_once_and_while_it_is_shown,
    links::two_cars_with_one_code_have_none,
    links::a_code_ends_with_too_many_guesses,
    ownership::an_ownership_interval_ends_once_and_another_begins,
    ownership::invitations_and_offers_are_open_for_a_time,
    ownership::a_dealership_has_access_until_it_ends,
    ownership::a_disabled_organisation_sees_no_car,
    ownership::notices_come_newest_first_and_are_marked_once,
    ownership::notices_in_a_car_are_numbered,
    releases::a_request_is_open_once_until_it_ends,
    releases::a_request_ends_when_its_time_is_over,
    releases::requests_about_a_car_lapse_together,
    releases::requests_of_brands_and_states_come_newest_first,
    releases::a_letter_goes_where_its_person_says,
    people::a_name_is_one_persons,
    people::people_come_by_name_and_realm,
    people::people_are_listed_by_brand_function_and_name,
    people::an_account_gets_another_name_and_address,
    people::somebody_else_holds_a_function_or_nobody_does,
    people::a_link_counts_once_and_replaces_the_one_before,
    people::what_was_sent_leaves_no_payload,
    people::a_role_holds_until_it_ends,
    people::where_people_were_is_forgotten_with_what_they_had_there,
    people::who_is_disabled_is_signed_out_and_stays_out,
    people::a_session_is_opened_by_the_credentials_of_now,
    people::a_step_of_the_second_factor_is_taken_once,
    people::a_session_ends,
    people::a_key_answers_the_same_request_again,
    people::a_key_serves_one_request,
    oidc::a_subject_is_one_person,
    oidc::a_sign_in_is_taken_once,
    oidc::a_provider_ends_its_own_sessions,
    oidc::a_session_is_proven_by_whose_it_is,
    oidc::a_logout_token_is_taken_once,
    services::a_services_token_counts_until_the_overlap_ends,
    services::a_service_that_is_disabled_stays_so,
    services::services_are_listed_by_brand,
    services::a_service_was_seen_to_the_minute,
    roles::a_lease_has_one_holder_and_a_growing_epoch,
    roles::a_role_that_nobody_else_took_keeps_its_epoch,
    roles::who_lost_a_role_changes_nothing_any_more,
    roles::a_setting_is_fixed_once,
    roles::lake_files_go_from_pending_to_forgotten,
}

#[tokio::test]
async fn a_database_of_a_newer_program_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("marque.db");
    let store = Store::sqlite(&path).await.unwrap();
    store.pool.execute("INSERT INTO migrations (version, applied_at) VALUES (9999, 0)", &[]).await.unwrap();
    store.close().await;
    let error = Store::sqlite(&path).await.unwrap_err();
    assert!(matches!(error, crate::Error::Newer { found: 9999, .. }), "{error}");
}

#[tokio::test]
async fn a_store_opens_again_with_what_it_had() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("marque.db");
    let store = Store::sqlite(&path).await.unwrap();
    register(&store, &[new_vehicle(1, Brand::Opel, "Corsa")]).await;
    store.close().await;
    let store = Store::sqlite(&path).await.unwrap();
    assert_eq!(store.vehicle(vehicle_id(1)).await.unwrap().model, "Corsa");
}

fn vehicle_id(number: u32) -> VehicleId {
    VehicleId::from_bytes((u128::from(number) << 64).to_be_bytes())
}

fn subject_id(number: u32) -> SubjectId {
    SubjectId::from_bytes((u128::from(number) << 64 | 1).to_be_bytes())
}

fn region() -> Region {
    "eu".parse().unwrap()
}

fn new_vehicle(number: u32, brand: Brand, model: &str) -> NewVehicle {
    NewVehicle {
        vehicle: vehicle_id(number),
        subject: subject_id(number),
        vin: format!("VF3CCHMZ0KT{number:06}").parse().unwrap(),
        brand,
        model: model.to_owned(),
        model_year: 2024,
        architecture: "psa-aee2010".to_owned(),
        region: region(),
    }
}

async fn register(store: &Store, vehicles: &[NewVehicle]) {
    let mut tx = store.begin().await.unwrap();
    tx.add_vehicles(vehicles, NOW).await.unwrap();
    tx.commit().await.unwrap();
}

#[test]
fn the_urls_own_sslmode_counts_and_nothing_elses() {
    use sqlx::postgres::{PgConnectOptions, PgSslMode};
    let check = |url: &str, mode: PgSslMode| {
        let options: PgConnectOptions = crate::with_sslmode(url).parse().unwrap();
        assert_eq!(std::mem::discriminant(&options.get_ssl_mode()), std::mem::discriminant(&mode), "{url}");
        assert_eq!(options.get_database(), Some("marque"), "{url}");
    };
    let url = "postgres://user:p%23@host/marque";
    assert_eq!(crate::with_sslmode(url), format!("{url}?sslmode=prefer&"), "PGSSLMODE is not asked");
    check(url, PgSslMode::Prefer);
    check("postgres://user@host/marque?application_name=x#part", PgSslMode::Prefer);
    check("postgres://user@host/marque?sslmode=verify-full&application_name=x", PgSslMode::VerifyFull);
    check("postgres://user@host/marque?application_name=x&ssl-mode=disable", PgSslMode::Disable);
    check("postgres://user@host/marque?ssl%6Dode=require", PgSslMode::Require);
}
