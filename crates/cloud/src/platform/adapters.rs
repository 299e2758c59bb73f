//! Between the parts: what the gateway asks, and what it is told.

use std::{
    fmt::Write,
    sync::{Arc, Weak},
};

use bytes::Bytes;
use lake::log::{BoxFuture, DurableLog, LogError};
use model::{CampaignId, CatalogueHash, SubjectId, Timestamp, VehicleId};
use tokio::{
    sync::{broadcast, mpsc},
    task::JoinSet,
};
use wire::{Fetch, LinkCode, Notice, Report, topic::Topic};

use crate::{
    catalogues::Catalogues,
    clock::Clock,
    desired::Desired,
    gateway::{
        self, Admission, Assignment, Change, Connectivity, Credentials, Denial, Gateway, Sighting,
        Unavailable,
    },
    http::Probe,
    owner::Owner,
    ownership::Ownership,
    presence::Presence,
    quarantine::Quarantine,
    registry::{KnownCampaign, Refusal, Registry},
};

/// Answers the gateway from memory.
#[derive(Debug)]
pub(super) struct Admissions {
    registry: Registry,
    catalogues: Catalogues,
    clock: Clock,
}

impl Admissions {
    pub(super) fn new(registry: Registry, catalogues: Catalogues, clock: Clock) -> Self {
        Self { registry, catalogues, clock }
    }

    fn decide(&self, who: &Credentials) -> Result<Admission, Denial> {
        // Only the benches' listener has no certificates; the platform does not open it.
        let certificate = who.certificate.as_ref().ok_or(Denial::UnknownCertificate)?;
        if certificate.region != *self.registry.region() {
            return Err(Denial::UnknownVehicle);
        }
        let admitted = self.registry.admit(who.vehicle, &certificate.fingerprint.0, self.clock.now());
        let admitted = admitted.map_err(|refusal| match refusal {
            Refusal::UnknownVehicle => Denial::UnknownVehicle,
            Refusal::UnknownCertificate => Denial::UnknownCertificate,
            Refusal::Expired => Denial::Expired,
            Refusal::Revoked => Denial::Revoked,
            Refusal::Quarantined => Denial::Quarantined,
        })?;
        let assignment = |(known, ended_at): (KnownCampaign, Option<Timestamp>)| Assignment {
            campaign: known.id,
            version: known.version,
            purpose: known.purpose,
            ended_at,
        };
        Ok(Admission {
            subject: admitted.car.subject,
            brand: admitted.car.brand,
            first_epoch: admitted.car.first_epoch,
            campaigns: admitted.campaigns.into_iter().map(assignment).collect(),
            until: Some(admitted.until),
        })
    }
}

impl gateway::Registry for Admissions {
    fn admit(&self, who: Credentials) -> BoxFuture<'static, Result<Admission, Denial>> {
        let decided = self.decide(&who);
        Box::pin(std::future::ready(decided))
    }

    fn knows_catalogue(&self, catalogue: CatalogueHash) -> bool {
        self.catalogues.get(catalogue).is_some()
    }

    fn knows_campaign(&self, campaign: CampaignId) -> bool {
        self.registry.campaign(campaign).is_some()
    }
}

/// Hands out desired state.
#[derive(Debug)]
pub(super) struct Envelopes(pub(super) Desired);

impl gateway::Desired for Envelopes {
    fn newer(
        &self,
        vehicle: VehicleId,
        have: Fetch,
    ) -> BoxFuture<'static, Result<Vec<(Topic, Bytes)>, Unavailable>> {
        let desired = self.0.clone();
        Box::pin(async move {
            let newer = desired.newer(vehicle, &have).await.map_err(unavailable)?;
            Ok(newer.into_iter().map(|(topic, payload)| (topic, Bytes::from(payload))).collect())
        })
    }
}

/// Keeps reports, and the codes that cars show.
#[derive(Debug)]
pub(super) struct Reports {
    pub(super) desired: Desired,
    pub(super) ownership: Ownership,
}

impl gateway::Reports for Reports {
    fn report(
        &self,
        vehicle: VehicleId,
        at: Timestamp,
        report: Report,
    ) -> BoxFuture<'static, Result<(), Unavailable>> {
        let desired = self.desired.clone();
        Box::pin(async move { desired.report(vehicle, report, at).await.map_err(unavailable) })
    }

    fn shows_code(
        &self,
        vehicle: VehicleId,
        at: Timestamp,
        code: LinkCode,
    ) -> BoxFuture<'static, Result<(), Unavailable>> {
        let ownership = self.ownership.clone();
        Box::pin(async move { ownership.shows_code(vehicle, code, at).await.map_err(unavailable) })
    }
}

fn unavailable(error: store::Error) -> Unavailable {
    tracing::error!(%error, "the store does not answer the gateway");
    Unavailable("the platform's database does not answer".to_owned())
}

/// What the gateway tells the rest.
pub(super) struct Told {
    pub(super) connectivity: mpsc::Receiver<Connectivity>,
    pub(super) clones: mpsc::Receiver<Sighting>,
    pub(super) suspicions: mpsc::Receiver<Sighting>,
}

/// What runs between the gateway and the rest for as long as the platform does.
pub(super) fn follow_gateway(
    Told { connectivity, clones, suspicions }: Told,
    (presence, quarantine): (Presence, Quarantine),
    (hints, notices): (broadcast::Receiver<Arc<[VehicleId]>>, mpsc::Receiver<(SubjectId, Notice)>),
    registry: &Registry,
    gateway: &Arc<Gateway>,
) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    tasks.spawn(follow_connectivity(connectivity, presence));
    tasks.spawn(quarantine.clone().follow_clones(clones));
    tasks.spawn(follow_suspicions(suspicions, quarantine));
    tasks.spawn(follow_hints(hints, registry.clone(), Arc::clone(gateway)));
    tasks.spawn(follow_notices(notices, registry.clone(), Arc::clone(gateway)));
    tasks
}

/// Takes the gateway's word of who came and went.
async fn follow_connectivity(mut changes: mpsc::Receiver<Connectivity>, presence: Presence) {
    while let Some(Connectivity { vehicle, at, change }) = changes.recv().await {
        match change {
            Change::Connected => presence.connected(vehicle, at),
            Change::Disconnected { .. } => presence.disconnected(vehicle, at),
        }
    }
}

/// Tells cars that something newer exists, and the gateway that it may know them otherwise than they are.
async fn follow_hints(
    mut hints: broadcast::Receiver<Arc<[VehicleId]>>,
    registry: Registry,
    gateway: Arc<Gateway>,
) {
    /// Cars looked at between two chances for others to run.
    const STRIDE: usize = 1_024;
    loop {
        match hints.recv().await {
            Ok(vehicles) => {
                for some in vehicles.chunks(STRIDE) {
                    some.iter().for_each(|vehicle| tell(&gateway, *vehicle));
                    tokio::task::yield_now().await;
                }
            }
            Err(broadcast::error::RecvError::Lagged(_)) => {
                let mut after = None;
                loop {
                    let cars = registry.cars_after(after, STRIDE);
                    let Some(last) = cars.last() else { break };
                    after = Some(last.vehicle);
                    cars.iter().for_each(|car| tell(&gateway, car.vehicle));
                    tokio::task::yield_now().await;
                }
            }
            Err(broadcast::error::RecvError::Closed) => return,
        }
    }
}

fn tell(gateway: &Gateway, vehicle: VehicleId) {
    gateway.changed(vehicle);
    gateway.hint(vehicle);
}

/// Takes the gateway's word of what looks as if two cars had one identity.
async fn follow_suspicions(mut suspicions: mpsc::Receiver<Sighting>, quarantine: Quarantine) {
    while let Some(sighting) = suspicions.recv().await {
        quarantine.suspects(&sighting).await;
    }
}

/// Sends what the owner found wrong back to the cars.
async fn follow_notices(
    mut notices: mpsc::Receiver<(SubjectId, Notice)>,
    registry: Registry,
    gateway: Arc<Gateway>,
) {
    while let Some((subject, notice)) = notices.recv().await {
        // A car that was sold meanwhile need not hear of it.
        if let Some(car) = registry.car_of(subject) {
            gateway.notice(car.vehicle, Bytes::from(wire::encode_notice(&notice)));
        }
    }
}

/// Whether the log takes batches. One that waits for space does so again by itself, and people need the API to
/// see to it; one whose disk did not confirm a write never does, and the platform ends.
pub(super) fn log_probe(log: &Arc<dyn DurableLog>) -> Probe {
    // Weak, so that a stop is not held up by who asks how things are.
    let (checked, counted) = (Arc::downgrade(log), Arc::downgrade(log));
    let state = |log: &Weak<dyn DurableLog>| log.upgrade().map_or(Err(LogError::Closed), |log| log.state());
    Probe {
        name: "log",
        check: Box::new(move || log_check(state(&checked))),
        metrics: Box::new(move || log_metrics(&state(&counted))),
    }
}

fn log_check(state: Result<(), LogError>) -> Result<(), String> {
    match state {
        Ok(()) | Err(LogError::NoSpace { .. }) => Ok(()),
        // The error names files; what is open to everybody does not.
        Err(LogError::SyncFailed { .. }) => {
            Err("the disk of the durable log did not confirm a write, and the log takes \
             nothing more: check the disk, then restart"
                .to_owned())
        }
        Err(
            LogError::Full { .. }
            | LogError::Io { .. }
            | LogError::Damaged { .. }
            | LogError::Trimmed { .. }
            | LogError::NoSuchShard { .. }
            | LogError::InUse { .. }
            | LogError::TooLarge { .. }
            | LogError::Closed,
        ) => Err("the durable log has stopped; the program's log has the reason".to_owned()),
    }
}

fn log_metrics(state: &Result<(), LogError>) -> String {
    let waits = u8::from(matches!(state, Err(LogError::NoSpace { .. })));
    format!("# TYPE marque_log_waits_for_space gauge\nmarque_log_waits_for_space {waits}\n")
}

/// The gateway's counters in Prometheus' text format.
pub(super) fn gateway_metrics(gateway: &Gateway) -> String {
    let mut text = String::new();
    gateway.metrics().render(&mut text).expect("writing to a string does not fail");
    text
}

/// The owner's counters in Prometheus' text format.
pub(super) fn owner_metrics(owner: &Owner) -> String {
    let (counts, status) = (owner.twins().counts(), owner.status());
    let counters = [
        ("marque_owner_batches_total", counts.batches),
        ("marque_owner_samples_total", counts.samples),
        ("marque_owner_duplicate_batches_total", counts.duplicate_batches),
        ("marque_owner_missing_batches_total", counts.missing_batches),
        ("marque_owner_dropped_batches_total", counts.dropped_batches),
        ("marque_owner_bad_columns_total", counts.bad_columns),
        ("marque_owner_bad_batches_total", counts.bad_batches),
    ];
    let gauges = [
        ("marque_log_end_offset", status.end.0),
        ("marque_owner_applied_offset", status.applied.0),
        ("marque_owner_flushed_offset", status.flushed.0),
        ("marque_owner_committed_offset", status.committed.0),
        ("marque_lake_buffered_samples", status.buffered_samples),
        ("marque_lake_buffered_bytes", u64::try_from(status.buffered_bytes).unwrap_or(u64::MAX)),
    ];
    let mut text = String::new();
    for (kind, metrics) in [("counter", &counters[..]), ("gauge", &gauges[..])] {
        for (name, value) in metrics {
            writeln!(text, "# TYPE {name} {kind}\n{name} {value}")
                .expect("writing to a string does not fail");
        }
    }
    text
}

#[cfg(test)]
mod tests;
