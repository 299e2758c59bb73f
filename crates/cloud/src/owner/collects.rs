//! What campaigns collect: which signals a batch may bring.

use std::{collections::HashMap, fmt, sync::Arc};

use lake::log::BoxFuture;
use model::{CampaignId, CampaignVersion};
use signals::{Catalogue, SignalId};
use store::Store;

use super::flush::retry;
use crate::{catalogues::Catalogues, documents::CampaignDocument};

/// Versions kept in memory, some kilobytes each; more come back with one read.
const VERSIONS_MAX: usize = 4_096;

/// Ids of signals, sorted.
pub type SignalSet = Arc<[SignalId]>;

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
        sorted(paths.filter_map(|path| Some(self.catalogues.leaf_by_path(path).ok()?.id)))
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
        Self(sorted(catalogue.leaves().map(|leaf| leaf.id)))
    }
}

impl Collects for WholeCatalogue {
    fn signals(
        &self,
        _campaign: CampaignId,
        _version: CampaignVersion,
    ) -> BoxFuture<'_, Result<Option<SignalSet>, store::Error>> {
        Box::pin(std::future::ready(Ok(Some(Arc::clone(&self.0)))))
    }
}

fn sorted(ids: impl Iterator<Item = SignalId>) -> SignalSet {
    let mut ids: Vec<_> = ids.collect();
    ids.sort_unstable();
    ids.dedup();
    ids.into()
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
