//! Who the cars are, kept for the next start.

use std::{
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use model::{Micros, Timestamp, VehicleId};
use serde::{Deserialize, Serialize};

use super::Error;

/// Certificates hold for 30 days; well before that cars get new ones.
const RENEW_AFTER: Micros = Micros(20 * Micros::DAY.0);

/// One car's certificate and key. The VIN follows from the fleet's seed and stands nowhere.
#[derive(Debug, Clone)]
pub(super) struct Identity {
    pub vehicle: VehicleId,
    pub certificate_pem: String,
    pub key_pem: String,
    /// When the certificate was made.
    pub enrolled_at: Timestamp,
}

/// Those of a fleet, in the fleet's order, and whom the cars trust.
#[derive(Debug, Clone)]
pub(super) struct Identities {
    pub ca_pem: String,
    /// Signs desired state (Ed25519).
    pub desired_key: [u8; 32],
    pub cars: Vec<Identity>,
}

/// The file as it stands in the state folder.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    cloud: String,
    seed: u64,
    ca_pem: String,
    desired_key: String,
    cars: Vec<CarFile>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CarFile {
    vehicle_id: String,
    certificate_pem: String,
    key_pem: String,
    enrolled_at_us: i64,
}

const VERSION: u32 = 2;

fn file(state: &Path) -> PathBuf {
    state.join("fleet.json")
}

impl Identities {
    /// What an earlier run left, if it is of the same fleet and platform and still young.
    pub(super) fn load(state: &Path, cloud: &str, seed: u64, now: Timestamp) -> Result<Option<Self>, Error> {
        let path = file(state);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(Error::File { action: "read", path, source }),
        };
        let file: File = serde_json::from_slice(&bytes).map_err(|source| Error::State { path, source })?;
        let oldest = file.cars.iter().map(|car| car.enrolled_at_us).min();
        let age = oldest.map_or(Micros::ZERO, |oldest| now.since(Timestamp(oldest)));
        if file.version != VERSION || file.cloud != cloud || file.seed != seed || age > RENEW_AFTER {
            return Ok(None);
        }
        let Some(desired_key) = brain::desired_key(&file.desired_key) else { return Ok(None) };
        let cars = file.cars.into_iter().map(|car| {
            let vehicle = car.vehicle_id.parse().ok()?;
            Some(Identity {
                vehicle,
                certificate_pem: car.certificate_pem,
                key_pem: car.key_pem,
                enrolled_at: Timestamp(car.enrolled_at_us),
            })
        });
        let cars: Option<Vec<_>> = cars.collect();
        Ok(cars.map(|cars| Self { ca_pem: file.ca_pem, desired_key, cars }))
    }

    /// Writes the file anew, readable for its owner alone: it holds the cars' keys.
    pub(super) fn save(&self, state: &Path, cloud: &str, seed: u64) -> Result<(), Error> {
        let car = |identity: &Identity| CarFile {
            vehicle_id: identity.vehicle.to_string(),
            certificate_pem: identity.certificate_pem.clone(),
            key_pem: identity.key_pem.clone(),
            enrolled_at_us: identity.enrolled_at.0,
        };
        let content = File {
            version: VERSION,
            cloud: cloud.to_owned(),
            seed,
            ca_pem: self.ca_pem.clone(),
            desired_key: self.desired_key.iter().map(|byte| format!("{byte:02x}")).collect(),
            cars: self.cars.iter().map(car).collect(),
        };
        let path = file(state);
        let bytes =
            serde_json::to_vec(&content).map_err(|source| Error::State { path: path.clone(), source })?;
        let failed = |action| {
            let path = path.clone();
            move |source| Error::File { action, path, source }
        };
        fs::create_dir_all(state).map_err(failed("make the folder of"))?;
        // Written beside and moved over, so that a crash leaves the old file or the new one.
        let fresh = path.with_extension("json.new");
        let mut out = private_file(&fresh).map_err(failed("write"))?;
        out.write_all(&bytes).and_then(|()| out.sync_all()).map_err(failed("write"))?;
        fs::rename(&fresh, &path).map_err(failed("write"))
    }
}

#[cfg(unix)]
fn private_file(path: &Path) -> io::Result<fs::File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)
}

#[cfg(not(unix))]
fn private_file(path: &Path) -> io::Result<fs::File> {
    fs::File::create(path)
}
