//! What the cloud wants of the car: verified, applied, kept for the next start.

use std::{
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use campaigns::{Permissions, Plan};
use consent::{Consent, DriverMode};
use model::{ConsentEpoch, Micros, Timestamp, VehicleId};
use signals::Catalogue;
use wire::{Applied, Expected, Kind, VerifyingKeys, decode_campaigns, decode_consent};

use crate::{Shared, queue::sync_dir};

/// The desired state of one car.
#[derive(Debug)]
pub(crate) struct Desired {
    dir: PathBuf,
    vehicle: VehicleId,
    keys: Arc<VerifyingKeys>,
    catalogue: Arc<Catalogue>,
    shared: Arc<Shared>,
    plan: Arc<Plan>,
    consent: Consent,
    first_epoch: ConsentEpoch,
    /// By kind's place in [`Kind::ALL`].
    applied: [Slot; Kind::ALL.len()],
    /// Files that could not be written, with what they should hold.
    unkept: Vec<(PathBuf, Vec<u8>)>,
    kept_at: Timestamp,
}

#[derive(Debug, Clone, Default)]
struct Slot {
    version: u64,
    error: Option<String>,
}

/// What a document changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    Plan,
    Consent,
    /// It was not applied; the report says why.
    Refused,
    /// It is there already.
    Nothing,
}

impl Desired {
    /// Takes up what was applied before the car was switched off.
    pub(crate) fn open(
        dir: &Path,
        vehicle: VehicleId,
        keys: Arc<VerifyingKeys>,
        catalogue: Arc<Catalogue>,
        shared: Arc<Shared>,
        now: Timestamp,
    ) -> Self {
        let mode = stored_mode(dir);
        let mut this = Self {
            dir: dir.to_owned(),
            vehicle,
            keys,
            plan: Arc::new(Plan::empty(&catalogue)),
            catalogue,
            shared,
            consent: Consent { mode, ..Consent::default() },
            first_epoch: ConsentEpoch(0),
            applied: Default::default(),
            unkept: Vec::new(),
            kept_at: now,
        };
        for kind in Kind::ALL {
            let Ok(envelope) = fs::read(this.path(kind)) else { continue };
            // An envelope that has expired or whose key was withdrawn counts no more; it is fetched.
            if let Err(problem) = this.apply(kind, &envelope, now) {
                tracing::info!(%kind, problem, "a stored document is not applied");
            }
        }
        this
    }

    pub(crate) fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// What the grants, the jurisdiction and the driver's mode allow together.
    pub(crate) fn permissions(&self) -> Permissions {
        Permissions::ask(self.consent.grants.epoch(), |purpose, category| {
            self.consent.decide(purpose, category).is_allowed()
        })
    }

    /// What was collected under an earlier epoch is of the owner before, and leaves for nobody.
    pub(crate) fn first_epoch(&self) -> ConsentEpoch {
        self.first_epoch
    }

    pub(crate) fn mode(&self) -> DriverMode {
        self.consent.mode
    }

    /// Sets the driver's mode. Gives whether it is kept for the next start.
    pub(crate) fn set_mode(&mut self, mode: DriverMode) -> bool {
        self.consent.mode = mode;
        self.keep(self.dir.join(MODE_FILE), mode.slug().as_bytes())
    }

    /// Tries again to write what could not be written.
    pub(crate) fn keep_again(&mut self, now: Timestamp) {
        let waited = now.since(self.kept_at);
        if self.unkept.is_empty() || (Micros::ZERO..KEEP_AGAIN_AFTER).contains(&waited) {
            return;
        }
        self.kept_at = now;
        for (path, content) in std::mem::take(&mut self.unkept) {
            self.keep(path, &content);
        }
    }

    fn keep(&mut self, path: PathBuf, content: &[u8]) -> bool {
        self.unkept.retain(|(known, _)| *known != path);
        let Err(error) = replace(&path, content) else { return true };
        tracing::error!(%error, path = %path.display(), "what was set is not kept for the next start");
        self.unkept.push((path, content.to_vec()));
        false
    }

    /// The versions that the car has, for a fetch.
    pub(crate) fn have(&self) -> Vec<(Kind, u64)> {
        Kind::ALL.into_iter().zip(&self.applied).map(|(kind, slot)| (kind, slot.version)).collect()
    }

    pub(crate) fn applied(&self) -> Vec<Applied> {
        let all = Kind::ALL.into_iter().zip(&self.applied);
        all.filter(|(_, slot)| slot.version > 0 || slot.error.is_some())
            .map(|(kind, slot)| Applied { kind, version: slot.version, error: slot.error.clone() })
            .collect()
    }

    /// Takes an envelope that came down.
    pub(crate) fn take(&mut self, kind: Kind, envelope: &[u8], now: Timestamp) -> Change {
        let had = self.applied[place(kind)].version;
        match self.apply(kind, envelope, now) {
            Ok(()) if self.applied[place(kind)].version == had => Change::Nothing,
            Ok(()) => {
                if !self.keep(self.path(kind), envelope) {
                    // Better none at the next start than one that grants what was withdrawn.
                    drop(fs::remove_file(self.path(kind)));
                }
                self.shared.stats.documents_applied.add(1);
                match kind {
                    Kind::Campaigns => Change::Plan,
                    Kind::Consent => Change::Consent,
                }
            }
            Err(problem) => {
                tracing::warn!(%kind, problem, "a document is not applied");
                self.shared.stats.documents_refused.add(1);
                self.applied[place(kind)].error = Some(problem);
                Change::Refused
            }
        }
    }

    fn apply(&mut self, kind: Kind, envelope: &[u8], now: Timestamp) -> Result<(), String> {
        let have = self.applied[place(kind)].version;
        let expected = Expected { kind, vehicle: self.vehicle, have, now };
        let envelope = match self.keys.open(envelope, &expected) {
            Ok(envelope) => envelope,
            // Two fetches may cross; the second answer brings nothing new.
            Err(wire::EnvelopeError::Version { got, .. }) if got == have => return Ok(()),
            Err(error) => return Err(error.to_string()),
        };
        let error = match kind {
            Kind::Campaigns => self.apply_campaigns(&envelope.payload)?,
            Kind::Consent => {
                let document = decode_consent(&envelope.payload).map_err(|error| error.to_string())?;
                self.consent.grants = document.grants;
                self.consent.jurisdiction = document.jurisdiction;
                self.first_epoch = document.first_epoch;
                None
            }
        };
        self.applied[place(kind)] = Slot { version: envelope.version, error };
        Ok(())
    }

    /// Gives what is wrong with campaigns that are left out; the others are in force.
    fn apply_campaigns(&mut self, document: &[u8]) -> Result<Option<String>, String> {
        let campaigns = decode_campaigns(document).map_err(|error| error.to_string())?;
        let (plan, refused) = self.shared.plan(document, campaigns, &self.catalogue);
        self.plan = plan;
        let problems: Vec<_> = refused.iter().map(|(_, error)| error.to_string()).collect();
        Ok((!problems.is_empty()).then(|| problems.join("; ")))
    }

    fn path(&self, kind: Kind) -> PathBuf {
        self.dir.join(format!("desired-{kind}"))
    }
}

const MODE_FILE: &str = "driver-mode";

/// A disk that is full or cannot be written is tried again after so long.
const KEEP_AGAIN_AFTER: Micros = Micros::from_secs(10);

/// The mode that was set last. Only a driver who never chose one is open: a choice that cannot be
/// read may have been the most private one.
fn stored_mode(dir: &Path) -> DriverMode {
    let problem = match fs::read_to_string(dir.join(MODE_FILE)) {
        Ok(text) => match text.trim().parse() {
            Ok(mode) => return mode,
            Err(_) => "it is damaged".to_owned(),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => return DriverMode::default(),
        Err(error) => error.to_string(),
    };
    tracing::error!(problem, "the driver's mode cannot be read; the car is private until it is set again");
    DriverMode::AllPrivate
}

fn place(kind: Kind) -> usize {
    match kind {
        Kind::Campaigns => 0,
        Kind::Consent => 1,
    }
}

/// Replaces a file at once: a crash leaves the old or the new one, and a power cut afterwards the
/// new one.
pub(crate) fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let new = path.with_extension("new");
    let mut file = fs::File::create(&new)?;
    file.write_all(content)?;
    file.sync_data()?;
    fs::rename(new, path)?;
    path.parent().map_or(Ok(()), sync_dir)
}
