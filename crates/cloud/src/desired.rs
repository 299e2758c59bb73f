//! What the platform wants of cars: signed envelopes, by kind, written in the transaction that changes what
//! they say. Cars are told that something is newer, and fetch it.
//!
//! A change that has begun runs to its end whatever becomes of the request for it: SQL, the registry in memory
//! and the cars never hear different things.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use campaigns::Campaign;
use consent::Grants;
use identity::Brands;
use model::{CampaignId, CampaignVersion, ConsentEpoch, Micros, Timestamp, VehicleId};
use store::{AccessNoticeRow, NewDesired, ReportedRow, Selector, Store, Transaction};
use tokio::sync::broadcast;
use wire::{AccessNotice, AccessNoticeKind, ConsentDocument, Envelope, Fetch, Kind, Report, topic::Topic};

use crate::{
    catalogues::Catalogues,
    documents::CampaignDocument,
    pki::Pki,
    registry::{KnownCampaign, Registry, Update},
    task::to_its_end,
    words::PlaceError,
};

/// A car may be in a garage for a winter and fetch nothing; what it has then must still hold.
const VALIDITY: Micros = Micros(2 * 365 * Micros::DAY.0);
/// Clocks of cars may be this far behind.
const BACKDATE: Micros = Micros::HOUR;
/// How the store spells the notice in a car that somebody asked for its release.
pub(crate) const RELEASE_REQUESTED: &str = "release";
/// Hints that a gateway may fall behind before it hints every car.
const HINTS_MAX: usize = 256;

/// Why a change of desired state did not happen. Nothing of it has.
#[derive(Debug, thiserror::Error)]
pub enum DesiredError {
    #[error(transparent)]
    Store(#[from] store::Error),
    #[error("the campaign cannot be used as it is written")]
    Campaign(Vec<PlaceError>),
    #[error("the stored campaign {0} cannot be read any more; give it a new document")]
    Stored(CampaignId),
    #[error("the envelope cannot be made")]
    Envelope(#[from] wire::EnvelopeError),
}

/// What assigning a campaign, or taking vehicles out of one, did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// Vehicles that the selector matches.
    pub matched: u64,
    /// Of these, vehicles for which it made a difference.
    pub changed: u64,
}

/// Changes desired state and hands it out. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Desired(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    store: Store,
    registry: Registry,
    catalogues: Catalogues,
    pki: Arc<Pki>,
    hints: broadcast::Sender<Arc<[VehicleId]>>,
}

impl Desired {
    pub fn new(store: Store, registry: Registry, catalogues: Catalogues, pki: Arc<Pki>) -> Self {
        let (hints, _) = broadcast::channel(HINTS_MAX);
        Self(Arc::new(Shared { store, registry, catalogues, pki, hints }))
    }

    /// Cars for which something newer exists. Who falls behind hints every car.
    pub fn hints(&self) -> broadcast::Receiver<Arc<[VehicleId]>> {
        self.0.hints.subscribe()
    }

    /// What is newer than what the car has, with the topics that it goes to.
    pub async fn newer(
        &self,
        vehicle: VehicleId,
        fetch: &Fetch,
    ) -> Result<Vec<(Topic, Vec<u8>)>, store::Error> {
        let mut envelopes = Vec::new();
        for kind in Kind::ALL {
            let have = fetch.have.iter().find(|(have, _)| *have == kind).map_or(0, |(_, version)| *version);
            if let Some((version, envelope)) = self.0.store.desired_envelope(vehicle, kind.slug()).await?
                && version > have
            {
                envelopes.push((Topic::Down(kind), envelope));
            }
        }
        if let Some(newest) = fetch.access {
            let kept = u32::try_from(wire::ACCESS_NOTICES_MAX).unwrap_or(u32::MAX);
            let notices = self.0.store.access_notices(vehicle, newest, kept).await?;
            let known: Vec<AccessNotice> = notices.iter().filter_map(access_notice).collect();
            if !known.is_empty() {
                envelopes.push((Topic::Access, wire::encode_access_notices(&known)));
            }
        }
        Ok(envelopes)
    }

    /// Keeps what a car says about itself.
    pub async fn report(
        &self,
        vehicle: VehicleId,
        report: Report,
        now: Timestamp,
    ) -> Result<(), store::Error> {
        let bytes = wire::encode_report(&report);
        let applied: Vec<ReportedRow> = report
            .applied
            .into_iter()
            .map(|applied| ReportedRow {
                kind: applied.kind.slug().to_owned(),
                version: applied.version,
                problem: applied.error,
                reported_at: now,
            })
            .collect();
        let mut tx = self.0.store.begin().await?;
        tx.put_report(vehicle, &applied, &bytes, now).await?;
        tx.commit().await
    }

    /// Creates a campaign for cars of these brands. No car has it before it is assigned.
    pub async fn create_campaign(
        &self,
        document: &CampaignDocument,
        brands: Brands,
        now: Timestamp,
    ) -> Result<CampaignId, DesiredError> {
        // The number is not drawn yet; the check needs only some number.
        self.check(CampaignId(0), CampaignVersion(1), document)?;
        let (desired, document) = (self.clone(), document.clone());
        to_its_end(async move {
            let mut tx = desired.0.store.begin().await?;
            let slugs: Vec<_> = brands.iter().collect();
            let id = tx.add_campaign(&document.to_row(), &slugs, now).await?;
            let (version, purpose) = (CampaignVersion(1), document.purpose.0);
            let known = KnownCampaign { id, version, purpose, brands };
            desired.0.registry.commit(tx, move |memory| memory.put_campaign(known)).await?;
            tracing::info!(campaign = %id, "campaign created");
            Ok(id)
        })
        .await
    }

    /// Gives a campaign a new document, and every car that has it a new envelope. Its purpose stays: cars have
    /// batches in their queues that name it. Its brands stay: who writes it answers for all of them.
    pub async fn change_campaign(
        &self,
        known: KnownCampaign,
        expected: CampaignVersion,
        document: &CampaignDocument,
        now: Timestamp,
    ) -> Result<CampaignVersion, DesiredError> {
        let KnownCampaign { id, purpose, brands, .. } = known;
        self.check(id, expected, document)?;
        if document.purpose.0 != purpose {
            let detail = format!("a campaign keeps its purpose, here `{purpose}`; create another campaign");
            return Err(DesiredError::Campaign(vec![PlaceError::new("purpose", detail)]));
        }
        if !document.brands.is_empty()
            && document.brands.iter().map(|brand| brand.0).collect::<BTreeSet<_>>() != brands.iter().collect()
        {
            let detail = format!("a campaign keeps its brands, here {brands:?}; create another campaign");
            return Err(DesiredError::Campaign(vec![PlaceError::new("brands", detail)]));
        }
        let (desired, document) = (self.clone(), document.clone());
        to_its_end(async move {
            let mut tx = desired.0.store.begin().await?;
            let version = tx.change_campaign(id, expected, &document.to_row(), now).await?;
            let vehicles = tx.assigned_vehicles(id).await?;
            desired.write_campaigns(&mut tx, &vehicles, now).await?;
            tracing::info!(campaign = %id, version = version.0, vehicles = vehicles.len(), "changing a campaign");
            let known = KnownCampaign { version, ..known };
            let told = desired.clone();
            let take_up = move |memory: &mut Update<'_>| {
                memory.put_campaign(known);
                told.hint(vehicles);
            };
            desired.0.registry.commit(tx, take_up).await?;
            Ok(version)
        })
        .await
    }

    /// Assigns a campaign to all cars that the selector matches. A fleet may take longer than a request may.
    pub async fn assign_campaign(
        &self,
        id: CampaignId,
        selector: &Selector,
        now: Timestamp,
    ) -> Result<Change, DesiredError> {
        let (desired, selector) = (self.clone(), selector.clone());
        to_its_end(async move {
            let mut tx = desired.0.store.begin().await?;
            let assignment = tx.assign(id, &selector, now).await?;
            desired.write_campaigns(&mut tx, &assignment.added, now).await?;
            let added = u64::try_from(assignment.added.len()).unwrap_or(u64::MAX);
            tracing::info!(campaign = %id, matched = assignment.matched, added, "assigning a campaign");
            let told = desired.clone();
            let take_up = move |memory: &mut Update<'_>| {
                memory.assign(id, &assignment.added);
                told.hint(assignment.added);
            };
            desired.0.registry.commit(tx, take_up).await?;
            Ok(Change { matched: assignment.matched, changed: added })
        })
        .await
    }

    /// Takes all cars that the selector matches out of a campaign. What they collected before is still taken.
    pub async fn unassign_campaign(
        &self,
        id: CampaignId,
        selector: &Selector,
        now: Timestamp,
    ) -> Result<Change, DesiredError> {
        let (desired, selector) = (self.clone(), selector.clone());
        to_its_end(async move {
            let mut tx = desired.0.store.begin().await?;
            let taken = tx.unassign(id, &selector, now).await?;
            let removed = u64::try_from(taken.removed.len()).unwrap_or(u64::MAX);
            tracing::info!(campaign = %id, matched = taken.matched, removed, "taking vehicles out of a campaign");
            desired.withdraw(tx, id, taken.removed, now).await?;
            Ok(Change { matched: taken.matched, changed: removed })
        })
        .await
    }

    /// Ends a campaign for good: no car collects for it any more. What they collected before is still taken.
    pub async fn end_campaign(&self, id: CampaignId, now: Timestamp) -> Result<(), DesiredError> {
        let desired = self.clone();
        to_its_end(async move {
            let mut tx = desired.0.store.begin().await?;
            let vehicles = tx.end_campaign(id, now).await?;
            tracing::info!(campaign = %id, vehicles = vehicles.len(), "ending a campaign");
            desired.withdraw(tx, id, vehicles, now).await
        })
        .await
    }

    /// Tells cars that they have a campaign no more.
    async fn withdraw(
        &self,
        mut tx: Transaction,
        id: CampaignId,
        vehicles: Vec<VehicleId>,
        now: Timestamp,
    ) -> Result<(), DesiredError> {
        self.write_campaigns(&mut tx, &vehicles, now).await?;
        let told = self.clone();
        let take_up = move |memory: &mut Update<'_>| {
            memory.unassign(id, &vehicles, now);
            told.hint(vehicles);
        };
        Ok(self.0.registry.commit(tx, take_up).await?)
    }

    /// Stores grants that are one epoch above the stored ones, and tells the car.
    pub async fn put_grants(
        &self,
        vehicle: VehicleId,
        grants: Grants,
        now: Timestamp,
    ) -> Result<(), DesiredError> {
        let desired = self.clone();
        to_its_end(async move {
            let store::Subject { subject, first_epoch, .. } =
                desired.0.store.current_subject(vehicle).await?;
            let mut tx = desired.0.store.begin().await?;
            tx.put_grants(&[(subject, grants.clone())]).await?;
            desired.write_consent(&mut tx, &[(vehicle, grants.clone(), first_epoch)], now).await?;
            let told = desired.clone();
            let take_up = move |memory: &mut Update<'_>| {
                memory.put_grants(vehicle, grants);
                told.hint(vec![vehicle]);
            };
            Ok(desired.0.registry.commit(tx, take_up).await?)
        })
        .await
    }

    /// Writes what owners granted, with each one's first epoch, into the cars' envelopes, in the caller's
    /// transaction.
    pub(crate) async fn write_consent(
        &self,
        tx: &mut Transaction,
        grants: &[(VehicleId, Grants, ConsentEpoch)],
        now: Timestamp,
    ) -> Result<(), DesiredError> {
        let jurisdiction = self.0.registry.jurisdiction();
        let payloads = grants.iter().map(|(vehicle, grants, first_epoch)| {
            let document =
                ConsentDocument { grants: grants.clone(), jurisdiction, first_epoch: *first_epoch };
            (*vehicle, wire::encode_consent(&document))
        });
        self.write(tx, Kind::Consent, payloads.collect(), now).await
    }

    /// Tells cars that something newer exists.
    pub(crate) fn hint(&self, vehicles: Vec<VehicleId>) {
        if !vehicles.is_empty() {
            // No gateway may be listening yet; cars fetch when they connect.
            drop(self.0.hints.send(vehicles.into()));
        }
    }

    fn check(
        &self,
        id: CampaignId,
        version: CampaignVersion,
        document: &CampaignDocument,
    ) -> Result<Campaign, DesiredError> {
        document.to_campaign(id, version, &self.0.catalogues.all()).map_err(DesiredError::Campaign)
    }

    /// Writes the cars' campaigns into their envelopes, also that there is none any more. Cars with the same
    /// campaigns share the payload.
    async fn write_campaigns(
        &self,
        tx: &mut Transaction,
        vehicles: &[VehicleId],
        now: Timestamp,
    ) -> Result<(), DesiredError> {
        let sets: HashMap<_, _> = tx.campaigns_of(vehicles).await?.into_iter().collect();
        let mut ids: Vec<CampaignId> = sets.values().flatten().copied().collect();
        ids.sort_unstable();
        ids.dedup();
        let mut documents = HashMap::new();
        for (id, version, text) in tx.campaign_documents(&ids).await? {
            let document = CampaignDocument::from_text(&text).ok_or(DesiredError::Stored(id))?;
            documents.insert(id, self.check(id, version, &document).map_err(|_| DesiredError::Stored(id))?);
        }
        let mut encoded: HashMap<&[CampaignId], Vec<u8>> = HashMap::new();
        let mut payloads = Vec::with_capacity(vehicles.len());
        for vehicle in vehicles {
            let ids = sets.get(vehicle).map_or(&[][..], Vec::as_slice);
            let payload = encoded.entry(ids).or_insert_with(|| {
                let campaigns: Vec<Campaign> =
                    ids.iter().filter_map(|id| documents.get(id).cloned()).collect();
                wire::encode_campaigns(&campaigns)
            });
            payloads.push((*vehicle, payload.clone()));
        }
        self.write(tx, Kind::Campaigns, payloads, now).await
    }

    async fn write(
        &self,
        tx: &mut Transaction,
        kind: Kind,
        payloads: Vec<(VehicleId, Vec<u8>)>,
        now: Timestamp,
    ) -> Result<(), DesiredError> {
        let vehicles: Vec<VehicleId> = payloads.iter().map(|(vehicle, _)| *vehicle).collect();
        let versions = tx.desired_versions(kind.slug(), &vehicles).await?;
        let envelopes: Vec<Envelope> = payloads
            .into_iter()
            .map(|(vehicle, payload)| Envelope {
                kind,
                vehicle,
                version: versions.get(&vehicle).copied().unwrap_or(0) + 1,
                not_before: now - BACKDATE,
                expires: now + VALIDITY,
                payload,
            })
            .collect();
        let signed = sign(Arc::clone(&self.0.pki), envelopes).await?;
        Ok(tx.put_desired(kind.slug(), &signed, now).await?)
    }
}

/// One of a kind that this release does not know is not sent.
fn access_notice(row: &AccessNoticeRow) -> Option<AccessNotice> {
    let kind = match row.kind.as_str() {
        RELEASE_REQUESTED => AccessNoticeKind::ReleaseRequested,
        got => AccessNoticeKind::Got(got.parse().ok()?),
    };
    Some(AccessNotice { number: row.number, kind, at: row.at })
}

/// A signature takes some 20 µs, a fleet's a second: not on a thread that serves others.
async fn sign(pki: Arc<Pki>, envelopes: Vec<Envelope>) -> Result<Vec<NewDesired>, wire::EnvelopeError> {
    let work = move || {
        let sign = |envelope: Envelope| {
            let bytes = pki.desired_key().sign(&envelope)?;
            Ok(NewDesired { vehicle: envelope.vehicle, version: envelope.version, envelope: bytes })
        };
        envelopes.into_iter().map(sign).collect()
    };
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
}

#[cfg(test)]
mod tests;
