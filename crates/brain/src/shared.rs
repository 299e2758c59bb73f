//! What the cars of one process share, so that ten thousand of them cost little more than one.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use campaigns::{Campaign, Plan, RowGroup};
use model::CampaignId;
use signals::Catalogue;
use wire::{BatchMeta, Encoder};

use crate::Stats;

/// Plans kept for other cars; more kinds of campaign sets are made anew for each car.
const PLANS_MAX: usize = 64;

/// Encoders, plans and counters. A real car has one of its own.
#[derive(Debug, Default)]
pub struct Shared {
    pub stats: Stats,
    /// As many as cars that ever encoded at the same time, thus about one a thread.
    encoders: Mutex<Vec<Encoder>>,
    plans: Mutex<Vec<KnownPlan>>,
}

#[derive(Debug)]
struct KnownPlan {
    document: Vec<u8>,
    plan: Weak<Plan>,
}

impl Shared {
    /// Encodes with an encoder that some other car may have used before.
    pub(crate) fn encode(
        &self,
        meta: &BatchMeta,
        groups: &[RowGroup],
        catalogue: &Catalogue,
    ) -> Result<Vec<u8>, wire::Error> {
        let pooled = self.encoders.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut encoder = pooled.unwrap_or_default();
        let encoded = encoder.encode(meta, groups, catalogue);
        self.encoders.lock().unwrap_or_else(PoisonError::into_inner).push(encoder);
        encoded
    }

    /// The plan of a campaigns document, and the campaigns that cannot be used. Cars with the same
    /// document and catalogue get the same plan.
    pub(crate) fn plan(
        &self,
        document: &[u8],
        campaigns: Vec<Campaign>,
        catalogue: &Arc<Catalogue>,
    ) -> (Arc<Plan>, Vec<(CampaignId, campaigns::Error)>) {
        let mut plans = self.plans.lock().unwrap_or_else(PoisonError::into_inner);
        plans.retain(|known| known.plan.strong_count() > 0);
        let known = plans.iter().filter(|known| known.document == document);
        let mut known = known.filter_map(|known| known.plan.upgrade());
        if let Some(plan) = known.find(|plan| plan.catalogue().hash() == catalogue.hash()) {
            return (plan, Vec::new());
        }
        let (plan, refused) = Plan::new(campaigns, catalogue);
        let plan = Arc::new(plan);
        // A document with bad campaigns is told about by each car, so it is read by each car.
        if refused.is_empty() && plans.len() < PLANS_MAX {
            plans.push(KnownPlan { document: document.to_vec(), plan: Arc::downgrade(&plan) });
        }
        (plan, refused)
    }
}
