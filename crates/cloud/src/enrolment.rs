//! Cars as they leave the factory: registered, certified, and with their owners' first grants, all in one
//! transaction; and how a car gets its certificates later, by its one-time credential or by the one it has.
//!
//! Invariants, as absences: no car that was ever certified gets a certificate for the VIN alone; no key is
//! certified for two cars, and none again that was taken back.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use consent::{Grant, Grants};
use model::{Brand, ConsentEpoch, DataCategory, Purpose, SubjectId, Timestamp, VehicleId, Vin};
use store::{KeyUse, NewCertificate, NewVehicle, Store, Transaction};

use crate::{
    desired::{Desired, DesiredError},
    pki::{self, Issued, Pki, PkiError, Request},
    random,
    registry::{Car, Registry, Update},
    task::to_its_end,
};

pub use credentials::{DrawnCredential, RightCredential};

mod credentials;

/// A car to enrol.
#[derive(Debug, Clone)]
pub struct Factory {
    pub vin: Vin,
    pub brand: Brand,
    pub model: String,
    pub model_year: u16,
    pub architecture: String,
    /// A PKCS#10 request in PEM.
    pub csr_pem: Option<String>,
    pub grants: Vec<(Purpose, DataCategory, bool)>,
}

/// What became of a car, in the order of the request.
#[derive(Debug, Clone)]
pub struct Enrolled {
    pub vehicle: VehicleId,
    /// False when the VIN was registered before.
    pub created: bool,
    pub certificate_pem: Option<String>,
}

/// Why no car was enrolled.
#[derive(Debug, thiserror::Error)]
pub enum EnrolError {
    /// The place is the car's index in the request.
    #[error("the VIN stands twice in the request")]
    VinTwice { place: usize },
    #[error("the VIN at {place} is registered already")]
    VinTaken { place: usize },
    #[error(
        "the car at {place} is registered already: it gets its first certificate over EST, with a credential of \
         POST /v1/vehicles/{{vehicle_id}}/enrolment-credential, or from who may `certificate.issue`"
    )]
    Registered { place: usize },
    #[error("the car at {place}: no certificate for this request")]
    Certificate { place: usize, source: PkiError },
    #[error(
        "the car at {place} is registered and has, or had, a certificate: a VIN alone gives no other. It renews \
         its own over EST, or enrols with a credential of POST /v1/vehicles/{{vehicle_id}}/enrolment-credential/replacement"
    )]
    Certified { place: usize },
    #[error("the key at {place} is certified for another car; each car makes its own")]
    KeyTaken { place: usize },
    #[error("the key at {place} was taken back; make another in the car")]
    KeyRevoked { place: usize },
    #[error(
        "the car has, or had, a certificate; if it lost its key, draw a credential by \
         POST /v1/vehicles/{{vehicle_id}}/enrolment-credential/replacement"
    )]
    HasCertificate,
    #[error("the identity of the car at {place} is in quarantine; lift that first")]
    Quarantined { place: usize },
    /// Wrong, unknown, used, expired or revoked: who asks hears no more.
    #[error("the credential or the certificate lets nobody in")]
    Refused,
    #[error(transparent)]
    Desired(#[from] DesiredError),
    #[error(transparent)]
    Pki(#[from] PkiError),
}

impl From<store::Error> for EnrolError {
    fn from(error: store::Error) -> Self {
        Self::Desired(error.into())
    }
}

/// Enrols cars. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Enrolment {
    store: Store,
    registry: Registry,
    desired: Desired,
    pki: Arc<Pki>,
}

impl Enrolment {
    pub fn new(store: Store, registry: Registry, desired: Desired, pki: Arc<Pki>) -> Self {
        Self { store, registry, desired, pki }
    }

    /// Registers one car; a VIN that is registered already is a conflict.
    pub async fn register(&self, car: Factory, now: Timestamp) -> Result<VehicleId, EnrolError> {
        let vehicle = VehicleId::from_bytes(random::bytes()?);
        let enrolment = self.clone();
        to_its_end(async move {
            enrolment.write(vec![(car, vehicle, true)], vec![None], &HashSet::new(), now).await
        })
        .await?;
        Ok(vehicle)
    }

    /// Registers and certifies cars. A VIN that is registered already keeps its id; `may_issue` says of such a car
    /// whether who asks may give it a certificate.
    pub async fn enrol(
        &self,
        cars: Vec<Factory>,
        may_issue: impl Fn(&Car) -> bool + Send + 'static,
        now: Timestamp,
    ) -> Result<Vec<Enrolled>, EnrolError> {
        let enrolment = self.clone();
        to_its_end(async move { enrolment.enrol_all(cars, may_issue, now).await }).await
    }

    async fn enrol_all(
        &self,
        cars: Vec<Factory>,
        may_issue: impl Fn(&Car) -> bool + Send,
        now: Timestamp,
    ) -> Result<Vec<Enrolled>, EnrolError> {
        let mut seen = HashSet::new();
        if let Some(place) = cars.iter().position(|car| !seen.insert(car.vin.reveal())) {
            return Err(EnrolError::VinTwice { place });
        }
        let vins: Vec<Vin> = cars.iter().map(|car| car.vin.clone()).collect();
        let known = self.store.begin().await?.vehicles_by_vins(&vins).await?;
        let mut ids: Vec<Option<VehicleId>> = vec![None; cars.len()];
        let mut may_be_issued = HashSet::new();
        for (place, vehicle) in known {
            // Whoever names a brand has a right to it, and none to another's car.
            let car = self.registry.car(vehicle).filter(|car| car.brand == cars[place].brand);
            let car = car.ok_or(EnrolError::VinTaken { place })?;
            if may_issue(&car) {
                may_be_issued.insert(vehicle);
            }
            ids[place] = Some(vehicle);
        }
        let mut numbered = Vec::with_capacity(cars.len());
        for (car, known) in cars.into_iter().zip(ids) {
            let vehicle = known.map_or_else(|| random::bytes().map(VehicleId::from_bytes), Ok)?;
            numbered.push((car, vehicle, known.is_none()));
        }
        let requests = numbered
            .iter_mut()
            .map(|(car, vehicle, _)| car.csr_pem.take().map(|pem| (*vehicle, pem)))
            .collect();
        let issued = issue(Arc::clone(&self.pki), requests, now).await?;
        self.write(numbered, issued, &may_be_issued, now).await
    }

    /// Issues a certificate for a registered car: the remedy of those who guard identities, who answer for it
    /// that the key is the car's.
    pub async fn certify(
        &self,
        vehicle: VehicleId,
        csr_pem: String,
        now: Timestamp,
    ) -> Result<Issued, EnrolError> {
        let enrolment = self.clone();
        to_its_end(async move {
            enrolment.store.vehicle(vehicle).await?;
            let mut issued = issue(Arc::clone(&enrolment.pki), vec![Some((vehicle, csr_pem))], now).await?;
            let issued = issued.pop().flatten().ok_or(PkiError::Csr)?;
            let mut tx = enrolment.store.begin().await?;
            tx.lock_vehicles(&[vehicle]).await?;
            check_keys(&mut tx, &[(0, &issued.certificate)]).await?;
            enrolment.keep(tx, issued.certificate.clone(), Vec::new()).await?;
            tracing::info!(%vehicle, "certificate issued");
            Ok(issued)
        })
        .await
    }

    /// Writes one certificate, and takes up which others it ends.
    async fn keep(
        &self,
        mut tx: Transaction,
        certificate: NewCertificate,
        ended: Vec<store::Certificate>,
    ) -> Result<(), EnrolError> {
        tx.add_certificates(std::slice::from_ref(&certificate)).await?;
        let (told, record) = (self.desired.clone(), certificate.record);
        let take_up = move |memory: &mut Update<'_>| {
            let vehicle = record.vehicle;
            memory.put_certificates(&[record]);
            memory.put_certificates(&ended);
            if !ended.is_empty() {
                told.hint(vec![vehicle]);
            }
        };
        Ok(self.registry.commit(tx, take_up).await?)
    }

    /// Takes all certificates of a car back; how many let it in until now. If it is connected, it is sent away.
    pub async fn revoke(&self, vehicle: VehicleId, now: Timestamp) -> Result<usize, EnrolError> {
        let enrolment = self.clone();
        to_its_end(async move {
            enrolment.store.vehicle(vehicle).await?;
            let mut tx = enrolment.store.begin().await?;
            // A renewal that has begun ends before, or sees what was taken back.
            tx.lock_vehicles(&[vehicle]).await?;
            let revoked = tx.revoke_certificates(vehicle, now).await?;
            let count = revoked.iter().filter(|certificate| certificate.not_after > now).count();
            let told = enrolment.desired.clone();
            let take_up = move |memory: &mut Update<'_>| {
                memory.put_certificates(&revoked);
                told.hint(vec![vehicle]);
            };
            enrolment.registry.commit(tx, take_up).await?;
            tracing::info!(%vehicle, count, "certificates revoked");
            Ok(count)
        })
        .await
    }

    async fn write(
        &self,
        cars: Vec<(Factory, VehicleId, bool)>,
        issued: Vec<Option<Issued>>,
        may_be_issued: &HashSet<VehicleId>,
        now: Timestamp,
    ) -> Result<Vec<Enrolled>, EnrolError> {
        let region = self.registry.region().clone();
        let (mut new, mut fresh, mut grants) = (Vec::new(), Vec::new(), Vec::new());
        let kept: Vec<(VehicleId, bool)> =
            cars.iter().map(|(_, vehicle, created)| (*vehicle, *created)).collect();
        for (car, vehicle, created) in cars {
            let said: Vec<Grant> = car
                .grants
                .iter()
                .map(|(purpose, category, granted)| Grant {
                    purpose: *purpose,
                    category: *category,
                    granted: *granted,
                    at: now,
                })
                .collect();
            if !created {
                // The owner's word stays as it is; a factory cannot speak for a car that was sold.
                continue;
            }
            let subject = SubjectId::from_bytes(random::bytes()?);
            let set = Grants::new(ConsentEpoch(1), said);
            grants.push((subject, vehicle, set.clone()));
            fresh.push(Car {
                vehicle,
                subject,
                brand: car.brand,
                model: car.model.as_str().into(),
                model_year: car.model_year,
                architecture: car.architecture.as_str().into(),
                campaigns: Arc::from([]),
                grants: Arc::new(set),
                first_epoch: ConsentEpoch(0),
            });
            new.push(NewVehicle {
                vehicle,
                subject,
                vin: car.vin,
                brand: car.brand,
                model: car.model,
                model_year: car.model_year,
                architecture: car.architecture,
                region: region.clone(),
            });
        }
        let mut tx = self.store.begin().await?;
        tx.add_vehicles(&new, now).await?;
        let (certificates, answers) = admit_keys(&mut tx, &kept, issued, may_be_issued, now).await?;
        tx.add_certificates(&certificates).await?;
        let by_subject: Vec<_> = grants.iter().map(|(subject, _, set)| (*subject, set.clone())).collect();
        tx.put_grants(&by_subject).await?;
        let by_vehicle: Vec<_> =
            grants.into_iter().map(|(_, vehicle, set)| (vehicle, set, ConsentEpoch(0))).collect();
        self.desired.write_consent(&mut tx, &by_vehicle, now).await?;
        let (cars, certified) = (new.len(), certificates.len());
        let records: Vec<_> = certificates.into_iter().map(|certificate| certificate.record).collect();
        let take_up = move |memory: &mut Update<'_>| {
            memory.put_cars(fresh);
            memory.put_certificates(&records);
        };
        self.registry.commit(tx, take_up).await?;
        tracing::info!(cars, certificates = certified, "cars enrolled");
        let enrolled = kept.into_iter().zip(answers);
        Ok(enrolled
            .map(|((vehicle, created), certificate_pem)| Enrolled { vehicle, created, certificate_pem })
            .collect())
    }
}

/// What of the issued certificates is to be kept, and what each car is answered: a car that was certified before
/// hears its certificate again, if it is for the same key, and nothing else. One that is registered, and never was
/// certified, gets its first only from those who may issue it.
async fn admit_keys(
    tx: &mut Transaction,
    cars: &[(VehicleId, bool)],
    issued: Vec<Option<Issued>>,
    may_be_issued: &HashSet<VehicleId>,
    now: Timestamp,
) -> Result<(Vec<NewCertificate>, Vec<Option<String>>), EnrolError> {
    let asking = || cars.iter().zip(&issued).filter(|(_, issued)| issued.is_some());
    let known: Vec<VehicleId> =
        asking().filter(|((_, created), _)| !created).map(|((vehicle, _), _)| *vehicle).collect();
    tx.lock_vehicles(&known).await?;
    let certified: HashSet<VehicleId> = tx.ever_certified(&known).await?.into_iter().collect();
    let places: Vec<(usize, &NewCertificate)> = issued
        .iter()
        .enumerate()
        .filter_map(|(place, issued)| Some((place, &issued.as_ref()?.certificate)))
        .collect();
    let uses = check_keys(tx, &places).await?;
    let (mut kept, mut answers) = (Vec::new(), Vec::with_capacity(issued.len()));
    for (place, (issued, (vehicle, created))) in issued.into_iter().zip(cars).enumerate() {
        let Some(issued) = issued else {
            answers.push(None);
            continue;
        };
        if !certified.contains(vehicle) {
            if !created && !may_be_issued.contains(vehicle) {
                return Err(EnrolError::Registered { place });
            }
            answers.push(Some(issued.pem));
            kept.push(issued.certificate);
            continue;
        }
        let stands = |known: &&KeyUse| {
            known.vehicle == *vehicle
                && known.key_hash == issued.certificate.key_hash
                && known.not_after > now
        };
        let again = uses.iter().filter(stands).max_by_key(|known| known.not_after);
        let der = again.and_then(|known| known.der.as_ref()).ok_or(EnrolError::Certified { place })?;
        answers.push(Some(pki::pem(der)));
    }
    Ok((kept, answers))
}

/// A key is one car's, of one that is not in quarantine, and was not taken back. Gives what the keys were
/// certified for before.
async fn check_keys(
    tx: &mut Transaction,
    asked: &[(usize, &NewCertificate)],
) -> Result<Vec<KeyUse>, EnrolError> {
    let vehicles: Vec<VehicleId> = asked.iter().map(|(_, new)| new.record.vehicle).collect();
    let quarantined = tx.quarantined(&vehicles).await?;
    if let Some((place, _)) = asked.iter().find(|(_, new)| quarantined.contains(&new.record.vehicle)) {
        return Err(EnrolError::Quarantined { place: *place });
    }
    let mut seen = HashSet::new();
    let hashes: Vec<&str> = asked.iter().map(|(_, new)| new.key_hash.as_str()).collect();
    let uses = tx.uses_of_keys(&hashes).await?;
    let mut by_key: HashMap<&str, Vec<&KeyUse>> = HashMap::new();
    for known in &uses {
        by_key.entry(&known.key_hash).or_default().push(known);
    }
    for (place, new) in asked {
        let place = *place;
        let before = by_key.get(new.key_hash.as_str()).map_or(&[][..], Vec::as_slice);
        let taken = before.iter().any(|known| known.vehicle != new.record.vehicle);
        if taken || !seen.insert(new.key_hash.as_str()) {
            return Err(EnrolError::KeyTaken { place });
        }
        if before.iter().any(|known| known.revoked_at.is_some()) {
            return Err(EnrolError::KeyRevoked { place });
        }
    }
    Ok(uses)
}

/// Checking a request and signing takes some 200 µs: not on a thread that serves others.
async fn issue(
    pki: Arc<Pki>,
    requests: Vec<Option<(VehicleId, String)>>,
    now: Timestamp,
) -> Result<Vec<Option<Issued>>, EnrolError> {
    let work = move || {
        let issue = |(place, asked): (usize, Option<(VehicleId, String)>)| {
            let issue =
                |(vehicle, pem): (VehicleId, String)| pki.issue(vehicle, &Request::from_pem(&pem)?, now);
            asked.map(issue).transpose().map_err(|source| EnrolError::Certificate { place, source })
        };
        requests.into_iter().enumerate().map(issue).collect()
    };
    blocking(work).await
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
}
