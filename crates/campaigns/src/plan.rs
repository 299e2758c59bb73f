//! Campaigns resolved against a catalogue: what cars with the same campaigns share.

use std::{ops::Range, sync::Arc};

use model::{CampaignId, Lane, Micros, Purpose};
use signals::{Catalogue, Leaf, SignalId};

use crate::{Campaign, Error, How};

/// Immutable; share one behind an [`Arc`] among all cars that have the same campaigns.
#[derive(Debug)]
pub struct Plan {
    pub(crate) campaigns: Vec<Campaign>,
    pub(crate) streams: Vec<StreamPlan>,
    pub(crate) groups: Vec<GroupPlan>,
    pub(crate) slots: Vec<SlotPlan>,
    /// Sorted; parallel to `route_ranges`.
    route_signals: Vec<SignalId>,
    route_ranges: Vec<Range<usize>>,
    /// Slots by signal.
    pub(crate) routes: Vec<usize>,
    pub(crate) catalogue: Arc<Catalogue>,
}

/// What leaves in one batch: the groups of a campaign that share a lane.
#[derive(Debug)]
pub(crate) struct StreamPlan {
    pub(crate) campaign: usize,
    pub(crate) lane: Lane,
    pub(crate) groups: Vec<usize>,
    pub(crate) flush_every: Micros,
    /// The shortest period among its groups, if any has one.
    pub(crate) period_min: Option<Micros>,
}

#[derive(Debug)]
pub(crate) struct GroupPlan {
    pub(crate) stream: usize,
    pub(crate) how: How,
    pub(crate) slots: Range<usize>,
}

/// A signal in a group.
#[derive(Debug)]
pub(crate) struct SlotPlan {
    pub(crate) group: usize,
    pub(crate) leaf: Arc<Leaf>,
    pub(crate) purpose: Purpose,
}

impl Plan {
    /// Leaves out campaigns that cannot be used and says why, so that one bad campaign costs only
    /// itself.
    pub fn new(campaigns: Vec<Campaign>, catalogue: &Arc<Catalogue>) -> (Self, Vec<(CampaignId, Error)>) {
        let mut plan = Self {
            campaigns: Vec::new(),
            streams: Vec::new(),
            groups: Vec::new(),
            slots: Vec::new(),
            route_signals: Vec::new(),
            route_ranges: Vec::new(),
            routes: Vec::new(),
            catalogue: Arc::clone(catalogue),
        };
        let mut refused = Vec::new();
        for campaign in campaigns {
            match campaign.validate(catalogue) {
                Ok(()) => plan.add(campaign, catalogue),
                Err(error) => refused.push((campaign.id, error)),
            }
        }
        plan.route();
        (plan, refused)
    }

    /// Collects nothing.
    pub fn empty(catalogue: &Arc<Catalogue>) -> Self {
        Self::new(Vec::new(), catalogue).0
    }

    /// The campaigns in use.
    pub fn campaigns(&self) -> &[Campaign] {
        &self.campaigns
    }

    /// Each signal that some campaign collects, sorted: what a broker need send here.
    pub fn signals(&self) -> &[SignalId] {
        &self.route_signals
    }

    pub fn catalogue(&self) -> &Arc<Catalogue> {
        &self.catalogue
    }

    /// The groups of a campaign, in its own order.
    pub(crate) fn groups_of(&self, campaign: usize) -> impl Iterator<Item = usize> {
        let of = move |group: &GroupPlan| self.streams[group.stream].campaign == campaign;
        self.groups.iter().enumerate().filter(move |(_, group)| of(group)).map(|(place, _)| place)
    }

    /// Places in `routes`.
    pub(crate) fn routes_of(&self, signal: SignalId) -> Range<usize> {
        match self.route_signals.binary_search(&signal) {
            Ok(place) => self.route_ranges[place].clone(),
            Err(_) => 0..0,
        }
    }

    fn add(&mut self, campaign: Campaign, catalogue: &Catalogue) {
        let number = self.campaigns.len();
        for group in &campaign.groups {
            let stream = self.stream(number, group.lane);
            let index = self.groups.len();
            let known = &mut self.streams[stream];
            known.groups.push(index);
            known.flush_every = known.flush_every.min(group.flush_every);
            if let How::Every(period) = group.how {
                known.period_min = Some(known.period_min.map_or(period, |min| min.min(period)));
            }
            let first = self.slots.len();
            let leaves = group.signals.iter().filter_map(|signal| catalogue.by_id(*signal));
            self.slots.extend(leaves.map(|leaf| SlotPlan {
                group: index,
                leaf: Arc::clone(leaf),
                purpose: campaign.purpose,
            }));
            // Batches list their columns by signal; slots in that order need no sorting later.
            self.slots[first..].sort_by_key(|slot| slot.leaf.id);
            let slots = first..self.slots.len();
            self.groups.push(GroupPlan { stream, how: group.how, slots });
        }
        self.campaigns.push(campaign);
    }

    fn stream(&mut self, campaign: usize, lane: Lane) -> usize {
        let known = self.streams.iter().position(|stream| stream.campaign == campaign && stream.lane == lane);
        known.unwrap_or_else(|| {
            self.streams.push(StreamPlan {
                campaign,
                lane,
                groups: Vec::new(),
                flush_every: Micros(i64::MAX),
                period_min: None,
            });
            self.streams.len() - 1
        })
    }

    fn route(&mut self) {
        self.routes = (0..self.slots.len()).collect();
        self.routes.sort_by_key(|slot| self.slots[*slot].leaf.id);
        for (place, slot) in self.routes.iter().enumerate() {
            let signal = self.slots[*slot].leaf.id;
            match self.route_ranges.last_mut() {
                Some(range) if self.route_signals.last() == Some(&signal) => range.end = place + 1,
                Some(_) | None => {
                    self.route_signals.push(signal);
                    self.route_ranges.push(place..place + 1);
                }
            }
        }
    }
}
