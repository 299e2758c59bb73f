use std::{future::Future, pin::pin, task::Context};

use consent::Grant;
use model::{Brand, ConsentEpoch, DataCategory, Micros, Purpose, Vin};
use tempfile::TempDir;

use super::*;
use crate::enrolment::{Enrolment, Factory};

const NOW: Timestamp = Timestamp(1_763_885_730_000_000);

struct Stage {
    desired: Desired,
    enrolment: Enrolment,
    store: Store,
    registry: Registry,
    _folder: TempDir,
}

impl Stage {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::sqlite(&folder.path().join("marque.db")).await.unwrap();
        let region: model::Region = "eu".parse().unwrap();
        let pki = Arc::new(
            Pki::open(&folder.path().join("pki"), &region, &[], Micros(30 * Micros::DAY.0), NOW).unwrap(),
        );
        let catalogues = Catalogues::load(&store, NOW).await.unwrap();
        let registry = Registry::load(&store, region, consent::Jurisdiction::Eu, NOW).await.unwrap();
        let desired = Desired::new(store.clone(), registry.clone(), catalogues, Arc::clone(&pki));
        let enrolment = Enrolment::new(store.clone(), registry.clone(), desired.clone(), pki);
        Self { desired, enrolment, store, registry, _folder: folder }
    }

    /// What memory has is what a new start would read.
    async fn check_memory(&self) {
        let region = self.registry.region().clone();
        let fresh = Registry::load(&self.store, region, self.registry.jurisdiction(), NOW).await.unwrap();
        assert_eq!(fresh.cars_after(None, 10), self.registry.cars_after(None, 10));
        assert_eq!(fresh.campaign(CampaignId(1)), self.registry.campaign(CampaignId(1)));
    }
}

fn car() -> Factory {
    Factory {
        vin: "VR3UPHNKSKT000001".parse::<Vin>().unwrap(),
        brand: Brand::Peugeot,
        model: "e-208".to_owned(),
        model_year: 2025,
        architecture: "psa-cmp".to_owned(),
        csr_pem: None,
        grants: Vec::new(),
    }
}

fn document(purpose: Purpose) -> CampaignDocument {
    let text = serde_json::json!({
        "name": "Speed",
        "purpose": purpose.slug(),
        "groups": [{ "signals": ["Vehicle.Speed"], "lane": "live", "every_ms": 1000, "flush_every_ms": 1000 }],
    });
    CampaignDocument::from_text(&text.to_string()).unwrap()
}

fn grants(epoch: u32, granted: bool) -> Grants {
    let grant =
        Grant { purpose: Purpose::FleetManagement, category: DataCategory::Location, granted, at: NOW };
    Grants::new(ConsentEpoch(epoch), [grant])
}

/// Begins, and gives up at the first wait, as a request does whose client hangs up. Whatever comes next in SQL
/// comes after it.
async fn abandon(work: impl Future) {
    drop(pin!(work).as_mut().poll(&mut Context::from_waker(std::task::Waker::noop())));
}

async fn until(mut done: impl FnMut() -> bool) {
    let waiting = async {
        while !done() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), waiting).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_abandoned_request_changed_is_in_memory_and_told() {
    let Stage { desired, enrolment, registry, .. } = &Stage::new().await;
    abandon(enrolment.register(car(), NOW)).await;
    until(|| registry.len() == 1).await;
    let vehicle = registry.cars_after(None, 1)[0].vehicle;
    let mut hints = desired.hints();

    abandon(desired.put_grants(vehicle, grants(2, false), NOW)).await;
    until(|| registry.car(vehicle).unwrap().grants.epoch() == ConsentEpoch(2)).await;
    assert_eq!(*hints.recv().await.unwrap(), [vehicle]);

    abandon(desired.create_campaign(&document(Purpose::FleetManagement), Brands::ALL, NOW)).await;
    until(|| registry.campaign(CampaignId(1)).is_some()).await;

    let all = Selector { vehicles: vec![vehicle], ..Selector::default() };
    abandon(desired.assign_campaign(CampaignId(1), &all, NOW)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_is_what_a_start_would_read() {
    let stage = Stage::new().await;
    let Stage { desired, enrolment, .. } = &stage;
    let vehicle = enrolment.register(car(), NOW).await.unwrap();
    let id = desired.create_campaign(&document(Purpose::FleetManagement), Brands::ALL, NOW).await.unwrap();
    let all = Selector { vehicles: vec![vehicle], ..Selector::default() };
    let one = Change { matched: 1, changed: 1 };
    assert_eq!(desired.assign_campaign(id, &all, NOW).await.unwrap(), one);
    stage.check_memory().await;
    assert_eq!(desired.unassign_campaign(id, &all, NOW).await.unwrap(), one);
    stage.check_memory().await;
    assert_eq!(desired.assign_campaign(id, &all, NOW).await.unwrap(), one);
    desired.end_campaign(id, NOW).await.unwrap();
    stage.check_memory().await;
    desired.put_grants(vehicle, grants(2, true), NOW).await.unwrap();
    // Two at once: one of them is too late, and memory has the other.
    let (first, second) = tokio::join!(
        desired.put_grants(vehicle, grants(3, true), NOW),
        desired.put_grants(vehicle, grants(3, false), NOW)
    );
    assert_ne!(first.is_ok(), second.is_ok());
    stage.check_memory().await;
}

#[tokio::test]
async fn a_campaign_keeps_its_purpose() {
    let stage = Stage::new().await;
    let desired = &stage.desired;
    let id = desired.create_campaign(&document(Purpose::FleetManagement), Brands::ALL, NOW).await.unwrap();
    let known = stage.registry.campaign(id).unwrap();
    let change =
        async |purpose| desired.change_campaign(known, CampaignVersion(1), &document(purpose), NOW).await;
    let refused = change(Purpose::Maintenance).await.unwrap_err();
    assert!(matches!(&refused, DesiredError::Campaign(wrong) if wrong[0].place == "purpose"), "{refused}");
    assert_eq!(change(Purpose::FleetManagement).await.unwrap(), CampaignVersion(2));
    stage.check_memory().await;
}
