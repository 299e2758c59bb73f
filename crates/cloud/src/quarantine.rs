//! Cars whose identity two may have: nobody comes in by it, until somebody who guards identities lifts that.
//!
//! Invariants, as absences: no quarantine is forgotten by a restart; nothing that a car queued is lost by one, since
//! nothing of it is acknowledged; no key that was in quarantine is good again.

use ::audit::{Outcome, Slug};
use identity::clone_watch::Reason;
use model::{Timestamp, VehicleId};
use store::{QuarantineRow, Store};
use tokio::{sync::mpsc, time::Instant};

use crate::{
    audit::{Audit, Named, Record, counted, slug, word},
    desired::Desired,
    errors::chain,
    gateway::Sighting,
    metrics::{Counter, Metrics},
    registry::{Quarantined, Registry, Update},
    task::to_its_end,
};

mod line;

use line::{Line, Waiting};

/// The action as the audit log has it.
const CREATE: &str = "quarantine.create";

/// Why a car is in quarantine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum QuarantineReason {
    /// Somebody put it there.
    ByHand,
    /// The gateway saw it.
    Seen(Reason),
}

impl QuarantineReason {
    pub const ALL: [Self; 5] = [
        Self::ByHand,
        Self::Seen(Reason::SecondConnection),
        Self::Seen(Reason::TwoPlaces),
        Self::Seen(Reason::WentBack),
        Self::Seen(Reason::Forked),
    ];

    pub const fn slug(self) -> &'static str {
        match self {
            Self::ByHand => "by-hand",
            Self::Seen(reason) => reason.slug(),
        }
    }

    /// What a later version wrote stays a quarantine, whatever its reason.
    pub(crate) fn of(slug: &str) -> Self {
        Self::ALL.into_iter().find(|reason| reason.slug() == slug).unwrap_or(Self::ByHand)
    }
}

/// Why it was not lifted.
#[derive(Debug, thiserror::Error)]
pub enum QuarantineError {
    #[error("the car is in no quarantine")]
    None,
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// What lifting it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifted {
    /// Certificates that had not ended.
    pub revoked: usize,
}

/// Puts cars into quarantine, and lets them out. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Quarantine {
    store: Store,
    registry: Registry,
    desired: Desired,
    audit: Audit,
    begun: Counter,
}

impl Quarantine {
    pub fn new(store: Store, registry: Registry, desired: Desired, audit: Audit, metrics: &Metrics) -> Self {
        let help = "Cars that were put into quarantine.";
        let begun = metrics.counter("marque_quarantines_total", help, &[]);
        Self { store, registry, desired, audit, begun }
    }

    /// Puts a car into quarantine. If it is connected, it is sent away. One that is there stays as it is: then it
    /// gives `false`.
    pub async fn put(
        &self,
        vehicle: VehicleId,
        reason: QuarantineReason,
        networks: Option<(String, String)>,
        now: Timestamp,
    ) -> Result<bool, store::Error> {
        let quarantine = self.clone();
        to_its_end(async move {
            quarantine.store.vehicle(vehicle).await?;
            let row = QuarantineRow { vehicle, since: now, reason: reason.slug().to_owned(), networks };
            let mut tx = quarantine.store.begin().await?;
            // A renewal that has begun ends before, or sees it.
            tx.lock_vehicles(&[vehicle]).await?;
            if !tx.add_quarantine(&row).await? {
                return Ok(false);
            }
            let told = quarantine.desired.clone();
            let take_up = move |memory: &mut Update<'_>| {
                memory.quarantine(vehicle, Quarantined { since: now, reason });
                told.hint(vec![vehicle]);
            };
            quarantine.registry.commit(tx, take_up).await?;
            quarantine.begun.add(1);
            tracing::warn!(%vehicle, reason = reason.slug(), "the car's identity is in quarantine");
            Ok(true)
        })
        .await
    }

    /// Lets a car out. Its certificates and its unused credential end: whoever had a copy of its key has nothing, and
    /// the car enrols anew.
    pub async fn lift(&self, vehicle: VehicleId, now: Timestamp) -> Result<Lifted, QuarantineError> {
        let quarantine = self.clone();
        to_its_end(async move {
            let mut tx = quarantine.store.begin().await?;
            tx.lock_vehicles(&[vehicle]).await?;
            if !tx.remove_quarantine(vehicle).await? {
                return Err(QuarantineError::None);
            }
            let ended = tx.revoke_certificates(vehicle, now).await?;
            tx.revoke_credential(vehicle, now).await?;
            let revoked = ended.iter().filter(|certificate| certificate.not_after > now).count();
            let told = quarantine.desired.clone();
            let take_up = move |memory: &mut Update<'_>| {
                memory.put_certificates(&ended);
                memory.release(vehicle);
                told.hint(vec![vehicle]);
            };
            quarantine.registry.commit(tx, take_up).await?;
            tracing::info!(%vehicle, revoked, "the quarantine is lifted");
            Ok(Lifted { revoked })
        })
        .await
    }

    /// Puts the cars into quarantine that the gateway says are two. What the database does not take now, it takes
    /// later, and nobody waits for it meanwhile.
    pub async fn follow_clones(self, mut clones: mpsc::Receiver<Sighting>) {
        let mut line = Line::default();
        loop {
            let due = line.due();
            let turn = async {
                match due {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                seen = clones.recv(), if !line.is_full() => match seen {
                    Some(sighting) => line.push(sighting, Instant::now()),
                    None => return,
                },
                () = turn => {
                    let Some(mut waiting) = line.pop(Instant::now()) else { continue };
                    if !self.saw_clone(&mut waiting).await {
                        line.again(waiting, Instant::now());
                    }
                }
            }
        }
    }

    /// Whether that is over: the quarantine is on disk, or never will be. A car that is there already leaves no trace.
    async fn saw_clone(&self, waiting: &mut Waiting) -> bool {
        let Sighting { vehicle, at, reason, networks, .. } = waiting.sighting;
        if !waiting.is_begun {
            if self.registry.quarantined(vehicle).is_some() {
                return true;
            }
            self.record(&waiting.sighting, (CREATE, Outcome::Allowed, slug("begun"))).await;
            waiting.is_begun = true;
        }
        let networks = networks.map(|(one, other)| (one.to_string(), other.to_string()));
        let put = self.put(vehicle, QuarantineReason::Seen(reason), networks, at).await;
        let (outcome, why) = match &put {
            Ok(true) => (Outcome::Allowed, reason.slug()),
            // Somebody put it there by hand meanwhile.
            Ok(false) => (Outcome::Failed, "conflict"),
            Err(store::Error::NotFound { .. }) => (Outcome::Failed, "not-found"),
            Err(error) => {
                tracing::error!(error = %chain(error), %vehicle, "a car could not be put into quarantine; tried again");
                return false;
            }
        };
        self.record(&waiting.sighting, (CREATE, outcome, slug(why))).await;
        true
    }

    /// Records what the gateway takes for a suspicion.
    pub async fn suspects(&self, sighting: &Sighting) {
        let Sighting { vehicle, reason, .. } = sighting;
        let (action, outcome) = match sighting.networks {
            Some(_) => ("link.connect", Outcome::Denied),
            None => ("link.publish", Outcome::Allowed),
        };
        self.record(sighting, (action, outcome, counted(reason.slug(), sighting.count))).await;
        tracing::info!(%vehicle, reason = reason.slug(), "a car does what one car rarely does");
    }

    /// A log that takes nothing keeps no clone out of quarantine.
    async fn record(&self, sighting: &Sighting, what: (&'static str, Outcome, Slug)) {
        if let Err(error) = self.audit.record(self.entry(sighting, what)).await {
            let (vehicle, reason) = (sighting.vehicle, sighting.reason.slug());
            tracing::error!(error = %chain(&error), %vehicle, reason, "what the gateway saw is not in the audit log");
        }
    }

    /// The gateway acts by itself; where the other connection came from says most.
    fn entry(&self, sighting: &Sighting, (action, outcome, reason): (&'static str, Outcome, Slug)) -> Record {
        let car = self.registry.car(sighting.vehicle);
        Record {
            at: sighting.at,
            actor: (slug("platform"), Named::Plain(word("gateway"))),
            action: slug(action),
            resource: (slug("vehicle"), Named::Committed(word(&sighting.vehicle.to_string()))),
            subject: car.as_ref().map(|car| car.subject),
            brand: car.as_ref().map(|car| car.brand),
            purpose: None,
            outcome,
            reason: Some(reason),
            request: None,
            address: sighting.networks.and_then(|(_, other)| other.to_string().parse().ok()),
        }
    }
}

#[cfg(test)]
mod tests;
