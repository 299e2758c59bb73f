//! The thread that makes groups durable: it writes all that waits, syncs once, then tells.

use std::{
    collections::VecDeque,
    io,
    sync::{Arc, PoisonError, mpsc},
    thread::JoinHandle,
    time::Duration,
};

use super::{
    Completion, Group, LogError, Offset, Record,
    disk::DiskFile,
    embedded::{Intake, Queue, Shared, lock},
    segment::{
        RECORD_HEADER_BYTES, RecordHeader, SEGMENT_HEADER_BYTES, SPARE_NAME, SegmentHeader, Tail, io_error,
        segment_name,
    },
};

/// How much one sync carries at most: what a slow disk still writes in a fraction of a second.
const SYNC_BYTES_MAX: usize = 16 << 20;

/// How often a full disk is tried again.
const NO_SPACE_RETRY: Duration = Duration::from_millis(250);

/// The segment that is written.
#[derive(Debug)]
pub(super) struct Current {
    pub(super) file: Arc<dyn DiskFile>,
    pub(super) path: String,
    pub(super) bytes: u64,
    pub(super) tail: Tail,
}

pub(super) struct Writer {
    shared: Arc<Shared>,
    current: Option<Current>,
    /// Where the next record goes, also while there is no segment.
    tail: Tail,
    spares: Spares,
    /// Taken and not stored yet, in the order of their submission. What cannot be stored now stays
    /// here, before all that comes later: a car's batches are never stored out of order.
    taken: Waiting,
    /// Groups are refused for want of space.
    starved: bool,
    buffer: Vec<u8>,
}

type Waiting = VecDeque<(Group, Completion)>;

impl Writer {
    pub(super) fn new(shared: Arc<Shared>, current: Option<Current>, tail: Tail) -> Self {
        let spares = Spares::start(&shared);
        Self { shared, current, tail, spares, taken: Waiting::new(), starved: false, buffer: Vec::new() }
    }

    /// Runs until the log is closed or the disk fails.
    pub(super) fn run(mut self) {
        while self.wait() {
            if let Err(error) = self.store() {
                self.stop(&error);
                return;
            }
        }
        self.stop(&LogError::Closed);
    }

    /// Takes the next groups; false when the log is closing and all is stored.
    fn wait(&mut self) -> bool {
        let mut queue = self.shared.queue();
        while queue.waiting.is_empty() && !queue.closing {
            queue = self.shared.work.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        self.taken = take(&mut queue);
        !self.taken.is_empty()
    }

    /// Stores what was taken, in as many syncs as there are segments to fill; waits for space. An
    /// error is final.
    fn store(&mut self) -> Result<(), LogError> {
        while !self.taken.is_empty() {
            let fitting = self.fitting();
            let stored = if fitting > 0 { self.write(fitting) } else { self.rotate() };
            match stored {
                Ok(()) => self.resume(),
                Err(error @ LogError::NoSpace { .. }) => self.wait_for_space(error)?,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// How many of the groups fit the segment.
    fn fitting(&self) -> usize {
        let free = self.current.as_ref().map_or(0, |current| current.bytes - self.tail.position);
        let ends = self.taken.iter().scan(0, |bytes, (group, _)| {
            *bytes += (RECORD_HEADER_BYTES + group.bytes()) as u64;
            Some(*bytes)
        });
        ends.take_while(|end| *end <= free).count()
    }

    /// Writes groups that fit the segment, syncs, then answers and hands on. Without space nothing
    /// moves on: the next try writes the same bytes to the same place.
    fn write(&mut self, count: usize) -> Result<(), LogError> {
        let Some(current) = &self.current else { return Err(LogError::Closed) };
        let durable = self.tail.next;
        let mut tail = self.tail;
        self.buffer.clear();
        for (group, _) in self.taken.iter().take(count) {
            let header = RecordHeader {
                body_bytes: group.body_bytes(),
                body_crc: group.crc(),
                offset: tail.next,
                durable,
                entries: group.len(),
                shard: group.shard(),
                chain: tail.chain,
            };
            let (bytes, chain) = header.encode();
            self.buffer.extend_from_slice(&bytes);
            self.buffer.extend_from_slice(group.body());
            tail.next = tail.next.next();
            tail.chain = chain;
        }
        current
            .file
            .write_at(&self.buffer, self.tail.position)
            .map_err(|error| failed("writing", &current.path, &error))?;
        // After a failed sync the kernel may drop the pages and report success the next time, so
        // nothing written here can be trusted any more.
        current.file.sync().map_err(|error| LogError::SyncFailed {
            path: current.path.clone(),
            problem: error.to_string(),
        })?;
        tail.position += self.buffer.len() as u64;
        self.tail = tail;
        self.acknowledge(count, durable);
        Ok(())
    }

    fn acknowledge(&mut self, count: usize, first: Offset) {
        let mut bytes = 0;
        let mut answers = Vec::with_capacity(count);
        let mut recent = lock(&self.shared.recent);
        let mut offset = first;
        for (group, done) in self.taken.drain(..count) {
            bytes += group.bytes();
            answers.push((offset, done));
            recent.push(Arc::new(Record { offset, group }), self.shared.options.tail_bytes_max);
            offset = offset.next();
        }
        drop(recent);
        // Before the answers: whoever has one finds its group in the log.
        self.shared.end.send_modify(|end| end.offset = offset);
        for (offset, done) in answers {
            done(Ok(offset));
        }
        self.release(bytes);
    }

    fn release(&self, bytes: usize) {
        let mut queue = self.shared.queue();
        queue.in_flight_bytes -= bytes;
        if queue.may_take(&self.shared.options) {
            drop(queue);
            self.shared.room.notify_waiters();
        }
    }

    /// Takes nothing more, and rests until it is worth another try: when the log was trimmed, and
    /// now and then. Nobody is answered meanwhile; only a log that closes gives up.
    fn wait_for_space(&mut self, error: LogError) -> Result<(), LogError> {
        let mut queue = self.shared.queue();
        if queue.closing {
            return Err(LogError::Closed);
        }
        if !self.starved {
            tracing::error!(%error, "the log waits for space; cars keep what is not acknowledged");
            self.starved = true;
            queue.intake = Intake::NoSpace(error);
        }
        // A wake that comes early costs one more try.
        drop(self.shared.work.wait_timeout(queue, NO_SPACE_RETRY));
        Ok(())
    }

    /// There is space: takes groups again.
    fn resume(&mut self) {
        if std::mem::take(&mut self.starved) {
            self.shared.queue().intake = Intake::Open;
            tracing::info!("the log has space again");
            self.shared.room.notify_waiters();
        }
    }

    /// Takes nothing more for ever, and answers all that was submitted in the order of submission.
    fn stop(&mut self, error: &LogError) {
        let waiting = {
            let mut queue = self.shared.queue();
            queue.intake = Intake::Stopped(error.clone());
            std::mem::take(&mut queue.waiting)
        };
        if *error != LogError::Closed {
            tracing::error!(%error, "the log has stopped");
        }
        let mut bytes = 0;
        for (group, done) in std::mem::take(&mut self.taken).into_iter().chain(waiting) {
            bytes += group.bytes();
            done(Err(error.clone()));
        }
        self.release(bytes);
        self.shared.end.send_modify(|end| end.stopped = Some(error.clone()));
        // Nobody may wait for room that will never come; a submit then says why.
        self.shared.room.notify_waiters();
    }

    /// Goes on in a new segment. The one before was synced with its last record.
    fn rotate(&mut self) -> Result<(), LogError> {
        let options = &self.shared.options;
        let segments = lock(&self.shared.segments).len() as u64;
        if segments > 0 && (segments + 1) * options.segment_bytes > options.disk_bytes_max {
            return Err(LogError::NoSpace { path: self.shared.disk.path("") });
        }
        let name = segment_name(self.tail.next);
        let path = self.shared.disk.path(&name);
        let file = self.spares.get(&self.shared)?;
        let header = SegmentHeader { first: self.tail.next, chain: self.tail.chain }.encode();
        file.write_at(&header, 0).map_err(|error| failed("writing", &path, &error))?;
        file.sync()
            .map_err(|error| LogError::SyncFailed { path: path.clone(), problem: error.to_string() })?;
        let renamed = self.shared.disk.rename(SPARE_NAME, &name);
        renamed.map_err(|error| failed("renaming the spare segment to", &path, &error))?;
        self.spares.used();
        lock(&self.shared.segments).insert(self.tail.next, name);
        self.tail.position = SEGMENT_HEADER_BYTES;
        self.current = Some(Current { file, path, bytes: options.segment_bytes, tail: self.tail });
        Ok(())
    }
}

/// Space may come back by itself; any other failure leaves what the disk holds unknown.
fn failed(operation: &'static str, path: &str, error: &io::Error) -> LogError {
    if matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) {
        LogError::NoSpace { path: path.to_owned() }
    } else {
        io_error(operation, path, error)
    }
}

/// Takes what one sync may carry.
fn take(queue: &mut Queue) -> Waiting {
    let mut bytes = 0;
    let mut count = 0;
    for (group, _) in &queue.waiting {
        if count > 0 && bytes + group.bytes() > SYNC_BYTES_MAX {
            break;
        }
        bytes += group.bytes();
        count += 1;
    }
    queue.waiting.drain(..count).collect()
}

type Spare = io::Result<Arc<dyn DiskFile>>;

/// Makes the next segment's file while the current one fills.
struct Spares {
    /// `None` only while it is dropped.
    wanted: Option<mpsc::Sender<()>>,
    made: mpsc::Receiver<Spare>,
    /// Made, and not a segment yet.
    ready: Option<Arc<dyn DiskFile>>,
    thread: Option<JoinHandle<()>>,
}

impl Spares {
    fn start(shared: &Arc<Shared>) -> Self {
        let (wanted, requests) = mpsc::channel();
        let (send, made) = mpsc::channel();
        let disk = Arc::clone(&shared.disk);
        let bytes = shared.options.segment_bytes;
        let work = move || {
            while requests.recv().is_ok() {
                if send.send(disk.create(SPARE_NAME, bytes)).is_err() {
                    return;
                }
            }
        };
        let started = std::thread::Builder::new().name("log-spare".to_owned()).spawn(work);
        // Without the thread `made` is closed, and the first rotation fails for it.
        let thread = started
            .inspect_err(
                |error| tracing::error!(%error, "starting the thread that allocates segments failed"),
            )
            .ok();
        let spares = Self { wanted: Some(wanted), made, ready: None, thread };
        spares.order();
        spares
    }

    /// One order is always under way or answered, unless a spare is ready: `get` never waits for what
    /// nobody makes.
    fn order(&self) {
        // A thread that is gone shows when the spare is taken.
        self.wanted.as_ref().map(|wanted| wanted.send(()).ok());
    }

    /// The spare; the same one until it is used.
    fn get(&mut self, shared: &Shared) -> Result<Arc<dyn DiskFile>, LogError> {
        if let Some(file) = &self.ready {
            return Ok(Arc::clone(file));
        }
        match self.made.recv() {
            Ok(Ok(file)) => Ok(Arc::clone(self.ready.insert(file))),
            Ok(Err(error)) => {
                self.order();
                Err(failed("allocating", &shared.disk.path(SPARE_NAME), &error))
            }
            Err(mpsc::RecvError) => Err(LogError::Closed),
        }
    }

    /// The spare has become a segment.
    fn used(&mut self) {
        self.ready = None;
        self.order();
    }
}

impl Drop for Spares {
    fn drop(&mut self) {
        self.wanted = None;
        if let Some(thread) = self.thread.take() {
            // It holds the disk, and whoever opens the log next needs the disk's lock.
            thread.join().ok();
        }
    }
}
