//! What the platform knows of each car without asking SQL: who it is, what it may send, what was granted.
//!
//! Gateway, owners and API ask it for every connection and every read, so that all cars of the cell are held
//! in memory, some 500 bytes each (and a twin takes more). SQL is the truth: [`Registry::commit`] is the only way
//! to change what is here, and changes it as SQL changes, in the order of commits.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    ops::Bound,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use consent::{Decision, DriverMode, Grants, Jurisdiction};
use identity::Brands;
use model::{
    Brand, CampaignId, CampaignVersion, ConsentEpoch, DataCategory, Purpose, Region, SubjectId, Timestamp,
    VehicleId,
};
use store::{FleetCount, HeldCampaign, Store, Transaction};
use tokio::sync::{Mutex, watch};

use crate::{quarantine::QuarantineReason, task::to_its_end};
use changes::ConsentChanges;

mod changes;
mod load;

/// A registered car in the ownership interval that it is in now.
#[derive(Debug, Clone, PartialEq)]
pub struct Car {
    pub vehicle: VehicleId,
    pub subject: SubjectId,
    pub brand: Brand,
    pub model: Arc<str>,
    pub model_year: u16,
    pub architecture: Arc<str>,
    /// Those that it has, and those that it had: what it queued for these may still come. By id.
    pub campaigns: Arc<[HeldCampaign]>,
    pub grants: Arc<Grants>,
    /// The owner's first one: what was collected under an earlier epoch is of the owner before.
    pub first_epoch: ConsentEpoch,
}

/// A campaign in its newest version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownCampaign {
    pub id: CampaignId,
    pub version: CampaignVersion,
    pub purpose: Purpose,
    /// Whose cars may have it.
    pub brands: Brands,
}

/// Why a car may not connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("the car is not registered in this region")]
    UnknownVehicle,
    #[error("the certificate was not issued for this car")]
    UnknownCertificate,
    #[error("the certificate has expired")]
    Expired,
    #[error("the certificate was taken back")]
    Revoked,
    #[error("the car's identity is in quarantine")]
    Quarantined,
}

/// Since when a car's identity lets nobody in, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quarantined {
    pub since: Timestamp,
    pub reason: QuarantineReason,
}

/// A certificate as the registry names it: the SHA-256 of its DER.
pub type Fingerprint = [u8; 32];

/// All cars of the cell. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Registry(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    region: Region,
    jurisdiction: Jurisdiction,
    state: RwLock<State>,
    consent: ConsentChanges,
    /// Held from a commit to its place in memory.
    commits: Mutex<()>,
}

/// A car that may connect.
#[derive(Debug, Clone, PartialEq)]
pub struct Admitted {
    pub car: Arc<Car>,
    /// Those that it has or had, and since when it has them no more.
    pub campaigns: Vec<(KnownCampaign, Option<Timestamp>)>,
    /// The end of its certificate.
    pub until: Timestamp,
}

#[derive(Debug, Default)]
struct State {
    cars: BTreeMap<VehicleId, Arc<Car>>,
    by_subject: HashMap<SubjectId, VehicleId>,
    certificates: HashMap<Fingerprint, KnownCertificate>,
    campaigns: HashMap<CampaignId, KnownCampaign>,
    counts: Vec<FleetCount>,
    quarantined: HashMap<VehicleId, Quarantined>,
}

#[derive(Debug, Clone, Copy)]
struct KnownCertificate {
    vehicle: VehicleId,
    not_after: Timestamp,
    revoked: bool,
}

impl Registry {
    /// Reads everything from SQL.
    pub async fn load(
        store: &Store,
        region: Region,
        jurisdiction: Jurisdiction,
        now: Timestamp,
    ) -> Result<Self, store::Error> {
        let state = load::state(store, now).await?;
        tracing::info!(%region, cars = state.cars.len(), "registry loaded");
        Ok(Self(Arc::new(Shared {
            region,
            jurisdiction,
            state: RwLock::new(state),
            consent: ConsentChanges::default(),
            commits: Mutex::default(),
        })))
    }

    pub fn region(&self) -> &Region {
        &self.0.region
    }

    pub fn jurisdiction(&self) -> Jurisdiction {
        self.0.jurisdiction
    }

    pub fn car(&self, vehicle: VehicleId) -> Option<Arc<Car>> {
        self.read().cars.get(&vehicle).map(Arc::clone)
    }

    pub fn car_of(&self, subject: SubjectId) -> Option<Arc<Car>> {
        let state = self.read();
        state.by_subject.get(&subject).and_then(|vehicle| state.cars.get(vehicle)).map(Arc::clone)
    }

    /// Up to `limit` cars after `after`, in the order of ids.
    pub fn cars_after(&self, after: Option<VehicleId>, limit: usize) -> Vec<Arc<Car>> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let state = self.read();
        state.cars.range((from, Bound::Unbounded)).take(limit).map(|(_, car)| Arc::clone(car)).collect()
    }

    pub fn len(&self) -> usize {
        self.read().cars.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many cars of each kind are registered.
    pub fn counts(&self) -> Vec<FleetCount> {
        self.read().counts.clone()
    }

    /// Those of the models that no registered car is of.
    pub fn unknown_models(&self, models: &[String]) -> Vec<String> {
        if models.is_empty() {
            return Vec::new();
        }
        let state = self.read();
        let known: HashSet<&str> = state.counts.iter().map(|count| count.model.as_str()).collect();
        models.iter().filter(|model| !known.contains(model.as_str())).cloned().collect()
    }

    pub fn campaign(&self, id: CampaignId) -> Option<KnownCampaign> {
        self.read().campaigns.get(&id).copied()
    }

    /// Whether a car with this certificate may connect, and with which campaigns. Asked at every CONNECT: a
    /// resumed TLS session checks no certificate.
    pub fn admit(
        &self,
        vehicle: VehicleId,
        fingerprint: &Fingerprint,
        now: Timestamp,
    ) -> Result<Admitted, Refusal> {
        let state = self.read();
        let car = state.cars.get(&vehicle).ok_or(Refusal::UnknownVehicle)?;
        let known = state.certificates.get(fingerprint).filter(|known| known.vehicle == vehicle);
        let known = known.ok_or(Refusal::UnknownCertificate)?;
        if known.revoked {
            return Err(Refusal::Revoked);
        }
        if known.not_after <= now {
            return Err(Refusal::Expired);
        }
        if state.quarantined.contains_key(&vehicle) {
            return Err(Refusal::Quarantined);
        }
        let known_campaign =
            |held: &HeldCampaign| state.campaigns.get(&held.id).map(|known| (*known, held.ended_at));
        let campaigns = car.campaigns.iter().filter_map(known_campaign).collect();
        Ok(Admitted { car: Arc::clone(car), campaigns, until: known.not_after })
    }

    /// Whether a car's identity is in quarantine.
    pub fn quarantined(&self, vehicle: VehicleId) -> Option<Quarantined> {
        self.read().quarantined.get(&vehicle).copied()
    }

    /// The one question before personal data leaves the platform.
    pub fn decide(&self, car: &Car, purpose: Purpose, category: DataCategory) -> Decision {
        // The driver's mode acted in the car, before the data came here.
        consent::decide(&car.grants, self.0.jurisdiction, DriverMode::Open, purpose, category)
    }

    /// How often a grant has changed: what was decided before has to be decided again.
    pub fn consent_changes(&self) -> u64 {
        self.0.consent.count()
    }

    /// The cars whose grants have changed since the count was `count`; `None` when they are too many to know.
    pub fn consent_changed_since(&self, count: u64) -> Option<Vec<VehicleId>> {
        self.0.consent.since(count)
    }

    /// Wakes with every change of a grant.
    pub fn follow_consent(&self) -> watch::Receiver<u64> {
        self.0.consent.follow()
    }

    /// Commits, then takes up what SQL has by now. Once begun both happen, whatever becomes of whoever waits,
    /// and in the order of commits: memory never stays behind SQL.
    pub async fn commit(
        &self,
        transaction: Transaction,
        take_up: impl FnOnce(&mut Update<'_>) + Send + 'static,
    ) -> Result<(), store::Error> {
        let registry = self.clone();
        to_its_end(async move {
            let _order = registry.0.commits.lock().await;
            transaction.commit().await?;
            registry.update(take_up);
            Ok(())
        })
        .await
    }

    fn update(&self, take_up: impl FnOnce(&mut Update<'_>)) {
        let mut update = Update { state: self.write(), regranted: Vec::new() };
        take_up(&mut update);
        let regranted = std::mem::take(&mut update.regranted);
        drop(update);
        for vehicle in regranted {
            self.0.consent.push(vehicle);
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        // Every change leaves the state whole, also when its thread panics between two of them.
        self.0.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.0.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes up what was just committed; others see all of it or nothing.
#[derive(Debug)]
pub struct Update<'a> {
    state: RwLockWriteGuard<'a, State>,
    /// Cars whose grants have changed.
    regranted: Vec<VehicleId>,
}

impl Update<'_> {
    /// Cars that are known are replaced.
    pub fn put_cars(&mut self, cars: Vec<Car>) {
        for car in cars {
            self.state.put(car);
        }
    }

    /// Issued, or taken back.
    pub fn put_certificates(&mut self, certificates: &[store::Certificate]) {
        self.state.put_certificates(certificates);
    }

    pub fn put_grants(&mut self, vehicle: VehicleId, grants: Grants) {
        self.change(vehicle, |car| car.grants = Arc::new(grants));
        self.regranted.push(vehicle);
    }

    /// Another ownership interval of a car has begun.
    pub fn put_subject(&mut self, vehicle: VehicleId, subject: SubjectId, grants: Grants) {
        if let Some(car) = self.state.cars.get(&vehicle) {
            let before = car.subject;
            self.state.by_subject.remove(&before);
            self.state.by_subject.insert(subject, vehicle);
        }
        self.change(vehicle, |car| {
            car.subject = subject;
            car.first_epoch = grants.epoch();
        });
        self.put_grants(vehicle, grants);
    }

    /// The car's identity lets nobody in from now on.
    pub fn quarantine(&mut self, vehicle: VehicleId, quarantined: Quarantined) {
        self.state.quarantined.insert(vehicle, quarantined);
    }

    /// The car may come in again.
    pub fn release(&mut self, vehicle: VehicleId) {
        self.state.quarantined.remove(&vehicle);
    }

    pub fn put_campaign(&mut self, campaign: KnownCampaign) {
        self.state.campaigns.insert(campaign.id, campaign);
    }

    /// Cars have a campaign from now on.
    pub fn assign(&mut self, id: CampaignId, vehicles: &[VehicleId]) {
        self.hold(HeldCampaign { id, ended_at: None }, vehicles);
    }

    /// Cars shall collect no more for a campaign from a time on. It stays with them, for what they queued.
    pub fn unassign(&mut self, id: CampaignId, vehicles: &[VehicleId], ended_at: Timestamp) {
        self.hold(HeldCampaign { id, ended_at: Some(ended_at) }, vehicles);
    }

    fn hold(&mut self, held: HeldCampaign, vehicles: &[VehicleId]) {
        for vehicle in vehicles {
            self.change(*vehicle, |car| {
                let mut campaigns = car.campaigns.to_vec();
                match campaigns.binary_search_by_key(&held.id, |known| known.id) {
                    Ok(place) => campaigns[place] = held,
                    Err(place) => campaigns.insert(place, held),
                }
                car.campaigns = campaigns.into();
            });
        }
    }

    fn change(&mut self, vehicle: VehicleId, change: impl FnOnce(&mut Car)) {
        if let Some(car) = self.state.cars.get_mut(&vehicle) {
            change(Arc::make_mut(car));
        }
    }
}

impl State {
    fn put(&mut self, car: Car) {
        self.by_subject.insert(car.subject, car.vehicle);
        let kind = |count: &FleetCount| (count.brand, count.model.clone(), count.architecture.clone());
        let count = FleetCount {
            brand: car.brand,
            model: car.model.to_string(),
            architecture: car.architecture.to_string(),
            vehicles: 1,
        };
        if self.cars.insert(car.vehicle, Arc::new(car)).is_some() {
            return;
        }
        match self.counts.binary_search_by_key(&kind(&count), kind) {
            Ok(index) => self.counts[index].vehicles += 1,
            Err(index) => self.counts.insert(index, count),
        }
    }

    fn put_certificates(&mut self, certificates: &[store::Certificate]) {
        for certificate in certificates {
            let mut fingerprint = Fingerprint::default();
            if hex::decode_to_slice(&certificate.fingerprint, &mut fingerprint).is_err() {
                tracing::error!(vehicle = %certificate.vehicle, "a certificate's fingerprint is damaged");
                continue;
            }
            let known = KnownCertificate {
                vehicle: certificate.vehicle,
                not_after: certificate.not_after,
                revoked: certificate.revoked_at.is_some(),
            };
            self.certificates.insert(fingerprint, known);
        }
    }
}

#[cfg(test)]
mod tests;
