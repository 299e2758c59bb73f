#![expect(clippy::unwrap_in_result, reason = "a simulated disk that cannot lock itself must fail its test")]

use std::{
    collections::BTreeMap,
    io,
    path::PathBuf,
    sync::{
        Arc, Condvar, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
};

use proptest::prelude::*;

use super::{
    disk::{Disk, DiskFile},
    suite::{Backend, SHARD, append, check_records, group, read_all},
    *,
};

/// Segments of four kilobytes hold some twenty of the suite's groups.
fn options() -> LogOptions {
    LogOptions { segment_bytes: 4096, tail_bytes_max: 1024, ..LogOptions::default() }
}

struct InDirectory(PathBuf);

impl Backend for InDirectory {
    fn open(&self) -> Arc<dyn DurableLog> {
        Arc::new(EmbeddedLog::open(&self.0, options()).unwrap())
    }
}

#[tokio::test]
async fn the_embedded_log_conforms() {
    let directory = tempfile::tempdir().unwrap();
    suite::run(&InDirectory(directory.path().join("log"))).await;
}

#[test]
fn a_directory_has_one_log_at_a_time() {
    let directory = tempfile::tempdir().unwrap();
    let first = EmbeddedLog::open(directory.path(), options()).unwrap();
    let second = EmbeddedLog::open(directory.path(), options());
    assert!(matches!(second, Err(LogError::InUse { .. })), "{second:?}");
    drop(first);
    EmbeddedLog::open(directory.path(), options()).unwrap();
}

#[test]
fn a_group_gives_its_entries_back() {
    let mut builder = GroupBuilder::new(SHARD);
    let subject = model::SubjectId::from_bytes([7; 16]);
    let received = model::Timestamp(-5);
    assert!(builder.push(subject, model::Brand::Ds, received, model::Lane::Alert, b"payload"));
    assert!(builder.push(subject, model::Brand::Ds, received, model::Lane::Bulk, b""));
    let taken = builder.take().unwrap();
    assert_eq!(taken.len(), 2);
    assert_eq!(Group::from_body(SHARD, taken.body().clone(), taken.crc()), Some(taken.clone()));
    let entries: Vec<_> = taken.entries().collect();
    assert_eq!(entries[0].subject, subject);
    assert_eq!(entries[0].payload, b"payload"[..]);
    assert_eq!((entries[1].lane, entries[1].received), (model::Lane::Bulk, received));
    assert_eq!(builder.take(), None);
}

#[test]
fn a_group_refuses_what_exceeds_its_limit() {
    let mut builder = GroupBuilder::new(SHARD);
    let subject = model::SubjectId::from_bytes([7; 16]);
    let mut push = |bytes| {
        builder.push(subject, model::Brand::Ds, model::Timestamp(0), model::Lane::Bulk, &vec![0; bytes])
    };
    assert!(push(GROUP_BYTES_MAX - 200));
    assert!(!push(200));
    assert!(push(100));
}

/// A disk in memory whose writes are lost in a crash until they are synced.
#[derive(Debug, Clone, Default)]
struct Simulated(Arc<Medium>);

#[derive(Debug, Default)]
struct Medium {
    files: Mutex<BTreeMap<String, Arc<SimulatedFile>>>,
    capacity_bytes: Mutex<Option<u64>>,
    fail_sync: AtomicBool,
    /// What writes, and renames, are answered with, after half of the bytes were taken.
    write_fault: Mutex<Option<io::ErrorKind>>,
    rename_fault: Mutex<Option<io::ErrorKind>>,
    /// While closed, a sync waits.
    gate: (Mutex<bool>, Condvar),
}

#[derive(Debug)]
struct SimulatedFile {
    medium: std::sync::Weak<Medium>,
    content: Mutex<Content>,
}

#[derive(Debug, Default, Clone)]
struct Content {
    durable: Vec<u8>,
    /// Writes since the last sync.
    pending: Vec<(usize, Vec<u8>)>,
}

impl Content {
    fn seen(&self) -> Vec<u8> {
        let mut bytes = self.durable.clone();
        for (at, written) in &self.pending {
            bytes[*at..at + written.len()].copy_from_slice(written);
        }
        bytes
    }
}

impl Simulated {
    fn files(&self) -> MutexGuard<'_, BTreeMap<String, Arc<SimulatedFile>>> {
        self.0.files.lock().unwrap()
    }

    fn open(&self) -> Result<EmbeddedLog, LogError> {
        EmbeddedLog::on(Arc::new(self.clone()), options())
    }

    fn unsynced_bytes(&self) -> usize {
        let files = self.files();
        files
            .values()
            .flat_map(|file| file.content.lock().unwrap().pending.clone())
            .map(|(_, w)| w.len())
            .sum()
    }

    /// What a machine that lost its power finds: of the unsynced sectors, those that `keep` names.
    fn crashed(&self, mut keep: impl FnMut() -> bool) -> Self {
        let after = Self::default();
        for (name, file) in &*self.files() {
            let content = file.content.lock().unwrap().clone();
            let (seen, mut durable) = (content.seen(), content.durable);
            for (sector, new) in seen.chunks(512).enumerate() {
                let begin = sector * 512;
                if durable[begin..begin + new.len()] != *new && keep() {
                    durable[begin..begin + new.len()].copy_from_slice(new);
                }
            }
            after.insert(name, durable);
        }
        after
    }

    fn insert(&self, name: &str, durable: Vec<u8>) -> Arc<SimulatedFile> {
        let content = Mutex::new(Content { durable, pending: Vec::new() });
        let file = Arc::new(SimulatedFile { medium: Arc::downgrade(&self.0), content });
        self.files().insert(name.to_owned(), Arc::clone(&file));
        file
    }

    /// The newest segment's name and bytes.
    fn last_segment(&self) -> (String, Vec<u8>) {
        let files = self.files();
        let (name, file) = files.iter().rfind(|(name, _)| name.ends_with(".log")).unwrap();
        (name.clone(), file.content.lock().unwrap().durable.clone())
    }

    fn set_gate(&self, closed: bool) {
        *self.0.gate.0.lock().unwrap() = closed;
        self.0.gate.1.notify_all();
    }
}

impl Disk for Simulated {
    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.files().keys().cloned().collect())
    }

    fn create(&self, name: &str, bytes: u64) -> io::Result<Arc<dyn DiskFile>> {
        let used: usize = self.files().values().map(|file| file.content.lock().unwrap().durable.len()).sum();
        let capacity = *self.0.capacity_bytes.lock().unwrap();
        if capacity.is_some_and(|capacity| used as u64 + bytes > capacity) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(self.insert(name, vec![0; usize::try_from(bytes).unwrap()]))
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let file: Arc<SimulatedFile> = self.files().get(name).cloned().ok_or(io::ErrorKind::NotFound)?;
        Ok(file)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        if let Some(fault) = *self.0.rename_fault.lock().unwrap() {
            return Err(fault.into());
        }
        let mut files = self.files();
        let file = files.remove(from).ok_or(io::ErrorKind::NotFound)?;
        files.insert(to.to_owned(), file);
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.files().remove(name).map(drop).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn path(&self, name: &str) -> String {
        format!("simulated/{name}")
    }
}

impl DiskFile for SimulatedFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.content.lock().unwrap().durable.len() as u64)
    }

    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<()> {
        let begin = usize::try_from(position).unwrap();
        buffer.copy_from_slice(&self.content.lock().unwrap().seen()[begin..begin + buffer.len()]);
        Ok(())
    }

    fn write_at(&self, bytes: &[u8], position: u64) -> io::Result<()> {
        let fault = *self.medium.upgrade().unwrap().write_fault.lock().unwrap();
        let taken = if fault.is_some() { &bytes[..bytes.len() / 2] } else { bytes };
        self.content.lock().unwrap().pending.push((usize::try_from(position).unwrap(), taken.to_vec()));
        fault.map_or(Ok(()), |fault| Err(fault.into()))
    }

    fn sync(&self) -> io::Result<()> {
        let medium = self.medium.upgrade().unwrap();
        let (closed, changed) = &medium.gate;
        drop(changed.wait_while(closed.lock().unwrap(), |closed| *closed).unwrap());
        if medium.fail_sync.load(Ordering::SeqCst) {
            return Err(io::Error::other("lost connection to the disk"));
        }
        let mut content = self.content.lock().unwrap();
        content.durable = content.seen();
        content.pending.clear();
        Ok(())
    }
}

struct OnSimulated(Simulated);

impl Backend for OnSimulated {
    fn open(&self) -> Arc<dyn DurableLog> {
        Arc::new(self.0.open().unwrap())
    }
}

#[tokio::test]
async fn the_simulated_disk_lets_the_log_conform() {
    suite::run(&OnSimulated(Simulated::default())).await;
}

#[test]
fn a_completion_runs_only_when_its_group_is_synced() {
    let disk = Simulated::default();
    let log = disk.open().unwrap();
    let (send, answers) = mpsc::channel();
    for number in 0..200 {
        let (send, disk) = (send.clone(), disk.clone());
        let done = move |result: Result<Offset, LogError>| {
            let holds = disk.crashed(|| false);
            send.send((result.unwrap(), disk.unsynced_bytes(), holds)).unwrap();
        };
        log.submit(group(number), Box::new(done)).unwrap();
    }
    for (offset, unsynced_bytes, holds) in answers.iter().take(200) {
        assert_eq!(unsynced_bytes, 0, "offset {offset}");
        let reopened = holds.open().unwrap();
        assert!(reopened.end(SHARD) > offset, "offset {offset}");
    }
}

#[tokio::test]
async fn a_tail_torn_at_any_byte_costs_only_what_was_not_acknowledged() {
    let disk = Simulated::default();
    let log = disk.open().unwrap();
    for number in 0..5 {
        append(&log, group(number)).unwrap();
    }
    let (_, acknowledged) = disk.last_segment();
    append(&log, group(5)).unwrap();
    append(&log, group(6)).unwrap();
    let (name, whole) = disk.last_segment();
    let first_difference = (0..whole.len()).find(|at| whole[*at] != acknowledged[*at]).unwrap();
    let end = whole.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    for cut in first_difference..=end {
        let torn = Simulated::default();
        torn.insert(&name, [&whole[..cut], &acknowledged[cut..]].concat());
        let log = torn.open().unwrap();
        let next = log.end(SHARD).0;
        assert!((5..=7).contains(&next), "cut at {cut}: {next}");
        append(&log, group(next)).unwrap();
        drop(log);
        check_records(&read_all(&torn.open().unwrap(), Offset(0)).await.unwrap(), 0, next + 1);
    }
}

#[tokio::test]
async fn damage_at_any_byte_is_never_read_as_data() {
    let disk = Simulated::default();
    let log = disk.open().unwrap();
    for number in 0..8 {
        append(&log, group(number)).unwrap();
    }
    drop(log);
    let (name, whole) = disk.last_segment();
    let end = whole.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    let mut reported = 0;
    for at in 0..end {
        let rotten = Simulated::default();
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        rotten.insert(&name, bytes);
        match rotten.open() {
            Err(LogError::Damaged { .. }) => reported += 1,
            Err(other) => panic!("byte {at}: {other}"),
            // Only the last group can be mistaken for a torn tail: nothing was written behind it.
            Ok(log) => {
                assert_eq!(log.end(SHARD), Offset(7), "byte {at}");
                check_records(&read_all(&log, Offset(0)).await.unwrap(), 0, 7);
            }
        }
    }
    assert!(reported > end / 2, "{reported} of {end}");
}

#[test]
fn damage_in_an_older_segment_is_reported_when_it_is_read() {
    let disk = Simulated::default();
    let log = disk.open().unwrap();
    for number in 0..60 {
        append(&log, group(number)).unwrap();
    }
    drop(log);
    let first = disk.files().values().next().cloned().unwrap();
    first.content.lock().unwrap().durable[1000] ^= 1;
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let read = runtime.block_on(read_all(&disk.open().unwrap(), Offset(0)));
    assert!(matches!(read, Err(LogError::Damaged { .. })), "{read:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn a_crash_with_any_sectors_written_keeps_all_that_was_acknowledged(
        synced in 0_u64..80,
        unsynced in 1_u64..60,
        kept in proptest::collection::vec(any::<bool>(), 64),
    ) {
        let disk = Simulated::default();
        let log = disk.open().unwrap();
        for number in 0..synced {
            append(&log, group(number)).unwrap();
        }
        disk.set_gate(true);
        for number in synced..synced + unsynced {
            log.submit(group(number), Box::new(drop)).unwrap();
        }
        while disk.unsynced_bytes() == 0 {
            std::thread::yield_now();
        }
        let mut kept = kept.into_iter().cycle();
        let after = disk.crashed(|| kept.next().unwrap());
        disk.set_gate(false);
        let log = after.open().unwrap();
        let next = log.end(SHARD).0;
        prop_assert!((synced..=synced + unsynced).contains(&next), "{}", next);
        // What is written now may end where a record of the earlier life begins.
        for number in next..next + 3 {
            append(&log, group(number)).unwrap();
        }
        drop(log);
        let reopened = after.open().unwrap();
        prop_assert_eq!(reopened.end(SHARD).0, next + 3);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        check_records(&runtime.block_on(read_all(&reopened, Offset(0))).unwrap(), 0, next + 3);
    }
}

#[tokio::test]
async fn more_than_the_limit_in_flight_is_refused_until_there_is_room() {
    let disk = Simulated::default();
    let log = EmbeddedLog::on(Arc::new(disk.clone()), LogOptions { in_flight_bytes_max: 2_000, ..options() })
        .unwrap();
    append(&log, group(0)).unwrap();
    disk.set_gate(true);
    let mut taken = 0;
    let refused = loop {
        match log.submit(group(1), Box::new(drop)) {
            Ok(()) => taken += 1,
            Err(refused) => break refused,
        }
    };
    assert_eq!(refused.reason, LogError::Full { bytes_max: 2_000 });
    assert!(taken > 3, "{taken}");
    let room = tokio::spawn(log.room());
    disk.set_gate(false);
    room.await.unwrap();
    append(&log, refused.group).unwrap();
}

/// Submits groups until the log refuses one for want of space, makes space, and checks that what it
/// took is stored as it was taken, with no answer before, and that it goes on.
/// `make_space` gets the log's end; more may have been taken than the space that it makes at once.
async fn check_waits_for_space(log: &EmbeddedLog, first: u64, make_space: impl Fn(u64)) {
    const TRY_AGAIN: std::time::Duration = std::time::Duration::from_millis(50);
    let (send, answers) = mpsc::channel();
    let mut next = first;
    loop {
        let answer = send.clone();
        let done = Box::new(move |result| answer.send(result).unwrap());
        match log.submit(group(next), done) {
            Ok(()) => next += 1,
            Err(refused) => {
                assert!(matches!(refused.reason, LogError::NoSpace { .. }), "{refused:?}");
                break;
            }
        }
        std::thread::yield_now();
    }
    let stored = log.end(SHARD).0;
    assert!(stored < next, "a group was taken that the disk had no space for");
    for number in first..stored {
        assert_eq!(answers.recv().unwrap(), Ok(Offset(number)));
    }
    assert_eq!(answers.try_recv(), Err(mpsc::TryRecvError::Empty), "nobody is answered before it is stored");
    for number in stored..next {
        let answer = loop {
            make_space(log.end(SHARD).0);
            if let Ok(answer) = answers.recv_timeout(TRY_AGAIN) {
                break answer;
            }
        };
        assert_eq!(answer, Ok(Offset(number)));
    }
    make_space(next);
    log.room().await;
    assert_eq!(append(log, group(next)).unwrap(), Offset(next));
    let from = log.start(SHARD).0;
    check_records(&read_all(log, Offset(from)).await.unwrap(), from, next + 1);
}

#[tokio::test]
async fn a_full_disk_keeps_the_order_of_what_was_taken() {
    let disk = Simulated::default();
    *disk.0.capacity_bytes.lock().unwrap() = Some(2 * 4096);
    let log = disk.open().unwrap();
    check_waits_for_space(&log, 0, |_| *disk.0.capacity_bytes.lock().unwrap() = None).await;
}

#[tokio::test]
async fn a_log_at_its_size_limit_goes_on_when_it_is_trimmed() {
    let disk = Simulated::default();
    let log = EmbeddedLog::on(Arc::new(disk.clone()), LogOptions { disk_bytes_max: 2 * 4096, ..options() })
        .unwrap();
    check_waits_for_space(&log, 0, |stored| log.trim(SHARD, Offset(stored)).unwrap()).await;
}

#[tokio::test]
async fn a_write_without_space_is_repeated_at_its_place() {
    for fault in [io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded] {
        let disk = Simulated::default();
        let log = disk.open().unwrap();
        append(&log, group(0)).unwrap();
        *disk.0.write_fault.lock().unwrap() = Some(fault);
        check_waits_for_space(&log, 1, |_| *disk.0.write_fault.lock().unwrap() = None).await;
        drop(log);
        let log = disk.open().unwrap();
        check_records(&read_all(&log, Offset(0)).await.unwrap(), 0, log.end(SHARD).0);
    }
}

#[tokio::test]
async fn a_segment_that_cannot_be_named_is_named_when_there_is_space() {
    let disk = Simulated::default();
    let log = disk.open().unwrap();
    *disk.0.rename_fault.lock().unwrap() = Some(io::ErrorKind::StorageFull);
    check_waits_for_space(&log, 0, |_| *disk.0.rename_fault.lock().unwrap() = None).await;
}

#[tokio::test]
async fn a_rotation_that_fails_stops_the_log_and_lets_nobody_wait() {
    let disk = Simulated::default();
    let log = disk.open().unwrap();
    append(&log, group(0)).unwrap();
    *disk.0.rename_fault.lock().unwrap() = Some(io::ErrorKind::PermissionDenied);
    let mut next = 1;
    let error = loop {
        match append(&log, group(next)) {
            Ok(_) => next += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, LogError::Io { .. }), "{error}");
    *disk.0.rename_fault.lock().unwrap() = None;
    log.room().await;
    assert_eq!(append(&log, group(next)), Err(error));
}

#[tokio::test]
async fn a_log_that_closes_without_space_answers_what_it_took() {
    let disk = Simulated::default();
    *disk.0.capacity_bytes.lock().unwrap() = Some(0);
    let log = disk.open().unwrap();
    let (send, answer) = mpsc::channel();
    log.submit(group(0), Box::new(move |result| send.send(result).unwrap())).unwrap();
    let room = log.room();
    drop(log);
    assert_eq!(answer.recv().unwrap(), Err(LogError::Closed));
    room.await;
}

#[test]
fn a_failed_sync_stops_the_log_for_good() {
    let disk = Simulated::default();
    let log = disk.open().unwrap();
    append(&log, group(0)).unwrap();
    assert_eq!(log.state(), Ok(()));
    disk.0.fail_sync.store(true, Ordering::SeqCst);
    let failed = append(&log, group(1));
    assert!(matches!(failed, Err(LogError::SyncFailed { .. })), "{failed:?}");
    disk.0.fail_sync.store(false, Ordering::SeqCst);
    let later = append(&log, group(1));
    assert!(matches!(later, Err(LogError::SyncFailed { .. })), "{later:?}");
    assert!(matches!(log.state(), Err(LogError::SyncFailed { .. })), "{:?}", log.state());
    assert_eq!(log.end(SHARD), Offset(1));
}

#[tokio::test]
async fn a_reader_is_told_that_the_log_closed() {
    let disk = Simulated::default();
    let log = disk.open().unwrap();
    append(&log, group(0)).unwrap();
    let mut reader = log.read(SHARD, Offset(0)).unwrap();
    drop(log);
    check_records(&reader.next().await.unwrap(), 0, 1);
    assert_eq!(reader.next().await.map(drop), Err(LogError::Closed));
}

/// Golden: what is on disk must be readable for ever.
#[test]
fn a_segment_of_known_groups_never_changes() {
    let disk = Simulated::default();
    let log = disk.open().unwrap();
    append(&log, group(0)).unwrap();
    append(&log, group(1)).unwrap();
    drop(log);
    let (name, bytes) = disk.last_segment();
    assert_eq!(name, "00000000000000000000.log");
    assert_eq!(&bytes[..8], b"MARQLOG1");
    assert_eq!(crc32c::crc32c(&bytes), GOLDEN_SEGMENT_CRC);
}
const GOLDEN_SEGMENT_CRC: u32 = 2_826_489_159;
