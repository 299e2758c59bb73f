use model::{Micros, PersonId, Timestamp};

use super::{NOW, people};
use crate::{LoggedOut, PersonRow, ProvenSession, SessionOrigin, SessionRow, Store};

const ISSUER: &str = "https://login.example.org";

async fn come(store: &Store, person: &PersonRow, issuer: &str, subject: &str) -> bool {
    let mut tx = store.begin().await.unwrap();
    let added = tx.add_person(person).await.unwrap()
        && tx.add_identity(issuer, subject, person.id, NOW).await.unwrap();
    if added {
        tx.commit().await.unwrap();
    }
    added
}

fn of_provider(number: u8, name: &str) -> PersonRow {
    PersonRow {
        password_hash: None,
        identity_provider: Some("group".to_owned()),
        ..people::person(number, name)
    }
}

pub(super) async fn a_subject_is_one_person(store: Store) {
    let (anna, ben) = (of_provider(1, "group:anna"), of_provider(2, "group:ben"));
    assert_eq!(store.person_of_subject(ISSUER, "a").await.unwrap(), None);
    assert!(come(&store, &anna, ISSUER, "a").await);
    assert!(!come(&store, &ben, ISSUER, "a").await, "somebody else was faster");
    assert_eq!(store.person(ben.id).await.unwrap(), None);
    assert!(come(&store, &ben, "https://other.example.org", "a").await, "another issuer's `a` is another");
    assert_eq!(store.person_of_subject(ISSUER, "a").await.unwrap().as_ref(), Some(&anna));
    let mut tx = store.begin().await.unwrap();
    tx.set_identity_provider(anna.id, "renamed").await.unwrap();
    tx.commit().await.unwrap();
    let found = store.person_of_subject(ISSUER, "a").await.unwrap().unwrap();
    assert_eq!(found.identity_provider.as_deref(), Some("renamed"));
}

pub(super) async fn a_sign_in_is_taken_once(store: Store) {
    let end = NOW + Micros::MINUTE;
    assert!(store.take_sign_in("one", end).await.unwrap());
    assert!(!store.take_sign_in("one", end).await.unwrap());
    assert!(store.take_sign_in("two", end).await.unwrap());
    assert_eq!(store.forget_sign_ins(end).await.unwrap(), 2);
}

fn session(name: &str, person: PersonId, issuer: &str, there: Option<&str>) -> SessionRow {
    let origin = SessionOrigin { issuer: issuer.to_owned(), session: there.map(str::to_owned) };
    SessionRow { origin: Some(origin), ..people::session(name, person) }
}

/// Whose sessions it says, of which it ends as many as it says.
async fn log_out(store: &Store, session: Option<&str>, subject: Option<&str>) -> Vec<PersonId> {
    let who = LoggedOut { issuer: ISSUER, session, subject };
    let people = store.people_of_provider_sessions(who).await.unwrap();
    let mut tx = store.begin().await.unwrap();
    assert_eq!(tx.end_provider_sessions(who).await.unwrap(), people.len() as u64);
    tx.commit().await.unwrap();
    people
}

async fn open(store: &Store, now: Timestamp) -> Vec<String> {
    let mut open = Vec::new();
    for name in ["a1", "a2", "b1", "c1", "own"] {
        if store.session(name, now).await.unwrap().is_some() {
            open.push(name.to_owned());
        }
    }
    open
}

pub(super) async fn a_provider_ends_its_own_sessions(store: Store) {
    let (anna, ben) = (of_provider(1, "group:anna"), of_provider(2, "group:ben"));
    let cleo = of_provider(3, "group:cleo");
    come(&store, &anna, ISSUER, "a").await;
    come(&store, &ben, ISSUER, "b").await;
    come(&store, &cleo, "https://other.example.org", "a").await;
    let sessions = [
        session("a1", anna.id, ISSUER, Some("s1")),
        session("a2", anna.id, ISSUER, Some("s2")),
        session("b1", ben.id, ISSUER, Some("s3")),
        session("c1", cleo.id, "https://other.example.org", Some("s1")),
        people::session("own", anna.id),
    ];
    for row in &sessions {
        let person = store.person(row.person).await.unwrap().unwrap();
        assert!(people::open(&store, &row.id, row, &person).await);
        assert_eq!(store.session(&row.id, NOW).await.unwrap().as_ref(), Some(row));
    }
    assert_eq!(log_out(&store, None, None).await, []);
    assert_eq!(log_out(&store, Some("s3"), Some("a")).await, [], "that one is somebody else's");
    assert_eq!(log_out(&store, Some("s1"), None).await, [anna.id]);
    assert_eq!(open(&store, NOW).await, ["a2", "b1", "c1", "own"]);
    assert_eq!(log_out(&store, None, Some("a")).await, [anna.id]);
    assert_eq!(open(&store, NOW).await, ["b1", "c1", "own"]);
    assert_eq!(log_out(&store, Some("s3"), Some("b")).await, [ben.id]);
    assert_eq!(open(&store, NOW).await, ["c1", "own"]);
    // One whose name there was never told is the subject's.
    assert!(people::open(&store, "b1", &session("b1", ben.id, ISSUER, None), &ben).await);
    assert_eq!(log_out(&store, Some("s4"), None).await, []);
    assert_eq!(log_out(&store, Some("s4"), Some("b")).await, [ben.id]);
}

pub(super) async fn a_session_is_proven_by_whose_it_is(store: Store) {
    let (anna, ben) = (of_provider(1, "group:anna"), of_provider(2, "group:ben"));
    come(&store, &anna, ISSUER, "a").await;
    come(&store, &ben, ISSUER, "b").await;
    let person = store.person(anna.id).await.unwrap().unwrap();
    assert!(people::open(&store, "a1", &session("a1", anna.id, ISSUER, Some("s1")), &person).await);
    let at = NOW + Micros::MINUTE;
    let of = |person| ProvenSession { id: "a1".to_owned(), person };
    assert!(!store.prove_provider_session(&of(ben.id), None, at, at).await.unwrap());
    assert!(store.prove_provider_session(&of(anna.id), None, at, at).await.unwrap());
    let expected = SessionRow { proven_at: at, ..session("a1", anna.id, ISSUER, Some("s1")) };
    assert_eq!(store.session("a1", at).await.unwrap(), Some(expected));
    assert!(store.prove_provider_session(&of(anna.id), Some("s2"), at, at).await.unwrap());
    let origin = store.session("a1", at).await.unwrap().unwrap().origin.unwrap();
    assert_eq!(origin.session.as_deref(), Some("s2"));
}

pub(super) async fn a_logout_token_is_taken_once(store: Store) {
    let take = async |issuer: &str, token: &str| {
        let mut tx = store.begin().await.unwrap();
        let taken = tx.take_logout_token(issuer, token, NOW + Micros::MINUTE).await.unwrap();
        tx.commit().await.unwrap();
        taken
    };
    assert!(take(ISSUER, "one").await);
    assert!(!take(ISSUER, "one").await);
    assert!(take("https://other.example.org", "one").await);
    assert_eq!(store.forget_sign_ins(NOW + Micros::MINUTE).await.unwrap(), 2);
    assert!(take(ISSUER, "one").await);
}
