use model::Micros;

use super::NOW;
use crate::{Claim, Store, StoredAnswer};

pub(super) async fn an_account_is_made_once(store: Store) {
    assert!(store.add_account("operator", "$argon2id$x", NOW).await.unwrap());
    assert!(!store.add_account("operator", "$argon2id$y", NOW).await.unwrap());
    let account = store.account("operator").await.unwrap().unwrap();
    assert_eq!(account.password_hash, "$argon2id$x");
    assert_eq!(store.account("nobody").await.unwrap(), None);
}

pub(super) async fn a_session_ends(store: Store) {
    store.add_account("operator", "x", NOW).await.unwrap();
    let end = NOW + Micros::HOUR;
    store.add_session("aa", "operator", NOW, end).await.unwrap();
    store.add_session("bb", "operator", NOW, end).await.unwrap();
    let open = store.session("aa", NOW).await.unwrap().unwrap();
    assert_eq!((open.username.as_str(), open.expires_at), ("operator", end));
    assert_eq!(store.session("aa", end).await.unwrap(), None);
    store.end_session("aa").await.unwrap();
    assert_eq!(store.session("aa", NOW).await.unwrap(), None);
    assert_eq!(store.forget_ended_sessions(end).await.unwrap(), 1);
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
