use ::audit::Event;
use model::{Brand, Micros};
use store::AuditFilter;
use tempfile::TempDir;

use super::*;
use crate::{
    audit::Place,
    catalogues::Catalogues,
    enrolment::{Enrolment, Factory},
    pki::Pki,
};

const NOW: Timestamp = Timestamp(1_763_885_730_000_000);

/// A quarantine, and one car.
struct Stage {
    quarantine: Quarantine,
    car: VehicleId,
    _folder: TempDir,
}

impl Stage {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::sqlite(&folder.path().join("marque.db")).await.unwrap();
        let region: model::Region = "eu".parse().unwrap();
        let pki = Pki::open(&folder.path().join("pki"), &region, &[], Micros::DAY, NOW).unwrap();
        let pki = std::sync::Arc::new(pki);
        let catalogues = Catalogues::load(&store, NOW).await.unwrap();
        let registry = Registry::load(&store, region.clone(), consent::Jurisdiction::Eu, NOW).await.unwrap();
        let desired = Desired::new(store.clone(), registry.clone(), catalogues, std::sync::Arc::clone(&pki));
        let enrolment = Enrolment::new(store.clone(), registry.clone(), desired.clone(), pki);
        let car = Factory {
            vin: "VR3UPHNKSKT000001".parse().unwrap(),
            brand: Brand::Peugeot,
            model: "e-208".to_owned(),
            model_year: 2025,
            architecture: "psa-cmp".to_owned(),
            csr_pem: None,
            grants: Vec::new(),
        };
        let car = enrolment.register(car, NOW).await.unwrap();
        let place = Place { folder: folder.path().join("audit"), keys: folder.path().join("keys"), region };
        std::fs::create_dir_all(&place.keys).unwrap();
        let metrics = Metrics::default();
        let audit = Audit::start(&place, store.clone(), &metrics).await.unwrap();
        let quarantine = Quarantine::new(store, registry, desired, audit, &metrics);
        Self { quarantine, car, _folder: folder }
    }

    /// Takes the gateway's word until it has no more.
    async fn follow(&self, clones: impl IntoIterator<Item = VehicleId>) {
        let (told, seen) = mpsc::channel(10);
        let following = tokio::spawn(self.quarantine.clone().follow_clones(seen));
        for vehicle in clones {
            let at = NOW + Micros::SECOND;
            told.send(Sighting { vehicle, at, reason: Reason::TwoPlaces, networks: None, count: 1 })
                .await
                .unwrap();
            let is_known = |vehicle| self.quarantine.registry.car(vehicle).is_some();
            while is_known(vehicle) && self.quarantine.registry.quarantined(vehicle).is_none() {
                tokio::task::yield_now().await;
            }
        }
        drop(told);
        following.await.unwrap();
    }

    /// Outcomes and reasons of the log, the newest first.
    async fn recorded(&self) -> Vec<(Outcome, String)> {
        let found = self.quarantine.store.audit_entries(&AuditFilter::default(), None, 100).await.unwrap();
        let entries = self.quarantine.audit.entries(&found.items).await.unwrap();
        let told = |event: Event| (event.outcome, event.reason.unwrap().to_string());
        entries.values().rev().map(|bytes| told(Event::decode(bytes).unwrap())).collect()
    }
}

#[test]
fn each_reason_is_read_back_and_an_unknown_one_stays_a_quarantine() {
    for reason in QuarantineReason::ALL {
        assert_eq!(QuarantineReason::of(reason.slug()), reason);
    }
    assert_eq!(QuarantineReason::of("of-a-later-version"), QuarantineReason::ByHand);
}

#[tokio::test]
async fn a_clone_is_recorded_as_begun_and_by_its_outcome_and_one_that_is_there_is_not() {
    let stage = Stage::new().await;
    stage.follow([stage.car, stage.car]).await;
    let (begun, done) = ((Outcome::Allowed, "begun".to_owned()), (Outcome::Allowed, "two-places".to_owned()));
    assert_eq!(stage.recorded().await, [done, begun]);
}

#[tokio::test]
async fn a_car_that_cannot_be_put_there_holds_up_no_other() {
    let stage = Stage::new().await;
    stage.follow([VehicleId::from_bytes([9; 16]), stage.car]).await;
    let recorded: Vec<_> = stage.recorded().await.into_iter().map(|(_, reason)| reason).collect();
    assert_eq!(recorded, ["two-places", "begun", "not-found", "begun"]);
}
