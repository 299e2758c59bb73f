use std::collections::{BTreeMap, BTreeSet};

use ::audit::{Auditor, Event, Field, Opening, Outcome, Policy, Report, Write};
use futures::future::join_all;
use model::{Timestamp, VehicleId};

use super::*;

const NOW: Timestamp = Timestamp(1_763_885_730_000_000);

/// Files that stop to take anything after so many, and leave the one in between cut in half.
#[derive(Debug, Default)]
struct Fragile(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    files: BTreeMap<LogPath, Vec<u8>>,
    /// Nothing for no limit.
    writes_left: Option<usize>,
    /// Roots that were published, by size.
    published: BTreeSet<(u64, String)>,
}

impl State {
    fn may_write(&mut self) -> io::Result<()> {
        match &mut self.writes_left {
            Some(0) => Err(io::Error::other("the disk is gone")),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }
}

impl Fragile {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }
}

impl LogFiles for Fragile {
    fn read(&self, path: LogPath) -> io::Result<Option<Vec<u8>>> {
        Ok(self.state().files.get(&path).cloned())
    }

    fn write(&self, writes: &[Write]) -> io::Result<()> {
        let mut state = self.state();
        for Write { path, bytes } in writes {
            let may = state.may_write();
            let len = if may.is_ok() { bytes.len() } else { bytes.len() / 2 };
            state.files.insert(*path, bytes[..len].to_vec());
            may?;
        }
        Ok(())
    }

    fn write_checkpoint(&self, note: &str) -> io::Result<()> {
        let mut state = self.state();
        state.may_write()?;
        state.files.insert(LogPath::Checkpoint, note.as_bytes().to_vec());
        let checkpoint = policy().verify(note).unwrap().head();
        state.published.insert((checkpoint.size, checkpoint.root.to_string()));
        Ok(())
    }

    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.state().files.keys().map(LogPath::to_string).collect())
    }

    fn remove(&self, path: LogPath) -> io::Result<()> {
        self.state().files.remove(&path);
        Ok(())
    }

    fn remove_partial(&self, full: LogPath) -> io::Result<()> {
        self.state().files.retain(|path, _| path.full() != full || *path == full);
        Ok(())
    }
}

fn region() -> Region {
    "eu".parse().unwrap()
}

fn signer() -> SoftwareSigner {
    SoftwareSigner::from_seed(origin(&region()).unwrap(), &[7; 32]).unwrap()
}

fn policy() -> Policy {
    Policy::of_log(verifier_key(&signer(), Algorithm::Ed25519))
}

async fn store(folder: &Path) -> Store {
    Store::sqlite(&folder.join("marque.db")).await.unwrap()
}

async fn open(files: &Arc<Fragile>, store: &Store) -> Result<Audit, AuditError> {
    let files: Arc<dyn LogFiles> = Arc::<Fragile>::clone(files);
    Audit::with_files(files, Arc::new(signer()), region(), store.clone(), &Metrics::default()).await
}

/// A read of a car's history, told apart by its request.
fn history_read(number: usize) -> Record {
    let vehicle = VehicleId::from_bytes([5; 16]).to_string();
    Record {
        at: NOW,
        actor: ("operator".parse().unwrap(), Named::Committed("operator".parse().unwrap())),
        action: "vehicle.history.read".parse().unwrap(),
        resource: ("vehicle".parse().unwrap(), Named::Committed(vehicle.parse().unwrap())),
        subject: None,
        brand: None,
        purpose: None,
        outcome: Outcome::Allowed,
        reason: None,
        request: Some(format!("request-{number}").parse().unwrap()),
        address: Some("192.0.2.0/24".parse().unwrap()),
    }
}

/// Records groups of so many at once; the request of each entry that was acknowledged, by its index.
async fn record(audit: &Audit, groups: &[usize]) -> BTreeMap<u64, String> {
    let mut acknowledged = BTreeMap::new();
    let mut number = 0;
    for group in groups {
        let records: Vec<Record> = (number..number + group).map(history_read).collect();
        number += group;
        let requests: Vec<String> =
            records.iter().map(|record| record.request.clone().unwrap().as_str().to_owned()).collect();
        let told = join_all(records.into_iter().map(|record| audit.record(record))).await;
        let told = requests.into_iter().zip(told).filter_map(|(request, told)| Some((told.ok()?, request)));
        acknowledged.extend(told);
    }
    acknowledged
}

fn report(files: &dyn LogFiles, audit: &Audit) -> Report {
    let head = audit.checkpoint().head();
    let mut auditor = Auditor::with_listing(head, files.list().unwrap()).unwrap();
    while let Some(path) = auditor.poll_read() {
        auditor.handle_read(files.read(path).unwrap().as_deref()).unwrap();
    }
    auditor.finish().unwrap()
}

async fn check_intact(files: &Fragile, audit: &Audit, acknowledged: &BTreeMap<u64, String>) {
    let report = report(files, audit);
    assert!(report.is_intact() && report.beyond.is_empty(), "{report:?}");
    let indexes: Vec<u64> = acknowledged.keys().copied().collect();
    let entries = audit.entries(&indexes).await.unwrap();
    for (index, request) in acknowledged {
        let event = Event::decode(&entries[index]).unwrap();
        assert_eq!(event.request.unwrap().as_str(), request, "entry {index}");
    }
}

#[tokio::test]
async fn a_crash_at_any_write_loses_nothing_that_was_acknowledged() {
    let groups = [3, 1, 250, 4, 300, 1];
    let mut crashed = 0;
    for writes in 0..40 {
        let folder = tempfile::tempdir().unwrap();
        let (files, store) = (Arc::new(Fragile::default()), store(folder.path()).await);
        files.state().writes_left = Some(writes);
        let mut acknowledged = BTreeMap::new();
        if let Ok(audit) = open(&files, &store).await {
            acknowledged = record(&audit, &groups).await;
            audit.stop().await;
        }
        crashed += usize::from(acknowledged.len() < groups.iter().sum());
        files.state().writes_left = None;
        let audit = open(&files, &store).await.unwrap();
        let size = audit.checkpoint().head().size;
        assert!(size >= acknowledged.len() as u64, "{writes}: {size}");
        check_intact(&files, &audit, &acknowledged).await;
        assert_eq!(store.audit_end().await.unwrap(), size, "{writes}: openings of what never was");
        assert_eq!(audit.record(history_read(9_999)).await.unwrap(), size, "{writes}");
        check_intact(&files, &audit, &acknowledged).await;
    }
    assert!((10..40).contains(&crashed), "{crashed}: the test reaches the end of the log");
}

#[tokio::test]
async fn a_checkpoint_that_was_signed_is_finished_before_another_is() {
    let folder = tempfile::tempdir().unwrap();
    let (files, store) = (Arc::new(Fragile::default()), store(folder.path()).await);
    let audit = open(&files, &store).await.unwrap();
    // Room for the entry and its tile, not for the checkpoint.
    files.state().writes_left = Some(2);
    assert!(matches!(audit.record(history_read(0)).await, Err(AuditError::Unwritten)));
    assert_eq!(audit.checkpoint().head().size, 0);
    assert!(matches!(audit.record(history_read(1)).await, Err(AuditError::Unwritten)));
    files.state().writes_left = None;
    assert_eq!(audit.record(history_read(2)).await.unwrap(), 1, "the first counts after all");
    let acknowledged = BTreeMap::from([(0, "request-0".to_owned()), (1, "request-2".to_owned())]);
    check_intact(&files, &audit, &acknowledged).await;
    let published = files.state().published.clone();
    let sizes: Vec<u64> = published.iter().map(|(size, _)| *size).collect();
    assert_eq!(sizes, [0, 1, 2], "one root a size");
}

#[tokio::test]
async fn what_comes_together_is_written_together() {
    let folder = tempfile::tempdir().unwrap();
    let (files, store) = (Arc::new(Fragile::default()), store(folder.path()).await);
    let audit = open(&files, &store).await.unwrap();
    assert_eq!(record(&audit, &[500]).await.len(), 500);
    assert_eq!(files.state().published.len(), 2, "the empty log's checkpoint and the batch's");
    let wide = |path: &&LogPath| matches!(path, LogPath::Entries { .. });
    let bundles: Vec<String> = files.state().files.keys().filter(wide).map(ToString::to_string).collect();
    assert_eq!(bundles, ["tile/entries/000", "tile/entries/001.p/244"]);
}

#[tokio::test]
async fn what_was_taken_before_the_stop_is_written_and_nothing_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let (files, store) = (Arc::new(Fragile::default()), store(folder.path()).await);
    let audit = open(&files, &store).await.unwrap();
    audit.note(history_read(0));
    audit.note(history_read(1));
    audit.stop().await;
    assert_eq!(audit.checkpoint().head().size, 2);
    assert!(matches!(audit.record(history_read(2)).await, Err(AuditError::Unwritten)));
}

#[tokio::test]
async fn an_entry_whose_opening_is_erased_still_proves() {
    let folder = tempfile::tempdir().unwrap();
    let (files, store) = (Arc::new(Fragile::default()), store(folder.path()).await);
    let audit = open(&files, &store).await.unwrap();
    record(&audit, &[300]).await;
    let openings = store.audit_openings(&[7]).await.unwrap();
    assert_eq!(openings.len(), 3);
    check_proof(&audit, openings).await;
    store.forget_audit_openings(7).await.unwrap();
    let openings = store.audit_openings(&[7]).await.unwrap();
    assert!(openings.is_empty());
    check_proof(&audit, openings).await;
}

async fn check_proof(audit: &Audit, openings: Vec<store::AuditOpening>) {
    let entry = audit.entries(&[7]).await.unwrap().remove(&7).unwrap();
    let event = Event::decode(&entry).unwrap();
    assert!(matches!((event.actor.id, event.resource.id), (Field::Committed(_), Field::Committed(_))));
    let opening = |row: &store::AuditOpening| Opening::from_parts(&row.label, &row.salt, &row.value).unwrap();
    let evidence = Evidence::new(entry, openings.iter().map(opening).collect()).unwrap();
    let text = audit.proof(7, evidence).await.unwrap().to_string();
    let proof: TlogProof = text.parse().unwrap();
    assert_eq!(proof.verify(&policy()).unwrap().head().size, 300);
}

#[tokio::test]
async fn a_partial_file_is_served_after_a_full_one_has_followed_it() {
    let folder = tempfile::tempdir().unwrap();
    let (files, store) = (Arc::new(Fragile::default()), store(folder.path()).await);
    let audit = open(&files, &store).await.unwrap();
    record(&audit, &[20]).await;
    let paths = ["tile/entries/000.p/20", "tile/0/000.p/20"].map(|path| path.parse::<LogPath>().unwrap());
    let mut before = Vec::new();
    for path in paths {
        before.push(audit.read(path).await.unwrap().unwrap());
    }
    record(&audit, &[256]).await;
    for (path, before) in paths.into_iter().zip(before) {
        assert!(!files.state().files.contains_key(&path), "{path}");
        assert_eq!(audit.read(path).await.unwrap().unwrap(), before, "{path}");
    }
    let beyond = "tile/entries/001.p/21".parse().unwrap();
    assert_eq!(audit.read(beyond).await.unwrap(), None);
}

fn place(folder: &Path) -> Place {
    let keys = folder.join("pki");
    std::fs::create_dir_all(&keys).unwrap();
    Place { region: region(), folder: folder.join("audit"), keys }
}

#[tokio::test]
async fn a_folder_is_taken_up_where_it_was_left() {
    let folder = tempfile::tempdir().unwrap();
    let (place, store) = (place(folder.path()), store(folder.path()).await);
    let audit = Audit::start(&place, store.clone(), &Metrics::default()).await.unwrap();
    let key: VerifierKey =
        std::fs::read_to_string(place.folder.join("verifier-key")).unwrap().trim().parse().unwrap();
    assert_eq!(key, *audit.verifier_key());
    for group in [1, 2, 260, 300] {
        record(&audit, &[group]).await;
    }
    audit.stop().await;
    let log = log_folder(&place.folder);
    std::fs::write(log.join("checkpoint.new"), "half a no").unwrap();
    let audit = Audit::start(&place, store.clone(), &Metrics::default()).await.unwrap();
    assert_eq!((audit.checkpoint().head().size, audit.verifier_key()), (563, &key));
    let files = Folder::open(&log).unwrap();
    let report = report(&files, &audit);
    assert!(report.is_intact() && report.beyond.is_empty() && report.foreign.is_empty(), "{report:?}");
    let partial: Vec<String> =
        files.list().unwrap().into_iter().filter(|path| path.contains(".p/")).collect();
    assert_eq!(partial, ["tile/0/002.p/51", "tile/1/000.p/1", "tile/1/000.p/2", "tile/entries/002.p/51"]);
}

#[tokio::test]
async fn a_log_that_lost_its_key_or_its_files_is_not_begun_anew() {
    let folder = tempfile::tempdir().unwrap();
    let (place, store) = (place(folder.path()), store(folder.path()).await);
    let metrics = Metrics::default();
    let start = || Audit::start(&place, store.clone(), &metrics);
    let audit = start().await.unwrap();
    record(&audit, &[3]).await;
    audit.stop().await;
    let (key, kept) = (place.keys.join("audit-key"), folder.path().join("kept"));
    std::fs::rename(&key, &kept).unwrap();
    assert!(matches!(start().await, Err(AuditError::KeyGone { .. })));
    std::fs::write(&key, hex::encode([9; 32])).unwrap();
    assert!(matches!(start().await, Err(AuditError::Log(::audit::Error::Unsigned))));
    std::fs::rename(&kept, &key).unwrap();
    std::fs::rename(&place.folder, &kept).unwrap();
    assert!(matches!(start().await, Err(AuditError::LogGone)));
}

#[tokio::test]
async fn a_log_that_is_an_old_copy_is_not_gone_on_with() {
    let folder = tempfile::tempdir().unwrap();
    let (files, store) = (Arc::new(Fragile::default()), store(folder.path()).await);
    let audit = open(&files, &store).await.unwrap();
    record(&audit, &[1]).await;
    let old = files.state().files.clone();
    record(&audit, &[BATCH_ENTRIES_MAX, 1]).await;
    audit.stop().await;
    files.state().files = old;
    let error = open(&files, &store).await.unwrap_err();
    assert!(matches!(error, AuditError::LogBehind { size: 1, end: 1026 }), "{error}");
}
