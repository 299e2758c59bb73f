use consent::{Grant, Grants};
use identity::transfer::ResetStep;
use model::{Brand, ConsentEpoch, DataCategory, Purpose, Vin};
use store::{AccessGrantRow, GrantsOf, LinkCodeRow, OrganisationRow, PersonRow};
use tempfile::TempDir;
use wire::{Fetch, Kind, topic::Topic};

use super::*;
use crate::{
    audit::Audit,
    catalogues::Catalogues,
    enrolment::{Enrolment, Factory},
    metrics::Metrics,
    pki::Pki,
    seal::Sealer,
};

const NOW: Timestamp = Timestamp(1_763_885_730_000_000);
const LATER: Timestamp = Timestamp(NOW.0 + Micros::HOUR.0);
const SELLER: PersonId = PersonId::from_bytes([1; 16]);
const BUYER: PersonId = PersonId::from_bytes([2; 16]);
const DRIVER: PersonId = PersonId::from_bytes([3; 16]);
const DEALER: PersonId = PersonId::from_bytes([4; 16]);
const FLEET_CUSTOMER: PersonId = PersonId::from_bytes([5; 16]);
/// Somebody who says that they bought the car.
const CLAIMANT: PersonId = PersonId::from_bytes([6; 16]);
const GARAGE: OrganisationId = OrganisationId::from_bytes([8; 16]);
const FLEET: OrganisationId = OrganisationId::from_bytes([9; 16]);

/// A car with all that an owner can give: a driver, an invitation, a fleet, a dealership, an offer, a code.
struct Stage {
    ownership: Ownership,
    store: Store,
    registry: Registry,
    desired: Desired,
    changes: Changes,
    vehicle: VehicleId,
    folder: TempDir,
}

/// All that a change of hands touches.
#[derive(Debug, PartialEq)]
struct Seen {
    subject: model::SubjectId,
    first_epoch: ConsentEpoch,
    grants: Grants,
    car: Car,
    envelope: Option<(u64, Vec<u8>)>,
    links: Vec<(String, PersonId)>,
    invitations: usize,
    is_offered: bool,
    releases: usize,
    fleet: Option<OrganisationId>,
    grants_of_dealers: usize,
    shows_code: bool,
    notices: Vec<(PersonId, String)>,
    in_car: Vec<String>,
    changes: u64,
}

impl Stage {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::sqlite(&folder.path().join("marque.db")).await.unwrap();
        let region: model::Region = "eu".parse().unwrap();
        let keys = folder.path().join("pki");
        let pki = Arc::new(Pki::open(&keys, &region, &[], Micros(30 * Micros::DAY.0), NOW).unwrap());
        let catalogues = Catalogues::load(&store, NOW).await.unwrap();
        let registry = Registry::load(&store, region.clone(), consent::Jurisdiction::Eu, NOW).await.unwrap();
        let desired = Desired::new(store.clone(), registry.clone(), catalogues, Arc::clone(&pki));
        let enrolment = Enrolment::new(store.clone(), registry.clone(), desired.clone(), pki);
        let changes = Changes::default();
        let sealer = Sealer::open(&keys).unwrap();
        let outbox = Outbox::new(store.clone(), sealer, &folder.path().join("outbox"));
        let ownership =
            Ownership::new(store.clone(), registry.clone(), desired.clone(), changes.clone(), outbox);
        let car = Factory {
            vin: "VR3UPHNKSKT000001".parse::<Vin>().unwrap(),
            brand: Brand::Peugeot,
            model: "e-208".to_owned(),
            model_year: 2025,
            architecture: "psa-cmp".to_owned(),
            csr_pem: None,
            grants: Vec::new(),
        };
        let vehicle = enrolment.register(car, NOW).await.unwrap();
        let stage = Self { ownership, store, registry, desired, changes, vehicle, folder };
        stage.fill().await;
        stage
    }

    async fn fill(&self) {
        let region = self.registry.region();
        let mut tx = self.store.begin().await.unwrap();
        for (id, username) in [
            (SELLER, "seller"),
            (BUYER, "buyer"),
            (DRIVER, "driver"),
            (DEALER, "dealer"),
            (FLEET_CUSTOMER, "fleet-customer"),
            (CLAIMANT, "claimant"),
        ] {
            tx.add_person(&person(id, username)).await.unwrap();
        }
        for (id, kind, member) in [(GARAGE, "dealership", DEALER), (FLEET, "fleet", FLEET_CUSTOMER)] {
            tx.add_organisation(&OrganisationRow {
                id,
                kind: kind.to_owned(),
                name: kind.to_owned(),
                brands: vec![Brand::Peugeot],
                region: region.clone(),
                enabled: true,
                created_at: NOW,
                created_by: SELLER,
            })
            .await
            .unwrap();
            tx.join_organisation(member, id, NOW).await.unwrap();
        }
        tx.add_link(&self.link("owner", SELLER)).await.unwrap();
        tx.add_link(&self.link("driver", DRIVER)).await.unwrap();
        tx.join_fleet("fleet", self.vehicle, FLEET, (Brand::Peugeot, region), NOW).await.unwrap();
        tx.add_access_grant(&AccessGrantRow {
            id: "grant".to_owned(),
            vehicle: self.vehicle,
            dealership: GARAGE,
            brand: Brand::Peugeot,
            region: region.clone(),
            categories: vec![DataCategory::Tyres],
            given_by: SELLER,
            by_code: false,
            starts_at: NOW,
            ends_at: NOW + Micros::DAY,
        })
        .await
        .unwrap();
        tx.add_access_notice(self.vehicle, "workshop", NOW).await.unwrap();
        tx.commit().await.unwrap();
        let car = self.car();
        self.ownership.invite(&car, SELLER, NOW).await.unwrap();
        self.ownership.offer(&car, SELLER, NOW).await.unwrap();
        self.show("bb").await;
        self.ask(&car, CLAIMANT, "bb").await;
        self.show("aa").await;
        let granted = Grant {
            purpose: Purpose::FleetManagement,
            category: DataCategory::Location,
            granted: true,
            at: NOW,
        };
        let grants = Grants::new(ConsentEpoch(car.grants.epoch().0 + 1), [granted]);
        self.desired.put_grants(self.vehicle, grants, NOW).await.unwrap();
    }

    /// As a car whose owner is gone and left all the rest.
    async fn lose_owner(&self) {
        let mut tx = self.store.begin().await.unwrap();
        assert!(tx.end_link(self.vehicle, "owner", NOW).await.unwrap());
        tx.commit().await.unwrap();
    }

    fn link(&self, function: &str, person: PersonId) -> LinkRow {
        LinkRow {
            id: function.to_owned(),
            person,
            function: function.to_owned(),
            vehicle: self.vehicle,
            brand: Brand::Peugeot,
            region: self.registry.region().clone(),
            starts_at: NOW,
            ends_at: None,
            categories: None,
        }
    }

    async fn show(&self, hash: &str) {
        let code = LinkCodeRow {
            vehicle: self.vehicle,
            kind: "owner".to_owned(),
            hash: hash.to_owned(),
            shown_at: NOW,
            until: NOW + Micros::DAY,
        };
        assert!(self.store.show_link_code(&code).await.unwrap());
    }

    async fn ask(&self, car: &Car, who: PersonId, hash: &str) -> store::ReleaseRow {
        let proven = Proven { code: self.store.link_code(hash, NOW).await.unwrap().unwrap() };
        self.ownership.request_release(&proven, car, (who, SELLER), NOW).await.unwrap()
    }

    fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    fn car(&self) -> Arc<Car> {
        self.registry.car(self.vehicle).unwrap()
    }

    async fn seen(&self, first: model::SubjectId) -> Seen {
        let subject = self.store.current_subject(self.vehicle).await.unwrap();
        let links = self.store.links_to(self.vehicle, LATER).await.unwrap();
        let since = GrantsOf::Vehicle { vehicle: self.vehicle, since: NOW };
        let ever = self.store.access_grants(since, 10).await.unwrap();
        let mut notices = Vec::new();
        for person in [SELLER, BUYER, DRIVER, DEALER, FLEET_CUSTOMER, CLAIMANT] {
            let told = self.store.notices_to(person, None, 100).await.unwrap().items;
            notices.extend(told.into_iter().rev().map(|notice| (person, notice.kind)));
        }
        let in_car = self.store.access_notices(self.vehicle, 0, 10).await.unwrap();
        Seen {
            subject: subject.subject,
            first_epoch: subject.first_epoch,
            grants: self.store.grants(first).await.unwrap(),
            car: Car::clone(&self.car()),
            envelope: self.store.desired_envelope(self.vehicle, Kind::Consent.slug()).await.unwrap(),
            links: links.into_iter().map(|link| (link.function, link.person)).collect(),
            invitations: self.store.invitations_to(self.vehicle, LATER).await.unwrap().len(),
            releases: self.store.open_releases(self.vehicle).await.unwrap().len(),
            is_offered: self.store.offer(self.vehicle, LATER).await.unwrap().is_some(),
            fleet: self.store.fleet_of(self.vehicle).await.unwrap(),
            grants_of_dealers: ever.iter().filter(|grant| grant.ends_at > LATER).count(),
            shows_code: self.store.link_code("aa", LATER).await.unwrap().is_some(),
            notices,
            in_car: in_car.into_iter().map(|notice| notice.kind).collect(),
            changes: self.changes.count(),
        }
    }
}

fn person(id: PersonId, username: &str) -> PersonRow {
    PersonRow {
        id,
        username: username.to_owned(),
        realm: "customer".to_owned(),
        enabled: true,
        password_hash: None,
        totp: None,
        address: None,
        identity_provider: None,
        brands: None,
        created_at: NOW,
        created_by: None,
    }
}

fn told(notices: &[(PersonId, String)], person: PersonId) -> Option<&str> {
    notices.iter().rfind(|(whom, _)| *whom == person).map(|(_, kind)| kind.as_str())
}

/// What must be seen of a step, before and after all of them.
fn check_step(step: ResetStep, change: OwnershipChange, before: &Seen, after: &Seen) {
    match step {
        ResetStep::EndSubject => assert_ne!(before.subject, after.subject),
        ResetStep::BeginSubject => {
            assert_eq!((after.car.subject, after.car.first_epoch), (after.subject, after.first_epoch));
            assert!(after.first_epoch > before.grants.epoch());
        }
        ResetStep::WithdrawGrants => {
            assert!(before.grants.entries().iter().any(|grant| grant.granted));
            assert!(after.grants.entries().iter().all(|grant| !grant.granted));
            assert_eq!((after.grants.epoch(), after.car.grants.entries()), (after.first_epoch, &[][..]));
        }
        ResetStep::TellCar => assert!(after.envelope > before.envelope),
        ResetStep::EndOwnerLink => {
            assert!(before.links.contains(&("owner".to_owned(), SELLER)));
            assert!(!after.links.contains(&("owner".to_owned(), SELLER)));
        }
        ResetStep::EndDriverLinks => {
            assert!(before.links.contains(&("driver".to_owned(), DRIVER)));
            assert!(!after.links.contains(&("driver".to_owned(), DRIVER)));
        }
        ResetStep::EndInvitations => assert_eq!((before.invitations, after.invitations), (1, 0)),
        ResetStep::EndFleetMembership => assert_eq!((before.fleet, after.fleet), (Some(FLEET), None)),
        ResetStep::EndAccessGrants => {
            assert_eq!((before.grants_of_dealers, after.grants_of_dealers), (1, 0));
        }
        ResetStep::EndOffers => {
            assert!(before.is_offered && !after.is_offered);
            assert_eq!((before.releases, after.releases), (1, 0));
        }
        ResetStep::EndShownCode => assert!(before.shows_code && !after.shows_code),
        ResetStep::EndStreams => assert!(after.changes > before.changes),
        ResetStep::BeginOwnerLink => {
            assert_eq!(after.links, [("owner".to_owned(), BUYER)]);
            assert_eq!(after.in_car, ["owner"], "what was before is its former owner's");
        }
        ResetStep::NotifySeller => assert_eq!(told(&after.notices, SELLER), Some("ownership-ended")),
        ResetStep::NotifyBuyer => {
            let kind = if change == OwnershipChange::Released { "released" } else { "owner-linked" };
            assert_eq!(told(&after.notices, BUYER), Some(kind));
        }
        ResetStep::NotifyOthers => {
            for person in [DRIVER, DEALER, FLEET_CUSTOMER] {
                assert_eq!(told(&after.notices, person), Some("access-lost"));
            }
            assert_eq!(told(&after.notices, CLAIMANT), Some("release-lapsed"));
        }
    }
}

/// Does it to a car with all that an owner can give.
async fn check_change(change: OwnershipChange, buyer: Option<PersonId>) -> Seen {
    let stage = Stage::new().await;
    if change == OwnershipChange::Linked {
        stage.lose_owner().await;
    }
    let car = stage.car();
    let before = stage.seen(car.subject).await;
    let tx = stage.store.begin().await.unwrap();
    stage.ownership.reset(tx, &car, change, buyer, LATER).await.unwrap();
    let after = stage.seen(car.subject).await;
    for step in change.steps() {
        check_step(step, change, &before, &after);
    }
    let region = stage.registry.region().clone();
    let fresh = Registry::load(&stage.store, region, stage.registry.jurisdiction(), LATER).await.unwrap();
    assert_eq!(fresh.car(stage.vehicle), Some(stage.car()), "memory has what a new start would read");
    assert!(stage.registry.car_of(car.subject).is_none());
    after
}

#[tokio::test]
async fn a_transfer_does_all_that_it_shall() {
    check_change(OwnershipChange::Transferred, Some(BUYER)).await;
}

#[tokio::test]
async fn a_first_link_does_all_that_it_shall() {
    check_change(OwnershipChange::Linked, Some(BUYER)).await;
}

#[tokio::test]
async fn giving_a_car_up_does_all_that_it_shall() {
    check_change(OwnershipChange::GivenUp, None).await;
}

#[tokio::test]
async fn a_release_does_all_that_it_shall() {
    let after = check_change(OwnershipChange::Released, Some(BUYER)).await;
    assert_eq!(after.links, [], "who asked links it by its code");
}

#[tokio::test]
async fn a_car_with_an_owner_gets_no_second_one() {
    let stage = Stage::new().await;
    let car = stage.car();
    let before = stage.seen(car.subject).await;
    let tx = stage.store.begin().await.unwrap();
    let second = stage.ownership.reset(tx, &car, OwnershipChange::Linked, Some(BUYER), LATER).await;
    assert!(matches!(second, Err(OwnershipError::Store(store::Error::Conflict { .. }))), "{second:?}");
    assert_eq!(stage.seen(car.subject).await, before);
}

#[tokio::test]
async fn a_crash_after_any_step_changes_nothing() {
    let stage = Stage::new().await;
    let car = stage.car();
    let before = stage.seen(car.subject).await;
    let change = OwnershipChange::Transferred;
    for count in 0..=change.steps().count() {
        let tx = stage.store.begin().await.unwrap();
        let mut reset = reset::Reset::new(&stage.ownership, tx, &car, change, Some(BUYER), LATER).unwrap();
        for step in change.steps().take(count) {
            reset.step(step).await.unwrap();
        }
        drop(reset);
        assert_eq!(stage.seen(car.subject).await, before, "after {count} steps");
    }
}

#[tokio::test]
async fn a_car_changes_hands_once() {
    let stage = Stage::new().await;
    let car = stage.car();
    stage.ownership.give_up(&car, LATER).await.unwrap();
    let again = stage.ownership.give_up(&car, LATER).await;
    assert!(matches!(again, Err(OwnershipError::Store(store::Error::Conflict { .. }))), "{again:?}");
    let again = stage.ownership.give_up(&stage.car(), LATER).await;
    assert!(matches!(again, Err(OwnershipError::Store(store::Error::Conflict { .. }))), "{again:?}");
}

/// Letters to people that wait or were sent, whom they are to and what about.
async fn letters(stage: &Stage) -> Vec<(PersonId, String)> {
    let folder = stage.folder().join("outbox");
    let mut letters = Vec::new();
    for file in std::fs::read_dir(folder).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        let line = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).unwrap().to_owned();
        let person = stage.store.person_named(&line("Account: ")).await.unwrap().unwrap().id;
        letters.push((person, line("About: ")));
    }
    letters.sort_unstable();
    letters
}

#[tokio::test]
async fn owner_and_requester_are_told_by_letter_too() {
    let stage = Stage::new().await;
    let release = stage.store.open_releases(stage.vehicle).await.unwrap().remove(0);
    let letter = |person, kind: &str| (person, kind.to_owned());
    assert_eq!(letters(&stage).await, [letter(SELLER, "release-requested")]);
    stage.ownership.approve_release(&release, &stage.car(), NOW).await.unwrap();
    stage.ownership.object_to_release(&release, LATER).await.unwrap();
    let told = [
        letter(SELLER, "release-approved"),
        letter(SELLER, "release-requested"),
        letter(CLAIMANT, "release-approved"),
        letter(CLAIMANT, "release-objected"),
    ];
    assert_eq!(letters(&stage).await, told);
}

#[tokio::test]
async fn a_request_counts_against_the_ownership_that_it_was_made_in() {
    let stage = Stage::new().await;
    let folder = stage.folder();
    let place = crate::audit::Place {
        region: stage.registry.region().clone(),
        folder: folder.join("audit"),
        keys: folder.join("pki"),
    };
    let audit = Audit::start(&place, stage.store.clone(), &Metrics::default()).await.unwrap();
    let former = stage.car();
    stage.ownership.give_up(&former, NOW).await.unwrap();
    let tx = stage.store.begin().await.unwrap();
    let next = OwnershipChange::Linked;
    stage.ownership.reset(tx, &stage.car(), next, Some(BUYER), NOW).await.unwrap();
    // As if it had come in while the ownership ended.
    stage.show("cc").await;
    let release = stage.ask(&former, CLAIMANT, "cc").await;
    let late = stage.ownership.approve_release(&release, &stage.car(), NOW).await;
    assert!(matches!(late, Err(OwnershipError::Store(store::Error::Conflict { .. }))), "{late:?}");
    let mut tx = stage.store.begin().await.unwrap();
    assert!(tx.approve_release(&release.id, LATER, NOW).await.unwrap());
    tx.commit().await.unwrap();
    stage.ownership.end_due_releases(&audit, LATER).await;
    let ended = stage.store.release(&release.id).await.unwrap().unwrap().release;
    assert_eq!((ended.state.as_str(), ended.ended_at), ("lapsed", Some(LATER)));
    assert_eq!(stage.ownership.owner(stage.vehicle, LATER).await.unwrap(), Some(BUYER));
    audit.stop().await;
}

#[tokio::test]
async fn a_car_hears_who_got_access_since_the_number_that_it_has() {
    let stage = Stage::new().await;
    let numbers = async |access| -> Vec<u64> {
        let fetch = Fetch { have: Vec::new(), access };
        let newer = stage.desired.newer(stage.vehicle, &fetch).await.unwrap();
        let notices = newer.iter().find(|(topic, _)| *topic == Topic::Access);
        let decoded = notices.map(|(_, payload)| wire::decode_access_notices(payload).unwrap());
        decoded.unwrap_or_default().iter().map(|notice| notice.number).collect()
    };
    assert_eq!(numbers(Some(0)).await, [1, 2]);
    assert_eq!(numbers(Some(1)).await, [2]);
    assert!(numbers(Some(2)).await.is_empty());
    assert!(numbers(None).await.is_empty());
}
