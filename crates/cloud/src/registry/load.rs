//! Reading the registry from SQL at start.

use std::{collections::HashMap, sync::Arc};

use identity::Brands;
use model::{Timestamp, VehicleId};
use store::{Cursor, Store, VehicleFilter};

use super::{Car, KnownCampaign, Quarantined, State};
use crate::quarantine::QuarantineReason;

/// Rows read at a time.
const PAGE: u32 = 5_000;

pub(super) async fn state(store: &Store, now: Timestamp) -> Result<State, store::Error> {
    let mut state = State::default();
    certificates(store, now, &mut state).await?;
    campaigns(store, &mut state).await?;
    cars(store, &mut state).await?;
    for row in store.all_quarantines().await? {
        let known = Quarantined { since: row.since, reason: QuarantineReason::of(&row.reason) };
        state.quarantined.insert(row.vehicle, known);
    }
    Ok(state)
}

async fn certificates(store: &Store, now: Timestamp, state: &mut State) -> Result<(), store::Error> {
    let mut after = String::new();
    loop {
        let page = store.unexpired_certificates(now, &after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after.clone_from(&last.fingerprint);
        state.put_certificates(&page);
    }
}

async fn campaigns(store: &Store, state: &mut State) -> Result<(), store::Error> {
    let mut cursor: Option<Cursor> = None;
    loop {
        let page = store.campaigns(None, cursor.as_ref(), PAGE).await?;
        for row in page.items {
            let brands =
                Brands::new(row.brands).map_err(|_| store::Error::Corrupt { column: "brands".to_owned() })?;
            let (id, version, purpose) = (row.id, row.version, row.purpose);
            state.campaigns.insert(id, KnownCampaign { id, version, purpose, brands });
        }
        match page.next {
            Some(next) => cursor = Some(next),
            None => return Ok(()),
        }
    }
}

async fn cars(store: &Store, state: &mut State) -> Result<(), store::Error> {
    let mut owners = HashMap::new();
    let mut after = None;
    loop {
        let page = store.all_grants(after, PAGE).await?;
        let Some((last, _)) = page.last() else { break };
        after = Some(last.subject);
        let known = page.into_iter().map(|(owner, grants)| (owner.vehicle, (owner, Arc::new(grants))));
        owners.extend(known);
    }
    let mut names: HashMap<String, Arc<str>> = HashMap::new();
    let mut shared = |text: String| Arc::clone(names.entry(text.clone()).or_insert_with(|| text.into()));
    let mut cursor: Option<Cursor> = None;
    loop {
        let page = store.vehicles(&VehicleFilter::default(), cursor.as_ref(), PAGE).await?;
        let ids: Vec<VehicleId> = page.items.iter().map(|vehicle| vehicle.vehicle).collect();
        let mut campaigns: HashMap<_, _> =
            store.begin().await?.campaigns_ever_of(&ids).await?.into_iter().collect();
        for vehicle in page.items {
            // Every vehicle has an owner from its registration on.
            let Some((owner, grants)) = owners.remove(&vehicle.vehicle) else { continue };
            state.put(Car {
                vehicle: vehicle.vehicle,
                subject: owner.subject,
                first_epoch: owner.first_epoch,
                brand: vehicle.brand,
                model: shared(vehicle.model),
                model_year: vehicle.model_year,
                architecture: shared(vehicle.architecture),
                campaigns: campaigns.remove(&vehicle.vehicle).unwrap_or_default().into(),
                grants,
            });
        }
        match page.next {
            Some(next) => cursor = Some(next),
            None => return Ok(()),
        }
    }
}
