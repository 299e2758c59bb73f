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
async fn an_address_settles_in_seven_days_whoever_changed_it() {
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
    let change = async |change| {
        let known = people.find(anna.id, NOW).await.unwrap().unwrap();
        people.change(&known, change, None, None, NOW).await.unwrap();
    };
    change(renamed).await;
    assert!(is_settled(NOW).await, "it is the same");
    let mut changed_at = NOW;
    for (address, by_oneself) in [("b@example.org", false), ("c@example.org", true)] {
        let change = Change { by_oneself, ..to(address) };
        let known = people.find(anna.id, changed_at).await.unwrap().unwrap();
        if by_oneself {
            people.change_own(&known.person, change, changed_at).await.unwrap();
        } else {
            people.change(&known, change, None, None, changed_at).await.unwrap();
        }
        let end = changed_at + Micros(7 * Micros::DAY.0);
        assert!(!is_settled(end - Micros(1)).await && is_settled(end).await, "by oneself: {by_oneself}");
        changed_at = end - Micros(1);
    }
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
async fn who_puts_an_account_into_an_organisation_counts_as_having_made_it() {
    let folder = tempfile::tempdir().unwrap();
    let people = people(folder.path()).await;
    let administrator = NewRole { function: Function::Administrator, brands: Brands::ALL, until: None };
    let find = async |id| people.find(id, NOW).await.unwrap().unwrap();
    for name in ["one", "two"] {
        let made = people.create(account(name), None, NOW).await.unwrap();
        people.assign(&find(made.id).await, administrator, None, NOW).await.unwrap();
    }
    let new = NewAccount { realm: Realm::Partner, ..account("mechanic") };
    let mechanic = people.create(new, person(1), NOW).await.unwrap();
    let dealer = NewRole { function: Function::Dealer, brands: Brand::Opel.into(), until: None };
    people.assign(&find(mechanic.id).await, dealer, None, NOW).await.unwrap();
    let may = async |by| {
        let facts = people.facts(&find(mechanic.id).await, by, NOW).await.unwrap();
        facts.has(Condition::NotCreator)
    };
    assert!(may(person(2)).await);
    let organisation = dealership(&people, 7).await;
    let join = async |organisation| {
        let known = find(mechanic.id).await;
        people.change(&known, Change::default(), organisation, person(2), NOW).await.unwrap();
    };
    join(Some(Some(organisation))).await;
    assert!(!may(person(2)).await && may(person(1)).await, "it was made by whoever put it there");
    assert!(find(mechanic.id).await.roles.is_empty(), "and has no function there");
    assert_eq!(find(mechanic.id).await.brands(), Brand::Opel.into(), "nobody else's brands reach it now");

    people.assign(&find(mechanic.id).await, dealer, person(1), NOW).await.unwrap();
    join(Some(Some(organisation))).await;
    assert_eq!(find(mechanic.id).await.roles.len(), 1, "it was there already");
    join(Some(None)).await;
    assert_eq!(find(mechanic.id).await.organisation, None);
}

async fn dealership(people: &People, number: u8) -> OrganisationId {
    let id = OrganisationId::from_bytes([number; 16]);
    let row = store::OrganisationRow {
        id,
        kind: "dealership".to_owned(),
        name: format!("dealership {number}"),
        brands: vec![Brand::Opel],
        region: people.region.clone(),
        enabled: true,
        created_at: NOW,
        created_by: PersonId::from_bytes([9; 16]),
    };
    let mut tx = people.store.begin().await.unwrap();
    tx.add_organisation(&row).await.unwrap();
    tx.commit().await.unwrap();
    id
}

#[tokio::test]
async fn who_guards_a_brand_hears_of_what_is_done_to_its_accounts() {
    let folder = tempfile::tempdir().unwrap();
    let people = people(folder.path()).await;
    let find = async |id| people.find(id, NOW).await.unwrap().unwrap();
    let guard = async |name: &str, brand: Brand| {
        let made = people.create(account(name), None, NOW).await.unwrap();
        let security = NewRole { function: Function::Security, brands: brand.into(), until: None };
        people.assign(&find(made.id).await, security, None, NOW).await.unwrap();
        made.id
    };
    let (opel, fiat) = (guard("opel", Brand::Opel).await, guard("fiat", Brand::Fiat).await);
    let heard = async |who, about: PersonId| {
        let notices = people.store.notices_to(who, None, 100).await.unwrap().items;
        let mut kinds: Vec<String> =
            notices.into_iter().filter(|n| n.about == Some(about)).map(|n| n.kind).collect();
        kinds.sort_unstable();
        kinds
    };
    let new = NewAccount { brands: Some(Brand::Opel.into()), ..account("anna") };
    let anna = people.create(new, person(1), NOW).await.unwrap().id;
    let support = NewRole { function: Function::Support, brands: Brand::Opel.into(), until: None };
    let role = people.assign(&find(anna).await, support, person(1), NOW).await.unwrap();
    let renamed = Change { username: Some("ann"), ..Change::default() };
    people.change(&find(anna).await, renamed, None, person(1), NOW).await.unwrap();
    people.reset_credentials(&find(anna).await, NOW).await.unwrap();
    people.revoke(&role, NOW).await.unwrap();
    people.set_enabled(&find(anna).await, false, NOW).await.unwrap();
    people.set_enabled(&find(anna).await, true, NOW).await.unwrap();
    let all = [
        "account-changed",
        "account-disabled",
        "account-enabled",
        "account-made",
        "credentials-reset",
        "role-ended",
        "role-given",
    ];
    assert_eq!(heard(opel, anna).await, all);
    assert!(heard(fiat, anna).await.is_empty(), "it is another brand's");
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

/// Who may give it was asked of the account as it was: whoever makes it theirs meanwhile must not slip through.
#[tokio::test]
async fn no_role_is_given_to_an_account_that_was_moved_since_it_was_looked_at() {
    let folder = tempfile::tempdir().unwrap();
    let people = people(folder.path()).await;
    let mover = people.create(account("mover"), None, NOW).await.unwrap().id;
    let dan = NewAccount { realm: Realm::Partner, ..account("dan") };
    let dan = people.create(dan, None, NOW).await.unwrap().id;
    let seen = people.find(dan, NOW).await.unwrap().unwrap();
    let garage = OrganisationId::from_bytes([9; 16]);
    let organisation = store::OrganisationRow {
        id: garage,
        kind: "dealership".to_owned(),
        name: "Garage".to_owned(),
        brands: vec![Brand::Opel],
        region: "eu".parse().unwrap(),
        enabled: true,
        created_at: NOW,
        created_by: mover,
    };
    let mut tx = people.store.begin().await.unwrap();
    tx.add_organisation(&organisation).await.unwrap();
    tx.commit().await.unwrap();
    let no_change = Change { username: None, address: None, by_oneself: false };
    people.change(&seen, no_change, Some(Some(garage)), Some(mover), NOW).await.unwrap();
    let error = people.change(&seen, no_change, Some(None), Some(mover), NOW).await.unwrap_err();
    assert!(matches!(error, PeopleError::Changed), "{error}");
    let role = NewRole { function: Function::Dealer, brands: Brand::Opel.into(), until: None };
    let error = people.assign(&seen, role, Some(mover), NOW).await.unwrap_err();
    assert!(matches!(error, PeopleError::Changed), "{error}");
    let seen = people.find(dan, NOW).await.unwrap().unwrap();
    let given = people.assign(&seen, role, None, NOW).await.unwrap();
    assert_eq!(given.person, dan);
}

#[tokio::test]
async fn what_could_not_be_sent_is_sent_later_and_forgotten_in_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let people = people(folder.path()).await;
    let anna = people.create(account("anna"), None, NOW).await.unwrap();
    let outbox = folder.path().join("outbox");
    std::fs::write(&outbox, "in the way").unwrap();
    let known = people.find(anna.id, NOW).await.unwrap().unwrap();
    people.reset_credentials(&known, NOW).await.unwrap();
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
