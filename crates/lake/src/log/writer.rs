//! The thread that makes groups durable: it writes all that waits, syncs once, then tells.

use std::{
    io,
    sync::{Arc, mpsc},
    thread::JoinHandle,
    time::Duration,
};

use super::{
    Completion, Group, LogError, Offset, Record,
    disk::DiskFile,
    embedded::{Queue, Shared, lock},
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
    buffer: Vec<u8>,
}

type Waiting = Vec<(Group, Completion)>;

impl Writer {
    pub(super) fn new(shared: Arc<Shared>, current: Option<Current>, tail: Tail) -> Self {
        let spares = Spares::start(&shared);
        Self { shared, current, tail, spares, buffer: Vec::new() }
    }

    /// Runs until the log is closed or the disk fails.
    pub(super) fn run(mut self) {
        while let Some(groups) = self.wait() {
            if let Err(error) = self.store(groups) {
                self.stop(&error);
                return;
            }
        }
        self.stop(&LogError::Closed);
    }

    /// The next groups to store; `None` when the log is closing and all is stored.
    fn wait(&mut self) -> Option<Waiting> {
        loop {
            let mut queue = self.shared.queue();
            while queue.waiting.is_empty() && !queue.closing && queue.refusal.is_none() {
                queue = self.shared.work.wait(queue).unwrap_or_else(std::sync::PoisonError::into_inner);
            }
            if !queue.waiting.is_empty() {
                return Some(take(&mut queue));
            }
            if queue.closing {
                return None;
            }
            // The disk is full: look again now and then, and whenever the log was trimmed.
            let (queue, _) = self
                .shared
                .work
                .wait_timeout(queue, NO_SPACE_RETRY)
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            drop(queue);
            if self.rotate().is_ok() {
                self.shared.queue().refusal = None;
                self.shared.room.notify_waiters();
            }
        }
    }

    /// Stores groups in as many syncs as there are segments to fill. An error is final.
    fn store(&mut self, groups: Waiting) -> Result<(), LogError> {
        let mut groups = groups.into_iter().peekable();
        while groups.peek().is_some() {
            let mut fitting = Vec::new();
            let mut bytes = 0;
            let free = self.current.as_ref().map_or(0, |current| current.bytes - self.tail.position);
            while let Some((group, _)) = groups.peek() {
                bytes += (RECORD_HEADER_BYTES + group.bytes()) as u64;
                if bytes > free {
                    break;
                }
                fitting.extend(groups.next());
            }
            if !fitting.is_empty() {
                self.write(fitting)?;
            } else if let Err(error) = self.rotate() {
                let no_space = matches!(error, LogError::NoSpace { .. });
                if no_space {
                    self.refuse(&error);
                }
                self.finish(groups.by_ref().collect(), &error);
                if !no_space {
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// Writes groups that fit the segment, syncs, then answers and hands on.
    fn write(&mut self, groups: Waiting) -> Result<(), LogError> {
        let Some(current) = &self.current else { return Err(LogError::Closed) };
        let durable = self.tail.next;
        let mut tail = self.tail;
        self.buffer.clear();
        for (group, _) in &groups {
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
        if let Err(error) = current.file.write_at(&self.buffer, self.tail.position) {
            // Nothing moved on: the next records overwrite what was written, and the chain keeps
            // what is left of it from being read.
            let full = error.kind() == io::ErrorKind::StorageFull;
            let reason = if full {
                LogError::NoSpace { path: current.path.clone() }
            } else {
                io_error("writing", &current.path, &error)
            };
            if full {
                self.refuse(&reason);
            }
            self.finish(groups, &reason);
            return if full { Ok(()) } else { Err(reason) };
        }
        if let Err(error) = current.file.sync() {
            // After a failed sync the kernel may drop the pages and report success the next time,
            // so nothing written here can be trusted any more.
            let reason = LogError::SyncFailed { path: current.path.clone(), problem: error.to_string() };
            self.finish(groups, &reason);
            return Err(reason);
        }
        tail.position += self.buffer.len() as u64;
        self.tail = tail;
        self.acknowledge(groups, durable);
        Ok(())
    }

    fn acknowledge(&mut self, groups: Waiting, first: Offset) {
        let mut bytes = 0;
        let mut answers = Vec::with_capacity(groups.len());
        let mut recent = lock(&self.shared.recent);
        let mut offset = first;
        for (group, done) in groups {
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

    /// Answers groups that were not stored.
    fn finish(&mut self, groups: Waiting, error: &LogError) {
        let mut bytes = 0;
        for (group, done) in groups {
            bytes += group.bytes();
            done(Err(error.clone()));
        }
        self.release(bytes);
    }

    fn release(&self, bytes: usize) {
        let mut queue = self.shared.queue();
        queue.in_flight_bytes -= bytes;
        if queue.has_room(&self.shared.options) {
            drop(queue);
            self.shared.room.notify_waiters();
        }
    }

    /// Takes nothing more until there is space. Before those who wait are told: they may look for
    /// room at once.
    fn refuse(&self, error: &LogError) {
        tracing::error!(%error, "the log refuses batches");
        self.shared.queue().refusal = Some(error.clone());
    }

    /// Takes nothing more for ever.
    fn stop(&mut self, error: &LogError) {
        let waiting = {
            let mut queue = self.shared.queue();
            queue.refusal = Some(error.clone());
            std::mem::take(&mut queue.waiting)
        };
        if *error != LogError::Closed {
            tracing::error!(%error, "the log has stopped");
        }
        self.finish(waiting.into(), error);
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
        let file = self.spares.take(&self.shared)?;
        let header = SegmentHeader { first: self.tail.next, chain: self.tail.chain }.encode();
        file.write_at(&header, 0)
            .and_then(|()| file.sync())
            .and_then(|()| self.shared.disk.rename(SPARE_NAME, &name))
            .map_err(|error| LogError::SyncFailed { path: path.clone(), problem: error.to_string() })?;
        lock(&self.shared.segments).insert(self.tail.next, name);
        self.tail.position = SEGMENT_HEADER_BYTES;
        self.current = Some(Current { file, path, bytes: options.segment_bytes, tail: self.tail });
        self.spares.prepare();
        Ok(())
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
        let spares = Self { wanted: Some(wanted), made, thread };
        spares.prepare();
        spares
    }

    fn prepare(&self) {
        // A thread that is gone shows when the spare is taken.
        self.wanted.as_ref().map(|wanted| wanted.send(()).ok());
    }

    fn take(&self, shared: &Shared) -> Result<Arc<dyn DiskFile>, LogError> {
        let path = shared.disk.path(SPARE_NAME);
        match self.made.recv() {
            Ok(Ok(file)) => Ok(file),
            Ok(Err(error)) => {
                self.prepare();
                if error.kind() == io::ErrorKind::StorageFull {
                    return Err(LogError::NoSpace { path });
                }
                Err(io_error("allocating", &path, &error))
            }
            Err(mpsc::RecvError) => Err(LogError::Closed),
        }
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
