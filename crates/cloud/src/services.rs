//! Machines of ours: what they are for, and the tokens by which they are known.
//!
//! Invariants, as absences: no token is kept, only its hash; none counts for longer than a day; no service has the
//! profile `simulation` but the one that the platform makes itself, when it was started for simulated cars.

use std::{fmt, io, path::Path, time::Duration};

use identity::{Brands, Profile, Service};
use model::{Micros, PersonId, Region, ServiceId, Timestamp};
use store::{ServiceRow, Store};

use crate::{accounts::token_hash, changes::Changes, clock::Clock, errors::chain, pki::PkiError, random};

/// How each token begins.
pub const PREFIX: &str = "mqs_";
/// How long a token counts.
const LIFETIME: Micros = Micros::DAY;
/// How long the token before a new one still counts: until everybody has the new one.
const OVERLAP: Micros = Micros(10 * Micros::MINUTE.0);
/// The service of simulated cars.
const SIMULATION: &str = "simulation";
/// How often it gets a new token: whoever reads the file has half a day at least.
const SIMULATION_ROTATES_EVERY: Duration = Duration::from_secs(12 * 3_600);
const NAME_MAX: usize = 64;

/// Why a service was not made, or has no token.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    #[error("has 1 to {NAME_MAX} characters of a-z, 0-9 and `-`, and begins with a letter")]
    Name,
    #[error("a service has this name; choose another")]
    Taken,
    #[error(
        "the platform itself makes the service of simulated cars, when it is started with `--simulated-cars`"
    )]
    Simulation,
    #[error("name one profile at least")]
    NoProfile,
    #[error("the service is disabled; register another")]
    Disabled,
    #[error(transparent)]
    Store(#[from] store::Error),
    #[error(transparent)]
    Random(#[from] PkiError),
    #[error("cannot write or remove {path}; check the folder's owner and free space")]
    File { path: String, source: io::Error },
}

/// A new token of a service.
#[derive(Clone, PartialEq, Eq)]
pub struct ServiceToken {
    text: String,
    pub expires_at: Timestamp,
}

impl ServiceToken {
    pub fn reveal(&self) -> &str {
        &self.text
    }
}

impl fmt::Debug for ServiceToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServiceToken").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

/// A service to make.
#[derive(Debug)]
pub struct NewService {
    pub id: ServiceId,
    pub name: String,
    pub brands: Brands,
    pub profiles: Vec<Profile>,
}

/// Knows services by their tokens. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Services {
    store: Store,
    region: Region,
    simulated_cars: bool,
    changes: Changes,
}

impl Services {
    pub fn new(store: Store, region: Region, simulated_cars: bool, changes: Changes) -> Self {
        Self { store, region, simulated_cars, changes }
    }

    /// Whether the platform was started for simulated cars.
    pub fn has_simulated_cars(&self) -> bool {
        self.simulated_cars
    }

    /// The service whose token this is. It is looked up by its hash, so that no comparison tells how close a
    /// guess was. A disabled service has none.
    pub async fn authenticate(&self, token: &str, now: Timestamp) -> Result<Option<Service>, store::Error> {
        if !token.starts_with(PREFIX) {
            return Ok(None);
        }
        let Some(row) = self.store.service_of_token(&token_hash(token), now).await? else { return Ok(None) };
        if let Err(error) = self.store.note_seen(&row, now).await {
            tracing::warn!(error = %chain(&error), service = %row.id, "not noted that a service was seen");
        }
        Ok(self.service(&row))
    }

    /// What a row says. A brand or a profile that this program does not know gives nothing.
    fn service(&self, row: &ServiceRow) -> Option<Service> {
        let counts = |profile: &Profile| self.simulated_cars || *profile != Profile::Simulation;
        Some(Service {
            id: row.id,
            region: row.region.clone(),
            enabled: row.enabled,
            brands: Brands::new(row.brands.iter().copied()).ok()?,
            profiles: row.profiles.iter().filter_map(|slug| slug.parse().ok()).filter(counts).collect(),
        })
    }

    /// The id of a service that is to be made: a decision names it before it is there.
    pub fn draw_id(&self) -> Result<ServiceId, PkiError> {
        random::bytes().map(ServiceId::from_bytes)
    }

    /// Registers a service; with its first token.
    pub async fn create(
        &self,
        new: NewService,
        by: Option<PersonId>,
        now: Timestamp,
    ) -> Result<(ServiceRow, ServiceToken), ServiceError> {
        if new.name == SIMULATION || new.profiles.contains(&Profile::Simulation) {
            return Err(ServiceError::Simulation);
        }
        check_name(&new.name)?;
        if new.profiles.is_empty() {
            return Err(ServiceError::NoProfile);
        }
        self.add(new, by, now).await
    }

    async fn add(
        &self,
        mut new: NewService,
        by: Option<PersonId>,
        now: Timestamp,
    ) -> Result<(ServiceRow, ServiceToken), ServiceError> {
        new.profiles.sort_unstable();
        new.profiles.dedup();
        let row = ServiceRow {
            id: new.id,
            name: new.name,
            brands: new.brands.iter().collect(),
            region: self.region.clone(),
            profiles: new.profiles.iter().map(|profile| profile.slug().to_owned()).collect(),
            enabled: true,
            created_at: now,
            created_by: by,
            last_seen_at: None,
        };
        let token = draw(now)?;
        let mut tx = self.store.begin().await?;
        if !tx.add_service(&row).await? {
            return Err(ServiceError::Taken);
        }
        tx.rotate_service_token(row.id, &token_hash(token.reveal()), now, now, token.expires_at).await?;
        tx.commit().await?;
        Ok((row, token))
    }

    /// Gives a service a new token; those before end after the overlap.
    pub async fn rotate(&self, service: ServiceId, now: Timestamp) -> Result<ServiceToken, ServiceError> {
        let token = draw(now)?;
        let hash = token_hash(token.reveal());
        let mut tx = self.store.begin().await?;
        if !tx.rotate_service_token(service, &hash, now, now + OVERLAP, token.expires_at).await? {
            return Err(ServiceError::Disabled);
        }
        tx.commit().await?;
        self.changes.changed();
        Ok(token)
    }

    /// Disables a service at once and for good.
    pub async fn disable(&self, service: ServiceId) -> Result<(), store::Error> {
        let mut tx = self.store.begin().await?;
        tx.disable_service(service).await?;
        tx.commit().await?;
        self.changes.changed();
        Ok(())
    }

    /// At a start: on a platform for simulated cars there is their service, with a new token in a file that only
    /// the platform's user reads; on any other there is none, and no file.
    pub async fn settle_simulation(&self, file: &Path, now: Timestamp) -> Result<(), ServiceError> {
        let known = self.store.service_named(SIMULATION).await?;
        let failed = |source| ServiceError::File { path: file.display().to_string(), source };
        if !self.simulated_cars {
            if let Some(service) = known {
                self.disable(service.id).await?;
            }
            return match std::fs::remove_file(file) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(error)),
                Ok(()) | Err(_) => Ok(()),
            };
        }
        let token = match known {
            Some(service) => self.rotate(service.id, now).await?,
            None => {
                let (name, brands) = (SIMULATION.to_owned(), Brands::ALL);
                let new =
                    NewService { id: self.draw_id()?, name, brands, profiles: vec![Profile::Simulation] };
                self.add(new, None, now).await?.1
            }
        };
        crate::pki::write_secret_file(file, &format!("{}\n", token.reveal())).map_err(failed)
    }

    /// A platform may run for longer than the token in the file counts.
    pub(crate) async fn keep_simulation(self, file: impl AsRef<Path>, clock: Clock) {
        if !self.simulated_cars {
            return;
        }
        let mut half_day = tokio::time::interval(SIMULATION_ROTATES_EVERY);
        // The first comes at once, and the start has seen to it.
        half_day.tick().await;
        loop {
            half_day.tick().await;
            if let Err(error) = self.settle_simulation(file.as_ref(), clock.now()).await {
                tracing::error!(error = %chain(&error), "simulated cars have no new token");
            }
        }
    }
}

fn draw(now: Timestamp) -> Result<ServiceToken, PkiError> {
    Ok(ServiceToken { text: format!("{PREFIX}{}", random::secret()?), expires_at: now + LIFETIME })
}

fn check_name(name: &str) -> Result<(), ServiceError> {
    let is_name = name.len() <= NAME_MAX
        && name.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if is_name { Ok(()) } else { Err(ServiceError::Name) }
}

#[cfg(test)]
mod tests;
