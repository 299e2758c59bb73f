use std::path::Path;

use super::*;
use crate::seal::Sealer;

const NOW: Timestamp = Timestamp(1_763_885_730_000_000);

async fn people(folder: &Path) -> People {
    let store = Store::sqlite(&folder.join("marque.db")).await.unwrap();
    let outbox = Outbox::new(store.clone(), Sealer::open(folder).unwrap(), &folder.join("outbox"));
    People::new(store, "eu".parse().unwrap(), outbox, Changes::default())
}

fn account(username: &str) -> NewAccount {
    NewAccount {
        username: username.to_owned(),
        realm: Realm::Staff,
        brands: None,
        address: None,
        organisation: None,
    }
}

fn person(number: u8) -> Option<PersonId> {
    Some(PersonId::from_bytes([number; 16]))
}

#[tokio::test]
async fn names_and_addresses_are_plain() {
    let folder = tempfile::tempdir().unwrap();
    let people = people(folder.path()).await;
    for name in ["a", "anna.b", "anna+1@example.org", "0"] {
        people.create(account(name), None, NOW).await.unwrap();
    }
    let long = "a".repeat(65);
    for name in ["", "Anna", ".anna", "anna b", "\u{e4}nna", &long] {
        let error = people.create(account(name), None, NOW).await.unwrap_err();
        assert!(matches!(error, PeopleError::Username), "{name}: {error}");
    }
    for address in ["", "anna", "@example.org", "anna@", "anna b@example.org", "a@b\r\nBcc: c"] {
        let new = NewAccount { address: Some(address.to_owned()), ..account("ben") };
        let error = people.create(new, None, NOW).await.unwrap_err();
        assert!(matches!(error, PeopleError::Address), "{address}: {error}");
    }
}

#[tokio::test]
async fn an_address_settles_in_seven_days_when_somebody_else_changed_it() {
    let folder = tempfile::tempdir().unwrap();
    let people = people(folder.path()).await;
    let new = NewAccount { address: Some("a@example.org".to_owned()), ..account("anna") };
    let anna = people.create(new, None, NOW).await.unwrap();
    let is_settled = async |at: Timestamp| {
        let known = people.find(anna.id, at).await.unwrap().unwrap();
        people.facts(&known, None, at).await.unwrap().has(Condition::AddressSettled)
    };
    assert!(is_settled(NOW).await, "it is the one that it was made with");
    let to = |address: &'static str| Change { address: Some(address), ..Change::default() };
    let renamed = Change { username: Some("ann"), ..to("a@example.org") };
    people.change(&anna, renamed, NOW).await.unwrap();
    assert!(is_settled(NOW).await, "it is the same");
    people.change(&anna, Change { by_oneself: true, ..to("c@example.org") }, NOW).await.unwrap();
    assert!(is_settled(NOW).await, "it was their own doing");
    people.change(&anna, to("b@example.org"), NOW).await.unwrap();
    let end = NOW + Micros(7 * Micros::DAY.0);
    assert!(!is_settled(end - Micros(1)).await && is_settled(end).await);
}

#[tokio::test]
async fn who_made_an_account_gives_it_functions_only_while_alone() {
    let folder = tempfile::tempdir().unwrap();
    let people = people(folder.path()).await;
    let anna = people.create(account("anna"), person(1), NOW).await.unwrap();
    let find = async |id| people.find(id, NOW).await.unwrap().unwrap();
    let may = async |by| {
        let facts = people.facts(&find(anna.id).await, by, NOW).await.unwrap();
        facts.has(Condition::NotCreator)
    };
    let administrator = NewRole { function: Function::Administrator, brands: Brands::ALL, until: None };
    assert!(may(person(1)).await && may(person(2)).await);
    let first = people.assign(&find(anna.id).await, administrator, None, NOW).await.unwrap();
    assert!(may(person(1)).await);
    let ben = people.create(account("ben"), None, NOW).await.unwrap();
    people.assign(&find(ben.id).await, administrator, None, NOW).await.unwrap();
    assert!(!may(person(1)).await && may(person(2)).await);
    // It stays so, also when there is one again.
    people.revoke(&first, NOW).await.unwrap();
    assert!(!may(person(1)).await);
    let facts = people.facts(&find(anna.id).await, Some(anna.id), NOW).await.unwrap();
    assert!(!facts.has(Condition::NotSelf));
}

#[tokio::test]
async fn an_account_counts_for_what_it_was_made_for_and_told_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let people = people(folder.path()).await;
    let anna = people.create(account("anna"), None, NOW).await.unwrap();
    let find = async |at| people.find(anna.id, at).await.unwrap().unwrap();
    assert_eq!(find(NOW).await.brands(), Brands::ALL);
    let until = NOW + Micros::DAY;
    let (function, brands) = (Function::Support, Brands::from(Brand::Opel));
    let role = NewRole { function, brands, until: Some(until) };
    people.assign(&find(NOW).await, role, None, NOW).await.unwrap();
    assert_eq!(find(NOW).await.brands(), Brand::Opel.into());
    assert_eq!(find(until).await.brands(), Brands::ALL);
    for _ in 1..ROLES_MAX {
        people.assign(&find(NOW).await, role, None, NOW).await.unwrap();
    }
    let error = people.assign(&find(NOW).await, role, None, NOW).await.unwrap_err();
    assert!(matches!(error, PeopleError::Roles), "{error}");
}

#[tokio::test]
async fn what_could_not_be_sent_is_sent_later_and_forgotten_in_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let people = people(folder.path()).await;
    let anna = people.create(account("anna"), None, NOW).await.unwrap();
    let outbox = folder.path().join("outbox");
    std::fs::write(&outbox, "in the way").unwrap();
    people.reset_credentials(&anna, NOW).await.unwrap();
    std::fs::remove_file(&outbox).unwrap();
    let files = || std::fs::read_dir(&outbox).unwrap().count();
    people.outbox().send(NOW).await;
    people.outbox().send(NOW).await;
    assert_eq!(files(), 1);
    people.outbox().tidy(NOW + Micros(7 * Micros::DAY.0)).await.unwrap();
    assert_eq!(files(), 1);
    people.outbox().tidy(NOW + Micros(8 * Micros::DAY.0)).await.unwrap();
    assert_eq!(files(), 0);
}
