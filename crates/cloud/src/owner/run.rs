//! The owner's loop: records in, twins and rows out, flushes on the way.

use std::{collections::VecDeque, sync::Arc};

use lake::log::{LogError, LogReader, Offset, Record};
use model::CatalogueHash;
use signals::Catalogue;
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::{Instant, sleep_until},
};
use tokio_util::task::AbortOnDropHandle;

use super::{
    Command, Durable, OwnerError, OwnerOptions, OwnerParts, Twins,
    apply::{Applier, Outcome},
    flush::{self, Flush, FlushParts},
    recover::Recovered,
    snapshot,
};

/// Batches of which something was left out are kept for people to look at; a broken car may send
/// many, so that only so many of a run of the program are.
const QUARANTINED_MAX: u32 = 1_000;

type FindCatalogue = Box<dyn Fn(CatalogueHash) -> Option<Arc<Catalogue>> + Send>;

pub(super) struct Channels {
    pub(super) commands: mpsc::Receiver<Command>,
    pub(super) applied: watch::Sender<Offset>,
    pub(super) durable: watch::Sender<Durable>,
}

pub(super) struct Run {
    parts: OwnerParts,
    options: OwnerOptions,
    twins: Twins,
    channels: Channels,
    applier: Applier<FindCatalogue>,
    reader: Box<dyn LogReader>,
    /// The next offset to apply.
    next: Offset,
    /// What the buffer holds begins here.
    buffered_from: Offset,
    emit_from: [Offset; 2],
    /// Offsets from here on were not in the log when the owner started.
    live_from: Offset,
    flushing: Option<AbortOnDropHandle<Durable>>,
    /// Who waits for a flush up to an offset.
    waiting: VecDeque<(Offset, oneshot::Sender<Offset>)>,
    flush_at: Instant,
    quarantined: u32,
}

impl Run {
    pub(super) fn new(
        parts: OwnerParts,
        options: OwnerOptions,
        twins: Twins,
        recovered: Recovered,
        channels: Channels,
    ) -> Result<Self, OwnerError> {
        let Recovered { state, offset, emit_from } = recovered;
        *twins.state() = state;
        let reader = parts.log.read(options.shard, offset)?;
        let catalogues = parts.catalogues.clone();
        let find: FindCatalogue = Box::new(move |hash| catalogues.get(hash));
        let buckets = parts.lake.table(lake::TableName::Telemetry).buckets();
        let live_from = parts.log.end(options.shard);
        let flush_at = Instant::now() + options.flush_age.to_duration();
        Ok(Self {
            parts,
            options,
            twins,
            channels,
            applier: Applier::new(find, buckets),
            reader,
            next: offset,
            buffered_from: offset,
            emit_from,
            live_from,
            flushing: None,
            waiting: VecDeque::new(),
            flush_at,
            quarantined: 0,
        })
    }

    /// Runs until the log ends or the owner is dropped.
    pub(super) async fn run(mut self) {
        loop {
            let full = self.parts.lake.buffered_bytes() >= self.options.buffer_bytes_max;
            // A full buffer waits for its flush; the log keeps what comes.
            let paused = full && self.flushing.is_some();
            tokio::select! {
                biased;
                durable = finished(&mut self.flushing) => match durable {
                    Some(durable) => self.flushed(durable),
                    // A flush tries until it is done, so this one was taken down by a panic.
                    None => {
                        tracing::error!("a flush ended early, and the owner stops; the log has all rows");
                        return;
                    }
                },
                Some(command) = self.channels.commands.recv() => match command {
                    Command::Flush(answer) => self.waiting.push_back((self.next, answer)),
                },
                () = sleep_until(self.flush_at), if self.flushing.is_none() => self.flush(),
                records = self.reader.next(), if !paused => match records {
                    Ok(records) => self.apply(records).await,
                    Err(LogError::Closed) => return,
                    Err(error) => {
                        tracing::error!(%error, "the owner cannot read the log and stops");
                        return;
                    }
                },
            }
            let due =
                self.parts.lake.buffered_bytes() >= self.options.flush_bytes || !self.waiting.is_empty();
            if due && self.flushing.is_none() {
                self.flush();
            }
        }
    }

    async fn apply(&mut self, records: Vec<Arc<Record>>) {
        for record in records {
            let twins = &self.twins;
            let mut outcome = self.applier.apply(record.group.entries(), || twins.state());
            let changes = outcome.changes();
            for (table, chunk) in std::mem::take(&mut outcome.chunks) {
                if record.offset >= self.emit_from[table.index()] {
                    self.parts.lake.table(table).append([chunk]);
                }
            }
            // Rows can be read before anybody is told of them.
            self.twins.tell(changes);
            self.next = record.offset.next();
            self.report(record.offset, outcome).await;
            // A record may take milliseconds, and others live on this thread.
            tokio::task::yield_now().await;
        }
        self.channels.applied.send_replace(self.next);
    }

    /// Keeps and reports what was left out.
    async fn report(&mut self, offset: Offset, outcome: Outcome) {
        if offset >= self.live_from {
            for notice in outcome.notices {
                // A car that is told less asks no questions; the counts have it.
                self.parts.notices.try_send(notice).ok();
            }
        }
        for (index, entry) in outcome.quarantined.into_iter().enumerate() {
            self.quarantined += 1;
            if self.quarantined > QUARANTINED_MAX {
                return;
            }
            let name = format!("quarantine-{:03}-{:020}-{index:06}", self.options.shard.0, offset.0);
            if let Err(error) = self.parts.lake.states().put(&name, entry.payload).await {
                tracing::warn!(%error, "a quarantined batch could not be kept");
            }
        }
    }

    /// Cuts the buffer and writes what was in it.
    fn flush(&mut self) {
        self.flush_at = Instant::now() + self.options.flush_age.to_duration();
        let (from, to) = (self.buffered_from, self.next);
        if from == to {
            let durable = *self.channels.durable.borrow();
            self.answer(durable);
            return;
        }
        let snapshot = snapshot::encode(&self.twins.state(), to);
        let cuts = lake::TableName::ALL.map(|table| self.parts.lake.table(table).cut());
        self.buffered_from = to;
        let flush = Flush { shard: self.options.shard, from, to, cuts, snapshot: snapshot.into() };
        let OwnerParts { lake, ledger, clock, .. } = self.parts.clone();
        let task = tokio::spawn(flush::run(FlushParts { lake, ledger, clock }, flush));
        self.flushing = Some(AbortOnDropHandle::new(task));
    }

    fn flushed(&mut self, durable: Durable) {
        self.flushing = None;
        self.channels.durable.send_replace(durable);
        self.answer(durable);
    }

    fn answer(&mut self, durable: Durable) {
        while let Some((offset, _)) = self.waiting.front() {
            if *offset > durable.offset {
                return;
            }
            if let Some((offset, answer)) = self.waiting.pop_front() {
                // Who asked may be gone.
                answer.send(offset).ok();
            }
        }
    }
}

/// Waits for a flush if there is one.
async fn finished(flushing: &mut Option<AbortOnDropHandle<Durable>>) -> Option<Durable> {
    match flushing {
        Some(task) => task.await.ok(),
        None => std::future::pending().await,
    }
}
