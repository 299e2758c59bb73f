//! The log on one machine: preallocated segment files and one thread that writes and syncs.

use std::{
    collections::{BTreeMap, VecDeque},
    io,
    path::Path,
    sync::{Arc, Condvar, Mutex, MutexGuard},
    thread::JoinHandle,
};

use model::{ShardCount, ShardId};
use tokio::sync::{Notify, watch};

use super::{
    BoxFuture, Completion, DurableLog, Group, LogError, LogOptions, LogReader, Offset, Record, Refused,
    disk::{Directory, Disk},
    reader::EmbeddedReader,
    segment::{
        RECORD_HEADER_BYTES, Records, SEGMENT_HEADER_BYTES, SPARE_NAME, Tail, io_error, parse_segment_name,
        read_segment,
    },
    writer::{Current, Writer},
};

/// Segment files in one directory, for one shard. Dropping it writes what was submitted.
#[derive(Debug)]
pub struct EmbeddedLog {
    shared: Arc<Shared>,
    writer: Option<JoinHandle<()>>,
}

impl EmbeddedLog {
    /// Opens the log in a directory, or creates both. Cuts off what a crash left half written.
    pub fn open(directory: &Path, options: LogOptions) -> Result<Self, LogError> {
        let path = directory.display().to_string();
        let disk = Directory::open(directory)
            .map_err(|error| io_error("opening", &path, &error))?
            .ok_or(LogError::InUse { path })?;
        Self::on(Arc::new(disk), options)
    }

    pub(super) fn on(disk: Arc<dyn Disk>, options: LogOptions) -> Result<Self, LogError> {
        let (segments, current) = recover(&*disk)?;
        let tail = current.as_ref().map_or(Tail { position: 0, next: Offset(0), chain: 0 }, |c| c.tail);
        let shared = Arc::new(Shared {
            disk,
            options,
            queue: Mutex::default(),
            work: Condvar::new(),
            room: Arc::new(Notify::new()),
            segments: Mutex::new(segments),
            recent: Mutex::new(Recent { first: tail.next, records: VecDeque::new(), bytes: 0 }),
            end: watch::Sender::new(End { offset: tail.next, stopped: None }),
        });
        let writer = Writer::new(Arc::clone(&shared), current, tail);
        let thread = std::thread::Builder::new()
            .name("log-writer".to_owned())
            .spawn(move || writer.run())
            .map_err(|error| io_error("starting the writer of", "the log", &error))?;
        Ok(Self { shared, writer: Some(thread) })
    }

    fn check_shard(shard: ShardId) -> Result<(), LogError> {
        if shard.0 == 0 { Ok(()) } else { Err(LogError::NoSuchShard { shard: shard.0, shards: 1 }) }
    }

    /// The first segment, if all that it holds is before an offset.
    fn pop_before(&self, before: Offset) -> Option<(Offset, String)> {
        let mut segments = lock(&self.shared.segments);
        let second = segments.keys().nth(1)?;
        if *second <= before { segments.pop_first() } else { None }
    }

    fn check(&self, group: &Group, queue: &Queue) -> Result<(), LogError> {
        Self::check_shard(group.shard())?;
        queue.intake.check()?;
        let options = &self.shared.options;
        let bytes_max = options.segment_bytes - SEGMENT_HEADER_BYTES - RECORD_HEADER_BYTES as u64;
        if group.bytes() as u64 > bytes_max {
            return Err(LogError::TooLarge { bytes: group.bytes(), bytes_max });
        }
        // A single group is always taken, or one above the limit could never be stored.
        if queue.in_flight_bytes > 0 && queue.in_flight_bytes + group.bytes() > options.in_flight_bytes_max {
            return Err(LogError::Full { bytes_max: options.in_flight_bytes_max });
        }
        Ok(())
    }
}

impl DurableLog for EmbeddedLog {
    fn shards(&self) -> ShardCount {
        ShardCount::EMBEDDED
    }

    fn submit(&self, group: Group, done: Completion) -> Result<(), Box<Refused>> {
        let mut queue = self.shared.queue();
        if let Err(reason) = self.check(&group, &queue) {
            return Err(Box::new(Refused { reason, group, done }));
        }
        queue.in_flight_bytes += group.bytes();
        queue.waiting.push_back((group, done));
        // The writer takes all that waits, so it is woken for the first only.
        if queue.waiting.len() == 1 {
            self.shared.work.notify_one();
        }
        Ok(())
    }

    fn state(&self) -> Result<(), LogError> {
        self.shared.queue().intake.check()
    }

    fn room(&self) -> BoxFuture<'static, ()> {
        let shared = Arc::clone(&self.shared);
        Box::pin(async move {
            loop {
                // Registered before the check, so that no wake is missed between the two.
                let notified = Arc::clone(&shared.room).notified_owned();
                let over = {
                    let queue = shared.queue();
                    queue.may_take(&shared.options) || matches!(queue.intake, Intake::Stopped(_))
                };
                if over {
                    return;
                }
                notified.await;
            }
        })
    }

    fn end(&self, _shard: ShardId) -> Offset {
        self.shared.end.borrow().offset
    }

    fn read(&self, shard: ShardId, from: Offset) -> Result<Box<dyn LogReader>, LogError> {
        Self::check_shard(shard)?;
        let start = self.start(shard);
        if from < start {
            return Err(LogError::Trimmed { offset: from, start });
        }
        Ok(Box::new(EmbeddedReader::new(Arc::clone(&self.shared), from)))
    }

    fn trim(&self, shard: ShardId, before: Offset) -> Result<(), LogError> {
        Self::check_shard(shard)?;
        // The writer waits for this lock, and deleting a large file takes its time.
        while let Some((first, name)) = self.pop_before(before) {
            if let Err(error) = self.shared.disk.remove(&name) {
                let path = self.shared.disk.path(&name);
                lock(&self.shared.segments).insert(first, name);
                return Err(io_error("removing", &path, &error));
            }
        }
        // A log at its size limit may have room now.
        self.shared.work.notify_one();
        Ok(())
    }

    fn start(&self, _shard: ShardId) -> Offset {
        lock(&self.shared.segments).keys().next().copied().unwrap_or_default()
    }
}

impl Drop for EmbeddedLog {
    fn drop(&mut self) {
        self.shared.queue().closing = true;
        self.shared.work.notify_one();
        if let Some(writer) = self.writer.take() {
            // A panic of the writer was reported when it happened; there is nobody to tell here.
            writer.join().ok();
        }
    }
}

/// What the log, its writer and its readers share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) options: LogOptions,
    queue: Mutex<Queue>,
    pub(super) work: Condvar,
    pub(super) room: Arc<Notify>,
    /// The name of each segment by its first offset.
    pub(super) segments: Mutex<BTreeMap<Offset, String>>,
    pub(super) recent: Mutex<Recent>,
    pub(super) end: watch::Sender<End>,
}

/// How far readers may read.
#[derive(Debug, Clone)]
pub(super) struct End {
    /// All offsets before it are durable.
    pub(super) offset: Offset,
    /// Why nothing will follow.
    pub(super) stopped: Option<LogError>,
}

impl Shared {
    pub(super) fn queue(&self) -> MutexGuard<'_, Queue> {
        lock(&self.queue)
    }
}

/// What waits for the disk.
#[derive(Default)]
pub(super) struct Queue {
    pub(super) waiting: VecDeque<(Group, Completion)>,
    /// Waiting or being written.
    pub(super) in_flight_bytes: usize,
    pub(super) intake: Intake,
    pub(super) closing: bool,
}

/// Whether groups are taken.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) enum Intake {
    #[default]
    Open,
    /// Not now: those that were taken wait for space.
    NoSpace(LogError),
    /// Never again.
    Stopped(LogError),
}

impl Intake {
    fn check(&self) -> Result<(), LogError> {
        match self {
            Self::Open => Ok(()),
            Self::NoSpace(reason) | Self::Stopped(reason) => Err(reason.clone()),
        }
    }
}

impl Queue {
    /// Half of the limit, so that readers that were stopped do not stop again at once.
    pub(super) fn may_take(&self, options: &LogOptions) -> bool {
        self.intake == Intake::Open && self.in_flight_bytes <= options.in_flight_bytes_max / 2
    }
}

impl std::fmt::Debug for Queue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Queue").field("in_flight_bytes", &self.in_flight_bytes).finish_non_exhaustive()
    }
}

/// The newest durable records, kept for readers that follow the tail.
#[derive(Debug)]
pub(super) struct Recent {
    pub(super) first: Offset,
    pub(super) records: VecDeque<Arc<Record>>,
    bytes: usize,
}

impl Recent {
    pub(super) fn push(&mut self, record: Arc<Record>, bytes_max: usize) {
        self.bytes += record.group.bytes();
        self.records.push_back(record);
        while self.bytes > bytes_max {
            let Some(oldest) = self.records.pop_front() else { return };
            self.bytes -= oldest.group.bytes();
            self.first = oldest.offset.next();
        }
    }
}

/// A lock is never poisoned for long: a panic while holding one ends the writer, and with it the log.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Finds the segments and the place where the last one ends.
fn recover(disk: &dyn Disk) -> Result<(BTreeMap<Offset, String>, Option<Current>), LogError> {
    let failed = |name: &str, error: &io::Error| io_error("opening", &disk.path(name), error);
    let mut segments = BTreeMap::new();
    for name in disk.list().map_err(|error| failed("", &error))? {
        if let Some(first) = parse_segment_name(&name) {
            segments.insert(first, name);
        } else if name == SPARE_NAME {
            // Made in an earlier life and perhaps not to its end.
            disk.remove(&name).map_err(|error| failed(&name, &error))?;
        }
    }
    let Some((first, name)) = segments.last_key_value() else { return Ok((segments, None)) };
    let path = disk.path(name);
    let file = disk.open(name).map_err(|error| failed(name, &error))?;
    let damaged = |position| LogError::Damaged { path: path.clone(), position };
    let bytes = read_segment(&*file, &path)?;
    let segment_bytes = bytes.len() as u64;
    let mut records = Records::of_segment(bytes).ok_or_else(|| damaged(0))?;
    if records.tail().next != *first {
        return Err(damaged(0));
    }
    records.by_ref().for_each(drop);
    let tail = records.tail();
    if records.acknowledged_behind_tail() {
        return Err(damaged(tail.position));
    }
    Ok((segments, Some(Current { file, path, bytes: segment_bytes, tail })))
}
