//! Cars leave the factory: keys, certificates, their owners' grants, some hundred at once.

use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256};
use tokio::task::JoinSet;

use super::{
    Error, Progress, RunOptions, clock,
    http::{Api, EnrolVehicle, Enrolled, GrantChange, NewVehicle},
    identity::{Identities, Identity},
};
use crate::fleet::{CarSpec, Fleet};

/// Cars in a request: a second's work for the platform.
const CARS_PER_REQUEST: usize = 100;

/// Requests under way at the same time.
const REQUESTS_MAX: usize = 4;

/// The identities of the whole fleet: those that there are, and new ones for the rest.
pub(super) async fn enrol(
    options: &RunOptions,
    fleet: &Fleet,
    progress: &mut (impl FnMut(Progress) + Send),
) -> Result<Identities, Error> {
    let (cloud, seed) = (&options.cloud, options.fleet.seed);
    let api = Api::sign_in(options).await?;
    let mut known = Identities::load(&options.state, cloud, seed, clock::now())?;
    if let Some(first) = known.as_ref().and_then(|known| known.cars.first())
        && !api.knows(first.vehicle).await?
    {
        tracing::info!("the platform does not know the cars of the last run; the fleet is enrolled again");
        known = None;
    }
    let specs = fleet.specs();
    let have = known.as_ref().map_or(0, |known| known.cars.len());
    if let Some(mut known) = known.take_if(|_| have >= specs.len()) {
        known.cars.truncate(specs.len());
        return Ok(known);
    }
    let of = specs.len();
    progress(Progress::Enrolling { done: have, of });
    let missing = specs.get(have..).unwrap_or_default();
    let mut batches = missing.chunks(CARS_PER_REQUEST).enumerate();
    let mut requests = JoinSet::new();
    let mut answers: Vec<Option<Identities>> = missing.chunks(CARS_PER_REQUEST).map(|_| None).collect();
    let mut done = have;
    loop {
        while requests.len() < REQUESTS_MAX {
            let Some((place, batch)) = batches.next() else { break };
            let (api, batch, region) = (api.clone(), batch.to_vec(), options.region.clone());
            requests.spawn(async move { (place, enrol_batch(&api, batch, region).await) });
        }
        let Some(answer) = requests.join_next().await else { break };
        let (place, answer) = answer?;
        let answer = answer?;
        done += answer.cars.len();
        progress(Progress::Enrolling { done, of });
        if let Some(slot) = answers.get_mut(place) {
            *slot = Some(answer);
        }
    }
    let all = known.into_iter().chain(answers.into_iter().flatten()).reduce(|mut all, next| {
        all.cars.extend(next.cars);
        Identities { ca_pem: next.ca_pem, desired_key: next.desired_key, ..all }
    });
    let all =
        all.unwrap_or_else(|| Identities { ca_pem: String::new(), desired_key: [0; 32], cars: Vec::new() });
    all.save(&options.state, cloud, seed)?;
    Ok(all)
}

async fn enrol_batch(api: &Api, specs: Vec<CarSpec>, region: String) -> Result<Identities, Error> {
    // The certificates are no older than this.
    let enrolled_at = clock::now();
    // Keys cost the processor, not the network.
    let made = tokio::task::spawn_blocking(move || requests(&specs, &region)).await??;
    let (vehicles, keys): (Vec<_>, Vec<_>) = made.into_iter().unzip();
    let enrolled = enrol_or_certify(api, vehicles).await?;
    let wrong = || Error::Answer { action: "to enrol cars" };
    if enrolled.items.len() != keys.len() {
        return Err(wrong());
    }
    let desired_key = brain::desired_key(&enrolled.desired_key).ok_or_else(wrong)?;
    let cars = enrolled.items.into_iter().zip(keys).map(|(item, key_pem)| {
        let vehicle = item.vehicle_id.parse().map_err(|_| wrong())?;
        let certificate_pem = item.certificate_pem.ok_or_else(wrong)?;
        Ok(Identity { vehicle, certificate_pem, key_pem, enrolled_at })
    });
    let cars = cars.collect::<Result<_, Error>>()?;
    Ok(Identities { ca_pem: enrolled.ca_pem, desired_key, cars })
}

/// Cars whose keys were lost with an emptied state folder, or are old, are registered already. For a VIN alone
/// nobody gets another certificate, so that each is asked for by name.
async fn enrol_or_certify(api: &Api, vehicles: Vec<EnrolVehicle>) -> Result<Enrolled, Error> {
    const CONFLICT: u16 = 409;
    match api.enrol(vehicles.clone()).await {
        Err(Error::Refused { status: CONFLICT, .. }) => {}
        answered => return answered,
    }
    let without = |vehicle: &EnrolVehicle| EnrolVehicle { csr_pem: None, ..vehicle.clone() };
    let mut enrolled = api.enrol(vehicles.iter().map(without).collect()).await?;
    for (item, asked) in enrolled.items.iter_mut().zip(&vehicles) {
        if let Some(csr_pem) = &asked.csr_pem {
            item.certificate_pem = Some(api.certify(&item.vehicle_id, csr_pem).await?);
        }
    }
    Ok(enrolled)
}

/// What the platform is asked for, and the private key that stays with the car.
fn requests(specs: &[CarSpec], region: &str) -> Result<Vec<(EnrolVehicle, String)>, rcgen::Error> {
    let request = |spec: &CarSpec| {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let csr_pem = CertificateParams::default().serialize_request(&key)?.pem()?;
        let grants = spec.grants().into_iter().map(|(purpose, category)| GrantChange {
            purpose: purpose.slug(),
            category: category.slug(),
            granted: true,
        });
        let vehicle = NewVehicle {
            vin: spec.vin.reveal().to_owned(),
            brand: spec.brand().slug(),
            model: spec.model.name.clone(),
            model_year: spec.model_year,
            architecture: spec.model.architecture,
            region: region.to_owned(),
        };
        Ok((EnrolVehicle { vehicle, csr_pem: Some(csr_pem), grants: grants.collect() }, key.serialize_pem()))
    };
    specs.iter().map(request).collect()
}
