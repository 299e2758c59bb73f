use model::{Brand, Micros, PersonId, Region};

use super::NOW;
use crate::{Claim, Page, PersonRow, RoleRow, SessionRow, Store, StoredAnswer, TotpRow};

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
    }
}

fn session(id: &str, person: PersonId) -> SessionRow {
    SessionRow {
        id: id.to_owned(),
        person,
        created_at: NOW,
        expires_at: NOW + Micros::HOUR,
        proven_at: NOW,
        address: Some("192.0.2.0/24".to_owned()),
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

pub(super) async fn people_come_by_name_and_realm(store: Store) {
    for (number, name) in [(1, "c"), (2, "a"), (3, "b")] {
        add(&store, &person(number, name)).await;
    }
    add(&store, &PersonRow { realm: "customer".to_owned(), ..person(4, "d") }).await;
    let first = store.people(&["staff", "partner"], None, 2).await.unwrap();
    let names =
        |page: &Page<PersonRow>| page.items.iter().map(|item| item.username.clone()).collect::<Vec<_>>();
    assert_eq!(names(&first), ["a", "b"]);
    let second = store.people(&["staff", "partner"], first.next.as_ref(), 2).await.unwrap();
    assert_eq!((names(&second), second.next), (vec!["c".to_owned()], None));
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
        assert!(store.add_session(token, &session(id, operator.id)).await.unwrap());
    }
    assert_eq!(store.session("aa", NOW).await.unwrap(), Some(session("1", operator.id)));
    assert_eq!(store.session("aa", end).await.unwrap(), None);
    assert_eq!(store.sessions_of(operator.id, NOW).await.unwrap().len(), 3);
    assert!(!store.end_session(PersonId::from_bytes([2; 16]), "1").await.unwrap());
    assert!(store.end_session(operator.id, "1").await.unwrap());
    assert_eq!(store.session("aa", NOW).await.unwrap(), None);
    assert_eq!(store.end_sessions(operator.id, Some("2")).await.unwrap(), 1);
    let proven = NOW + Micros::MINUTE;
    assert!(store.prove_session("2", proven).await.unwrap());
    assert!(!store.prove_session("2", end).await.unwrap());
    assert_eq!(store.session("bb", NOW).await.unwrap().unwrap().proven_at, proven);
    assert_eq!(store.forget_ended_sessions(end).await.unwrap(), 1);
}

pub(super) async fn who_is_disabled_is_signed_out_and_stays_out(store: Store) {
    let somebody = person(1, "somebody");
    add(&store, &somebody).await;
    assert!(store.add_session("aa", &session("1", somebody.id)).await.unwrap());
    let mut tx = store.begin().await.unwrap();
    assert!(tx.set_enabled(somebody.id, false).await.unwrap());
    assert!(!tx.set_enabled(PersonId::from_bytes([2; 16]), false).await.unwrap());
    tx.commit().await.unwrap();
    assert_eq!(store.session("aa", NOW).await.unwrap(), None);
    assert!(!store.add_session("bb", &session("2", somebody.id)).await.unwrap());
    assert!(!store.person(somebody.id).await.unwrap().unwrap().enabled);
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
