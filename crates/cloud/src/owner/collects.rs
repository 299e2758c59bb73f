//! What campaigns collect: which signals a batch may bring.

use std::{
    collections::{HashMap, HashSet},
    fmt,
    sync::Arc,
};

use lake::log::BoxFuture;
use model::{CampaignId, CampaignVersion};
use signals::{Catalogue, SignalId};
use store::Store;

use super::flush::retry;
use crate::{catalogues::Catalogues, documents::CampaignDocument};

/// Versions kept in memory, some kilobytes each; more come back with one read.
const VERSIONS_MAX: usize = 4_096;

/// Ids of signals. Cheap to clone, and to ask: ids are mostly small numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SignalSet(Arc<Ids>);

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Ids {
    /// A bit for each id below [`LOW_IDS`], as far as there are any.
    low: Vec<u64>,
    high: HashSet<SignalId>,
}

/// As many ids as fit in 8 KiB.
const LOW_IDS: u32 = 1 << 16;

impl SignalSet {
    pub fn contains(&self, id: SignalId) -> bool {
        if id.0 >= LOW_IDS {
            return self.0.high.contains(&id);
        }
        let (word, bit) = place(id);
        self.0.low.get(word).is_some_and(|bits| bits & bit != 0)
    }
}

impl FromIterator<SignalId> for SignalSet {
    fn from_iter<I: IntoIterator<Item = SignalId>>(ids: I) -> Self {
        let mut set = Ids::default();
        for id in ids {
            if id.0 >= LOW_IDS {
                set.high.insert(id);
                continue;
            }
            let (word, bit) = place(id);
            if set.low.len() <= word {
                set.low.resize(word + 1, 0);
            }
            set.low[word] |= bit;
        }
        Self(Arc::new(set))
    }
}

/// The word of a low id, and its bit in there.
fn place(id: SignalId) -> (usize, u64) {
    ((id.0 / u64::BITS) as usize, 1 << (id.0 % u64::BITS))
}

/// Says what campaigns collect. A version of a campaign never changes.
pub trait Collects: fmt::Debug + Send + Sync {
    /// The signals of a version of a campaign; `None` when there is none.
    fn signals(
        &self,
        campaign: CampaignId,
        version: CampaignVersion,
    ) -> BoxFuture<'_, Result<Option<SignalSet>, store::Error>>;
}

/// The campaigns that SQL has.
#[derive(Debug, Clone)]
pub struct StoredCampaigns {
    store: Store,
    catalogues: Catalogues,
}

impl StoredCampaigns {
    pub fn new(store: Store, catalogues: Catalogues) -> Self {
        Self { store, catalogues }
    }

    /// Paths that no catalogue has any more collect nothing.
    fn ids(&self, document: &CampaignDocument) -> SignalSet {
        let paths = document.groups.iter().flat_map(|group| &group.signals);
        paths.filter_map(|path| Some(self.catalogues.leaf_by_path(path).ok()?.id)).collect()
    }
}

impl Collects for StoredCampaigns {
    fn signals(
        &self,
        campaign: CampaignId,
        version: CampaignVersion,
    ) -> BoxFuture<'_, Result<Option<SignalSet>, store::Error>> {
        Box::pin(async move {
            let text = self.store.campaign_document(campaign, version).await?;
            let document = text.as_deref().and_then(CampaignDocument::from_text);
            Ok(document.map(|document| self.ids(&document)))
        })
    }
}

/// One campaign for all: what a catalogue has. For tools that have no campaigns in SQL.
#[derive(Debug, Clone)]
pub struct WholeCatalogue(SignalSet);

impl WholeCatalogue {
    pub fn new(catalogue: &Catalogue) -> Self {
        Self(catalogue.leaves().map(|leaf| leaf.id).collect())
    }
}

impl Collects for WholeCatalogue {
    fn signals(
        &self,
        _campaign: CampaignId,
        _version: CampaignVersion,
    ) -> BoxFuture<'_, Result<Option<SignalSet>, store::Error>> {
        Box::pin(std::future::ready(Ok(Some(self.0.clone()))))
    }
}

/// What was asked before.
#[derive(Debug)]
pub(super) struct Known {
    source: Arc<dyn Collects>,
    versions: HashMap<(CampaignId, CampaignVersion), Option<SignalSet>>,
}

impl Known {
    pub(super) fn new(source: Arc<dyn Collects>) -> Self {
        Self { source, versions: HashMap::new() }
    }

    /// Asks until there is an answer: rows wait in the log meanwhile.
    pub(super) async fn signals(
        &mut self,
        campaign: CampaignId,
        version: CampaignVersion,
    ) -> Option<SignalSet> {
        if let Some(known) = self.versions.get(&(campaign, version)) {
            return known.clone();
        }
        let source = &self.source;
        let found =
            retry("reading a campaign", || async { Ok(source.signals(campaign, version).await?) }).await;
        if self.versions.len() >= VERSIONS_MAX {
            self.versions.clear();
        }
        self.versions.insert((campaign, version), found.clone());
        found
    }
}

#[cfg(test)]
mod tests;
