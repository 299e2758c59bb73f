//! The catalogues that queued batches were made with, beside the queue.
//!
//! A batch names its catalogue by hash only. An update of the car's software brings another one, and
//! what waited must still be read, to be checked against consent.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

use model::CatalogueHash;
use signals::{CATALOGUE_BYTES_MAX, Catalogue};

use crate::desired::replace;

/// Catalogues kept, the latest ones. A queue that still holds batches from sixteen updates ago has
/// had no link for years.
const KEPT_MAX: usize = 16;

#[derive(Debug)]
pub(crate) struct Catalogues {
    dir: PathBuf,
    known: BTreeMap<CatalogueHash, Option<Arc<Catalogue>>>,
}

impl Catalogues {
    /// Keeps `own` for the starts to come. A disk that cannot do so costs, after an update, the
    /// batches that were made meanwhile.
    pub(crate) fn open(dir: &Path, own: &Arc<Catalogue>) -> Self {
        if let Err(error) = keep(dir, own) {
            tracing::warn!(%error, "the catalogue is not kept beside the queue");
        }
        Self { dir: dir.to_owned(), known: BTreeMap::from([(own.hash(), Some(Arc::clone(own)))]) }
    }

    /// The catalogue of that hash, if it is here and whole. Each is read once.
    pub(crate) fn get(&mut self, hash: CatalogueHash) -> Option<Arc<Catalogue>> {
        // A damaged queue can name no more hashes than this without the map being emptied.
        if self.known.len() > 2 * KEPT_MAX {
            self.known.retain(|_, known| known.is_some());
        }
        let dir = &self.dir;
        self.known.entry(hash).or_insert_with(|| read(dir, hash)).clone()
    }
}

fn path(dir: &Path, hash: CatalogueHash) -> PathBuf {
    dir.join(format!("catalogue-{hash}"))
}

fn read(dir: &Path, hash: CatalogueHash) -> Option<Arc<Catalogue>> {
    let path = path(dir, hash);
    let length = fs::metadata(&path).ok()?.len();
    if usize::try_from(length).is_ok_and(|length| length > CATALOGUE_BYTES_MAX) {
        return None;
    }
    let decoded = Catalogue::decode(&fs::read(path).ok()?);
    match decoded {
        Ok(catalogue) => Some(Arc::new(catalogue)).filter(|catalogue| catalogue.hash() == hash),
        Err(error) => {
            tracing::error!(%error, %hash, "a kept catalogue cannot be read");
            None
        }
    }
}

fn keep(dir: &Path, own: &Catalogue) -> io::Result<()> {
    let path = path(dir, own.hash());
    let text = own.encode();
    // A damaged file is written again.
    if fs::read(&path).is_ok_and(|kept| kept == text.as_bytes()) {
        return Ok(());
    }
    fs::create_dir_all(dir)?;
    replace(&path, text.as_bytes())?;
    forget_oldest(dir, &path)
}

fn forget_oldest(dir: &Path, own: &Path) -> io::Result<()> {
    let mut kept = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_name().to_str().is_some_and(|name| name.starts_with("catalogue-")) {
            let changed = entry.metadata()?.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            kept.push((changed, entry.path()));
        }
    }
    kept.retain(|(_, path)| path != own);
    kept.sort();
    let too_many = kept.len().saturating_sub(KEPT_MAX - 1);
    kept.iter().take(too_many).try_for_each(|(_, path)| fs::remove_file(path))
}
