use model::{Brand, Micros, PersonId, Region, Timestamp};

use super::NOW;
use crate::{
    Address, Belonging, Besides, Claim, CredentialReset, Error, OutboxRow, Page, PeopleFilter, PersonRow,
    RoleRow, SessionOrigin, SessionRow, Store, StoredAnswer, TotpRow,
};

pub(super) fn person(number: u8, username: &str) -> PersonRow {
    PersonRow {
        id: PersonId::from_bytes([number; 16]),
        username: username.to_owned(),
        realm: "staff".to_owned(),
        enabled: true,
        password_hash: Some("$argon2id$x".to_owned()),
        totp: None,
        created_at: NOW,
        created_by: None,
        brands: None,
        address: None,
        identity_provider: None,
    }
}

pub(super) fn session(id: &str, person: PersonId) -> SessionRow {
    SessionRow {
        id: id.to_owned(),
        person,
        created_at: NOW,
        expires_at: NOW + Micros::HOUR,
        proven_at: NOW,
        address: Some("192.0.2.0/24".to_owned()),
        origin: None,
    }
}

pub(super) async fn add(store: &Store, person: &PersonRow) -> bool {
    let mut tx = store.begin().await.unwrap();
    let added = tx.add_person(person).await.unwrap();
    tx.commit().await.unwrap();
    added
}

pub(super) async fn a_name_is_one_persons(store: Store) {
    let operator = person(1, "operator");
    assert!(add(&store, &operator).await);
    assert!(!add(&store, &person(2, "operator")).await);
    assert_eq!(store.person_named("operator").await.unwrap().as_ref(), Some(&operator));
    assert_eq!(store.person(operator.id).await.unwrap(), Some(operator));
    assert_eq!(store.person_named("nobody").await.unwrap(), None);
    assert_eq!(store.person(PersonId::from_bytes([2; 16])).await.unwrap(), None);
}

pub(super) async fn open(store: &Store, token: &str, session: &SessionRow, as_proven: &PersonRow) -> bool {
    let mut tx = store.begin().await.unwrap();
    let opened = tx.add_session(token, session, as_proven).await.unwrap();
    tx.commit().await.unwrap();
    opened
}

fn filter(realms: &[&str]) -> PeopleFilter {
    PeopleFilter {
        realms: realms.iter().map(|realm| (*realm).to_owned()).collect(),
        brands: None,
        function: None,
        text: None,
        region: "eu".parse().unwrap(),
        now: NOW,
    }
}

fn names(page: &Page<PersonRow>) -> Vec<&str> {
    page.items.iter().map(|item| item.username.as_str()).collect()
}

pub(super) async fn people_come_by_name_and_realm(store: Store) {
    for (number, name) in [(1, "c"), (2, "a"), (3, "b")] {
        add(&store, &person(number, name)).await;
    }
    add(&store, &PersonRow { realm: "customer".to_owned(), ..person(4, "d") }).await;
    let filter = filter(&["staff", "partner"]);
    let first = store.people(&filter, None, 2).await.unwrap();
    assert_eq!(names(&first), ["a", "b"]);
    let second = store.people(&filter, first.next.as_ref(), 2).await.unwrap();
    assert_eq!((names(&second), &second.next), (vec!["c"], &None));
}

fn role(id: &str, person: &PersonRow, function: &str, brands: &[Brand]) -> RoleRow {
    RoleRow {
        id: id.to_owned(),
        person: person.id,
        function: function.to_owned(),
        brands: brands.to_vec(),
        region: "eu".parse().unwrap(),
        starts_at: NOW,
        ends_at: None,
        created_at: NOW,
        created_by: None,
    }
}

async fn give(store: &Store, role: &RoleRow) {
    let mut tx = store.begin().await.unwrap();
    tx.add_role(role).await.unwrap();
    tx.commit().await.unwrap();
}

pub(super) async fn people_are_listed_by_brand_function_and_name(store: Store) {
    let created = |number, name, brands: &[Brand]| PersonRow {
        brands: Some(brands.to_vec()),
        address: Some(Address { text: format!("{name}@example.org"), changed_at: None }),
        ..person(number, name)
    };
    let (anna, ben) = (created(1, "anna", &[Brand::Opel, Brand::Fiat]), created(2, "ben", &[Brand::Ram]));
    let (cleo, dora) = (person(3, "cleo"), person(4, "dora_x"));
    for one in [&anna, &ben, &cleo, &dora] {
        assert!(add(&store, one).await);
    }
    assert_eq!(store.person(anna.id).await.unwrap().as_ref(), Some(&anna));
    give(&store, &role("r1", &ben, "support", &[Brand::Jeep, Brand::AlfaRomeo])).await;
    give(&store, &role("r2", &dora, "support", &[Brand::Opel])).await;
    give(&store, &RoleRow { ends_at: Some(NOW), ..role("r3", &cleo, "support", &[Brand::Jeep]) }).await;
    let check = async |change: fn(&mut PeopleFilter), expected: &[&str]| {
        let mut filter = filter(&["staff"]);
        change(&mut filter);
        assert_eq!(names(&store.people(&filter, None, 9).await.unwrap()), expected);
    };
    check(|_| {}, &["anna", "ben", "cleo", "dora_x"]).await;
    // Who was created for no brand and has no function is everybody's.
    check(|filter| filter.brands = Some(vec![Brand::Opel]), &["anna", "cleo", "dora_x"]).await;
    check(|filter| filter.brands = Some(vec![Brand::AlfaRomeo, Brand::Lancia]), &["ben", "cleo"]).await;
    check(|filter| filter.function = Some("support".to_owned()), &["ben", "dora_x"]).await;
    check(|filter| filter.text = Some("_X".to_owned()), &["dora_x"]).await;
    let both = |filter: &mut PeopleFilter| {
        filter.function = Some("support".to_owned());
        filter.brands = Some(vec![Brand::Jeep]);
    };
    check(both, &["ben"]).await;
    let roles = store.roles_of_all(&[ben.id, dora.id]).await.unwrap();
    assert_eq!(roles.iter().map(|role| role.id.as_str()).collect::<Vec<_>>(), ["r1", "r2"]);
    assert_eq!(store.roles_of_all(&[]).await.unwrap(), []);
}

pub(super) async fn an_account_gets_another_name_and_address(store: Store) {
    let (anna, ben) = (person(1, "anna"), person(2, "ben"));
    add(&store, &anna).await;
    add(&store, &ben).await;
    let address = Address { text: "anna@example.org".to_owned(), changed_at: Some(NOW) };
    let mut tx = store.begin().await.unwrap();
    tx.rename_person(anna.id, "ann").await.unwrap();
    tx.set_address(anna.id, &address).await.unwrap();
    tx.commit().await.unwrap();
    let expected = PersonRow { username: "ann".to_owned(), address: Some(address), ..anna.clone() };
    assert_eq!(store.person(anna.id).await.unwrap(), Some(expected));
    let mut tx = store.begin().await.unwrap();
    let error = tx.rename_person(anna.id, "ben").await.unwrap_err();
    assert!(matches!(error, Error::Conflict { .. }), "{error}");
}

pub(super) async fn somebody_else_holds_a_function_or_nobody_does(store: Store) {
    let (anna, ben) = (person(1, "anna"), person(2, "ben"));
    add(&store, &anna).await;
    add(&store, &ben).await;
    let region: Region = "eu".parse().unwrap();
    let besides = async |besides: Besides<'_>| {
        let mut tx = store.begin().await.unwrap();
        let held = tx.brands_held_besides(besides, "administrator", &region, NOW).await.unwrap();
        tx.commit().await.unwrap();
        held.into_iter().collect::<Vec<_>>()
    };
    assert_eq!(store.ever_held("administrator", &region).await.unwrap(), 0);
    give(&store, &role("r1", &anna, "administrator", &Brand::ALL)).await;
    give(&store, &role("r2", &anna, "administrator", &[Brand::Opel])).await;
    assert_eq!(store.ever_held("administrator", &region).await.unwrap(), 1);
    assert_eq!(besides(Besides::Role("r1")).await, [Brand::Opel]);
    assert_eq!(besides(Besides::Role("r2")).await.len(), Brand::ALL.len());
    assert_eq!(besides(Besides::Person(anna.id)).await, []);
    let mut tx = store.begin().await.unwrap();
    assert!(tx.end_role(anna.id, "r2", NOW).await.unwrap());
    tx.commit().await.unwrap();
    assert_eq!(besides(Besides::Role("r1")).await, []);
    let end = Some(NOW + Micros::DAY);
    give(&store, &RoleRow { ends_at: end, ..role("r3", &ben, "administrator", &[Brand::Opel]) }).await;
    assert_eq!(besides(Besides::Role("r1")).await, [], "one that will end does not count");
    give(&store, &role("r4", &ben, "administrator", &[Brand::Opel])).await;
    assert_eq!(besides(Besides::Person(anna.id)).await, [Brand::Opel]);
    assert_eq!(store.ever_held("administrator", &region).await.unwrap(), 2);
    assert_eq!(store.role(ben.id, "r4").await.unwrap().unwrap().person, ben.id);
    assert_eq!(store.role(anna.id, "r4").await.unwrap(), None);
    let mut tx = store.begin().await.unwrap();
    assert_eq!(tx.count_roles(ben.id, NOW).await.unwrap(), 2);
    assert_eq!(tx.count_roles(ben.id, NOW + Micros::DAY).await.unwrap(), 1);
    let belonging = Belonging { created_by: None, organisation: None };
    assert_eq!(tx.lock_account(ben.id).await.unwrap(), Some(belonging));
    assert_eq!(tx.lock_account(PersonId::from_bytes([99; 16])).await.unwrap(), None);
    tx.begin_anew(ben.id, Some(anna.id), Some(&[Brand::Opel]), NOW).await.unwrap();
    let belonging = Belonging { created_by: Some(anna.id), ..belonging };
    assert_eq!(tx.lock_account(ben.id).await.unwrap(), Some(belonging));
    tx.set_enabled(ben.id, false).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(besides(Besides::Role("r1")).await, [], "nor does that of somebody who cannot sign in");
}

fn reset(person: &PersonRow, token: &str) -> CredentialReset {
    CredentialReset {
        person: person.id,
        token_hash: token.to_owned(),
        created_at: NOW,
        expires_at: NOW + Micros::DAY,
    }
}

async fn void(store: &Store, reset: &CredentialReset) {
    let mut tx = store.begin().await.unwrap();
    tx.reset_credentials(reset).await.unwrap();
    tx.commit().await.unwrap();
}

pub(super) async fn a_link_counts_once_and_replaces_the_one_before(store: Store) {
    let anna = person(1, "anna");
    add(&store, &anna).await;
    assert!(open(&store, "aa", &session("1", anna.id), &anna).await);
    void(&store, &reset(&anna, "first")).await;
    assert_eq!(store.session("aa", NOW).await.unwrap(), None);
    assert_eq!(store.person(anna.id).await.unwrap().unwrap().password_hash, None);
    void(&store, &reset(&anna, "second")).await;
    let take = async |token: &str, at: Timestamp| {
        let mut tx = store.begin().await.unwrap();
        let whose = tx.take_credential_reset(token, at).await.unwrap();
        tx.commit().await.unwrap();
        whose
    };
    let end = NOW + Micros::DAY;
    assert_eq!(store.credential_reset("second", NOW).await.unwrap(), Some(anna.id));
    assert_eq!(store.credential_reset("second", end).await.unwrap(), None);
    assert_eq!(take("first", NOW).await, None);
    assert_eq!(take("second", end).await, None);
    assert_eq!(take("second", NOW).await, Some(anna.id));
    assert_eq!(take("second", NOW).await, None);
    void(&store, &reset(&anna, "third")).await;
    let mut tx = store.begin().await.unwrap();
    tx.set_enabled(anna.id, false).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(store.credential_reset("third", NOW).await.unwrap(), None);
    void(&store, &reset(&anna, "fourth")).await;
    assert_eq!(store.forget_credential_resets(end).await.unwrap(), 1);
}

pub(super) async fn what_was_sent_leaves_no_payload(store: Store) {
    let anna = person(1, "anna");
    add(&store, &anna).await;
    let letter = |id: &str, at: Timestamp| OutboxRow {
        id: id.to_owned(),
        kind: "credential-reset".to_owned(),
        person: anna.id,
        payload: vec![1, 2, 3],
        created_at: at,
    };
    let mut tx = store.begin().await.unwrap();
    tx.add_to_outbox(&letter("b", NOW + Micros::SECOND)).await.unwrap();
    tx.add_to_outbox(&letter("c", NOW)).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(store.unsent(None, 1).await.unwrap(), [letter("c", NOW)]);
    let behind = store.unsent(Some(&letter("c", NOW)), 1).await.unwrap();
    assert_eq!(behind, [letter("b", NOW + Micros::SECOND)]);
    assert_eq!(store.unsent(Some(&behind[0]), 1).await.unwrap(), []);
    store.note_sent("c", NOW).await.unwrap();
    assert_eq!(store.unsent(None, 9).await.unwrap(), [letter("b", NOW + Micros::SECOND)]);
    let kept = "SELECT 1 FROM outbox WHERE payload IS NOT NULL AND outbox_id = 'c'";
    assert!(store.pool.fetch_optional(kept, &[]).await.unwrap().is_none());
    assert_eq!(store.sent_before(NOW, 9).await.unwrap(), Vec::<String>::new());
    assert_eq!(store.sent_before(NOW + Micros::SECOND, 9).await.unwrap(), ["c"]);
    store.forget_sent("c").await.unwrap();
    assert_eq!(store.sent_before(NOW + Micros::SECOND, 9).await.unwrap(), Vec::<String>::new());
}

pub(super) async fn a_role_holds_until_it_ends(store: Store) {
    let somebody = person(1, "somebody");
    add(&store, &somebody).await;
    let region: Region = "eu".parse().unwrap();
    assert!(!store.has_roles(&region).await.unwrap());
    let role = RoleRow {
        id: "r1".to_owned(),
        person: somebody.id,
        function: "operations".to_owned(),
        brands: vec![Brand::Opel, Brand::Fiat],
        region: region.clone(),
        starts_at: NOW,
        ends_at: None,
        created_at: NOW,
        created_by: Some(PersonId::from_bytes([9; 16])),
    };
    let mut tx = store.begin().await.unwrap();
    tx.add_role(&role).await.unwrap();
    tx.commit().await.unwrap();
    assert!(store.has_roles(&region).await.unwrap());
    assert_eq!(store.roles_of(somebody.id).await.unwrap(), std::slice::from_ref(&role));
    let later = NOW + Micros::DAY;
    let mut tx = store.begin().await.unwrap();
    assert!(!tx.end_role(PersonId::from_bytes([9; 16]), "r1", later).await.unwrap());
    assert!(tx.end_role(somebody.id, "r1", later).await.unwrap());
    assert!(!tx.end_role(somebody.id, "r1", later).await.unwrap());
    tx.commit().await.unwrap();
    assert_eq!(store.roles_of(somebody.id).await.unwrap(), [RoleRow { ends_at: Some(later), ..role }]);
}

pub(super) async fn a_session_ends(store: Store) {
    let operator = person(1, "operator");
    add(&store, &operator).await;
    let end = NOW + Micros::HOUR;
    for (token, id) in [("aa", "1"), ("bb", "2"), ("cc", "3")] {
        assert!(open(&store, token, &session(id, operator.id), &operator).await);
    }
    assert_eq!(store.session("aa", NOW).await.unwrap(), Some(session("1", operator.id)));
    assert_eq!(store.session("aa", end).await.unwrap(), None);
    assert_eq!(store.sessions_of(operator.id, NOW).await.unwrap().len(), 3);
    assert!(!store.end_session(PersonId::from_bytes([2; 16]), "1").await.unwrap());
    assert!(store.end_session(operator.id, "1").await.unwrap());
    assert_eq!(store.session("aa", NOW).await.unwrap(), None);
    let before = Timestamp(NOW.0 - 1);
    assert!(store.is_familiar("operator", "192.0.2.0/24", before).await.unwrap());
    assert!(!store.is_familiar("operator", "198.51.100.0/24", before).await.unwrap());
    assert!(!store.is_familiar("nobody", "192.0.2.0/24", before).await.unwrap());
    assert!(!store.is_familiar("operator", "192.0.2.0/24", NOW).await.unwrap());
    assert_eq!(store.forget_networks(NOW).await.unwrap(), 1);
    assert!(!store.is_familiar("operator", "192.0.2.0/24", before).await.unwrap());
    let mut tx = store.begin().await.unwrap();
    assert_eq!(tx.end_sessions(operator.id, Some("2")).await.unwrap(), 1);
    tx.commit().await.unwrap();
    let proven = NOW + Micros::MINUTE;
    assert!(store.prove_session("2", proven).await.unwrap());
    assert!(!store.prove_session("2", end).await.unwrap());
    assert_eq!(store.session("bb", NOW).await.unwrap().unwrap().proven_at, proven);
    assert_eq!(store.forget_ended_sessions(end).await.unwrap(), 1);
}

pub(super) async fn where_people_were_is_forgotten_with_what_they_had_there(store: Store) {
    let is_familiar = async |name: &str| {
        let before = Timestamp(NOW.0 - 1);
        store.is_familiar(name, "192.0.2.0/24", before).await.unwrap()
    };
    let (reset, disabled, elsewhere) = (person(1, "reset"), person(2, "disabled"), person(3, "elsewhere"));
    for (index, one) in [&reset, &disabled, &elsewhere].into_iter().enumerate() {
        add(&store, one).await;
        let issuer = "https://id.example.org".to_owned();
        let origin = (index == 2).then_some(SessionOrigin { issuer, session: None });
        let session = SessionRow { origin, ..session(&index.to_string(), one.id) };
        assert!(open(&store, &one.username, &session, one).await);
    }
    assert!(is_familiar("reset").await && is_familiar("disabled").await);
    assert!(!is_familiar("elsewhere").await, "who has no password needs to be known nowhere");
    let mut tx = store.begin().await.unwrap();
    let link = CredentialReset {
        person: reset.id,
        token_hash: "ab".to_owned(),
        created_at: NOW,
        expires_at: NOW + Micros::HOUR,
    };
    tx.reset_credentials(&link).await.unwrap();
    tx.commit().await.unwrap();
    assert!(!is_familiar("reset").await && is_familiar("disabled").await);
    let mut tx = store.begin().await.unwrap();
    tx.set_enabled(disabled.id, false).await.unwrap();
    tx.commit().await.unwrap();
    assert!(!is_familiar("disabled").await);
}

pub(super) async fn who_is_disabled_is_signed_out_and_stays_out(store: Store) {
    let somebody = person(1, "somebody");
    add(&store, &somebody).await;
    assert!(open(&store, "aa", &session("1", somebody.id), &somebody).await);
    let mut tx = store.begin().await.unwrap();
    assert!(tx.set_enabled(somebody.id, false).await.unwrap());
    assert!(!tx.set_enabled(PersonId::from_bytes([2; 16]), false).await.unwrap());
    tx.commit().await.unwrap();
    assert_eq!(store.session("aa", NOW).await.unwrap(), None);
    assert!(!open(&store, "bb", &session("2", somebody.id), &somebody).await);
    assert!(!store.person(somebody.id).await.unwrap().unwrap().enabled);
}

pub(super) async fn a_session_is_opened_by_the_credentials_of_now(store: Store) {
    let proven = person(1, "somebody");
    add(&store, &proven).await;
    assert!(open(&store, "aa", &session("1", proven.id), &proven).await);
    let mut tx = store.begin().await.unwrap();
    tx.set_totp(proven.id, Some(&TotpRow { sealed: vec![1], step: 4 })).await.unwrap();
    tx.commit().await.unwrap();
    assert!(!open(&store, "bb", &session("2", proven.id), &proven).await);
    let proven = store.person(proven.id).await.unwrap().unwrap();
    assert!(open(&store, "cc", &session("3", proven.id), &proven).await);
    let mut tx = store.begin().await.unwrap();
    tx.set_password(proven.id, Some("$argon2id$y")).await.unwrap();
    tx.commit().await.unwrap();
    assert!(!open(&store, "dd", &session("4", proven.id), &proven).await);
}

pub(super) async fn a_step_of_the_second_factor_is_taken_once(store: Store) {
    let somebody = person(1, "somebody");
    add(&store, &somebody).await;
    assert!(!store.take_totp_step(somebody.id, 5).await.unwrap());
    let totp = TotpRow { sealed: vec![1, 2, 3], step: 4 };
    let mut tx = store.begin().await.unwrap();
    tx.set_totp(somebody.id, Some(&totp)).await.unwrap();
    tx.set_password(somebody.id, Some("other")).await.unwrap();
    tx.commit().await.unwrap();
    let known = store.person(somebody.id).await.unwrap().unwrap();
    assert_eq!((known.totp, known.password_hash.as_deref()), (Some(totp), Some("other")));
    assert!(store.take_totp_step(somebody.id, 6).await.unwrap());
    assert!(!store.take_totp_step(somebody.id, 6).await.unwrap());
    assert!(!store.take_totp_step(somebody.id, 5).await.unwrap());
    let mut tx = store.begin().await.unwrap();
    tx.set_totp(somebody.id, None).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(store.person(somebody.id).await.unwrap().unwrap().totp, None);
}

pub(super) async fn a_key_answers_the_same_request_again(store: Store) {
    assert_eq!(store.claim_key("operator", "k", "h", NOW).await.unwrap(), Claim::New);
    let later = NOW + Micros::MINUTE;
    let again = store.claim_key("operator", "k", "h", later).await.unwrap();
    assert_eq!(again, Claim::Unanswered { since: NOW });
    let answer =
        StoredAnswer { status: 201, location: Some("/v1/vehicles/1".to_owned()), body: b"{}".to_vec() };
    store.store_answer("operator", "k", &answer).await.unwrap();
    assert_eq!(store.claim_key("operator", "k", "h", NOW).await.unwrap(), Claim::Answered(answer));
    assert_eq!(store.forget_keys(NOW + Micros::DAY).await.unwrap(), 1);
    assert_eq!(store.claim_key("operator", "k", "h", NOW).await.unwrap(), Claim::New);
}

pub(super) async fn a_key_serves_one_request(store: Store) {
    assert_eq!(store.claim_key("operator", "k", "h", NOW).await.unwrap(), Claim::New);
    assert_eq!(store.claim_key("operator", "k", "other", NOW).await.unwrap(), Claim::Reused);
    assert_eq!(store.claim_key("somebody", "k", "other", NOW).await.unwrap(), Claim::New);
    store.release_key("operator", "k").await.unwrap();
    assert_eq!(store.claim_key("operator", "k", "other", NOW).await.unwrap(), Claim::New);
}
