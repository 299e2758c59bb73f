//! Cars as they leave the factory: registered, certified, and with their owners' first grants, all in one
//! transaction.

use std::{collections::HashSet, sync::Arc};

use aws_lc_rs::rand;
use consent::{Grant, Grants};
use model::{Brand, ConsentEpoch, DataCategory, Purpose, SubjectId, Timestamp, VehicleId, Vin};
use store::{NewVehicle, Store};

use crate::{
    desired::{Desired, DesiredError},
    pki::{Issued, Pki, PkiError},
    registry::{Car, Registry, Update},
    task::to_its_end,
};

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
    pub certificate: Option<Issued>,
}

/// Why no car was enrolled.
#[derive(Debug, thiserror::Error)]
pub enum EnrolError {
    /// The place is the car's index in the request.
    #[error("the VIN stands twice in the request")]
    VinTwice { place: usize },
    #[error("the car at {place}: no certificate for this request")]
    Certificate { place: usize, source: PkiError },
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
        let vehicle = VehicleId::from_bytes(random()?);
        let enrolment = self.clone();
        to_its_end(async move { enrolment.write(vec![(car, vehicle, true)], Vec::new(), now).await }).await?;
        Ok(vehicle)
    }

    /// Registers and certifies cars. A VIN that is registered already keeps its id.
    pub async fn enrol(&self, cars: Vec<Factory>, now: Timestamp) -> Result<Vec<Enrolled>, EnrolError> {
        let enrolment = self.clone();
        to_its_end(async move { enrolment.enrol_all(cars, now).await }).await
    }

    async fn enrol_all(&self, cars: Vec<Factory>, now: Timestamp) -> Result<Vec<Enrolled>, EnrolError> {
        let mut seen = HashSet::new();
        if let Some(place) = cars.iter().position(|car| !seen.insert(car.vin.reveal())) {
            return Err(EnrolError::VinTwice { place });
        }
        let vins: Vec<Vin> = cars.iter().map(|car| car.vin.clone()).collect();
        let known = self.store.begin().await?.vehicles_by_vins(&vins).await?;
        let mut ids: Vec<Option<VehicleId>> = vec![None; cars.len()];
        for (place, vehicle) in known {
            ids[place] = Some(vehicle);
        }
        let mut numbered = Vec::with_capacity(cars.len());
        for (car, known) in cars.into_iter().zip(ids) {
            let vehicle = known.map_or_else(|| random().map(VehicleId::from_bytes), Ok)?;
            numbered.push((car, vehicle, known.is_none()));
        }
        let requests: Vec<_> =
            numbered.iter().map(|(car, vehicle, _)| (*vehicle, car.csr_pem.clone())).collect();
        let certificates = issue(Arc::clone(&self.pki), requests, now).await?;
        let records = certificates.iter().flatten().map(|issued| issued.record.clone()).collect();
        let answers: Vec<(VehicleId, bool)> =
            numbered.iter().map(|(_, vehicle, created)| (*vehicle, *created)).collect();
        self.write(numbered, records, now).await?;
        let enrolled = answers.into_iter().zip(certificates);
        Ok(enrolled
            .map(|((vehicle, created), certificate)| Enrolled { vehicle, created, certificate })
            .collect())
    }

    /// Issues a certificate for a registered car.
    pub async fn certify(
        &self,
        vehicle: VehicleId,
        csr_pem: String,
        now: Timestamp,
    ) -> Result<Issued, EnrolError> {
        let enrolment = self.clone();
        to_its_end(async move {
            enrolment.store.vehicle(vehicle).await?;
            let mut issued = issue(Arc::clone(&enrolment.pki), vec![(vehicle, Some(csr_pem))], now).await?;
            let issued = issued.pop().flatten().ok_or(PkiError::Csr)?;
            let mut tx = enrolment.store.begin().await?;
            tx.add_certificates(std::slice::from_ref(&issued.record)).await?;
            let record = issued.record.clone();
            enrolment.registry.commit(tx, move |memory| memory.put_certificates(&[record])).await?;
            tracing::info!(%vehicle, "certificate issued");
            Ok(issued)
        })
        .await
    }

    /// Takes all certificates of a car back; how many let it in until now. If it is connected, it is sent away.
    pub async fn revoke(&self, vehicle: VehicleId, now: Timestamp) -> Result<usize, EnrolError> {
        let enrolment = self.clone();
        to_its_end(async move {
            enrolment.store.vehicle(vehicle).await?;
            let mut tx = enrolment.store.begin().await?;
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
        certificates: Vec<store::Certificate>,
        now: Timestamp,
    ) -> Result<(), EnrolError> {
        let region = self.registry.region().clone();
        let (mut new, mut fresh, mut grants) = (Vec::new(), Vec::new(), Vec::new());
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
            let subject = SubjectId::from_bytes(random()?);
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
        tx.add_certificates(&certificates).await?;
        let by_subject: Vec<_> = grants.iter().map(|(subject, _, set)| (*subject, set.clone())).collect();
        tx.put_grants(&by_subject).await?;
        let by_vehicle: Vec<_> = grants.into_iter().map(|(_, vehicle, set)| (vehicle, set)).collect();
        self.desired.write_consent(&mut tx, &by_vehicle, now).await?;
        let (cars, certified) = (new.len(), certificates.len());
        let take_up = move |memory: &mut Update<'_>| {
            memory.put_cars(fresh);
            memory.put_certificates(&certificates);
        };
        self.registry.commit(tx, take_up).await?;
        tracing::info!(cars, certificates = certified, "cars enrolled");
        Ok(())
    }
}

/// Checking a request and signing takes some 200 µs: not on a thread that serves others.
async fn issue(
    pki: Arc<Pki>,
    requests: Vec<(VehicleId, Option<String>)>,
    now: Timestamp,
) -> Result<Vec<Option<Issued>>, EnrolError> {
    let work = move || {
        let issue = |(place, (vehicle, csr)): (usize, (VehicleId, Option<String>))| {
            csr.map(|csr| pki.issue(vehicle, &csr, now))
                .transpose()
                .map_err(|source| EnrolError::Certificate { place, source })
        };
        requests.into_iter().enumerate().map(issue).collect()
    };
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
}

fn random() -> Result<[u8; 16], PkiError> {
    let mut bytes = [0; 16];
    rand::fill(&mut bytes).map_err(|_| PkiError::Random)?;
    Ok(bytes)
}
