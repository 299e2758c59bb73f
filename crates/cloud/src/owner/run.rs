//! The owner's loop: records in, twins and rows out, flushes on the way.

use std::{collections::VecDeque, sync::Arc};

use lake::{
    TableName,
    log::{Entry, LogError, LogReader, Offset, Record},
};
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::{Instant, sleep_until},
};
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument as _;

use super::{
    Command, Durable, OwnerError, OwnerOptions, OwnerParts, Twins,
    apply::{Applier, Outcome},
    collects::Known,
    flush::{self, Flush, FlushParts, Written},
    quarantine::Quarantine,
    recover::Recovered,
};

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
    applier: Applier,
    collects: Known,
    quarantine: Quarantine,
    reader: Box<dyn LogReader>,
    /// The next offset to apply.
    next: Offset,
    /// What the buffer holds begins here.
    buffered_from: Offset,
    emit_from: [Offset; 2],
    /// Offsets from here on were not in the log when the owner started.
    live_from: Offset,
    flushing: Option<AbortOnDropHandle<Durable>>,
    /// Files with rows of what the buffer began with; the next flush records them with its own.
    spilled: Vec<Written>,
    /// Who waits for a flush up to an offset.
    waiting: VecDeque<(Offset, oneshot::Sender<Offset>)>,
    flush_at: Instant,
}

impl Run {
    pub(super) fn new(
        parts: OwnerParts,
        options: OwnerOptions,
        twins: Twins,
        recovered: Recovered,
        channels: Channels,
    ) -> Result<Self, OwnerError> {
        let Recovered { state, offset, emit_from, quarantine } = recovered;
        *twins.state() = state;
        let reader = parts.log.read(options.shard, offset)?;
        let buckets = parts.lake.table(TableName::Telemetry).buckets();
        let collects = Known::new(Arc::clone(&parts.collects));
        let live_from = parts.log.end(options.shard);
        let flush_at = Instant::now() + options.flush_age.to_duration();
        Ok(Self {
            parts,
            options,
            twins,
            channels,
            applier: Applier::new(buckets),
            collects,
            quarantine,
            reader,
            next: offset,
            buffered_from: offset,
            emit_from,
            live_from,
            flushing: None,
            spilled: Vec::new(),
            waiting: VecDeque::new(),
            flush_at,
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
                    Ok(records) => if let Err(error) = self.apply(records).await {
                        tracing::error!(%error, "the owner stops; the log has all rows");
                        return;
                    },
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

    async fn apply(&mut self, records: Vec<Arc<Record>>) -> Result<(), OwnerError> {
        for record in records {
            let batches = record.group.len();
            let span = tracing::debug_span!("owner apply", offset = record.offset.0, batches);
            let outcome = self.apply_record(&record).instrument(span).await?;
            self.next = record.offset.next();
            self.report(record.offset, outcome).await;
            if self.parts.lake.buffered_bytes() >= self.options.flush_bytes && self.flushing.is_none() {
                self.flush();
            }
            // A record may take milliseconds, and others live on this thread.
            tokio::task::yield_now().await;
        }
        self.channels.applied.send_replace(self.next);
        Ok(())
    }

    async fn apply_record(&mut self, record: &Record) -> Result<Outcome, OwnerError> {
        let mut outcome = Outcome::default();
        for entry in record.group.entries() {
            self.apply_batch(record.offset, entry, &mut outcome).await?;
        }
        // Rows can be read before anybody is told of them.
        self.twins.tell(|| outcome.changes());
        Ok(outcome)
    }

    async fn apply_batch(
        &mut self,
        offset: Offset,
        entry: Entry,
        outcome: &mut Outcome,
    ) -> Result<(), OwnerError> {
        let opened = Applier::open(entry, &mut self.twins.state(), outcome);
        let Some(batch) = opened else { return Ok(()) };
        let hash = batch.catalogue();
        let catalogue = self.parts.catalogues.get(hash).ok_or(OwnerError::Catalogue { offset, hash })?;
        let (campaign, version) = (batch.meta().campaign, batch.meta().version);
        let Some(collected) = self.collects.signals(campaign, version).await else {
            batch.refuse("its campaign has no such version", &mut self.twins.state(), outcome);
            return Ok(());
        };
        let twins = &self.twins;
        let chunks = self.applier.apply(batch, &catalogue, &collected, || twins.state(), outcome);
        for (table, chunk) in chunks {
            if offset >= self.emit_from[table.index()]
                && let Some(copied) = self.parts.lake.table(table).append(chunk)
            {
                self.applier.recycle(copied);
            }
        }
        self.make_room(offset).await
    }

    /// Waits while the buffer is full. A few bytes of the log may be many rows: where no flush will
    /// make room, since what is buffered is of a record that is not applied whole yet, files are
    /// written that the next flush records.
    async fn make_room(&mut self, offset: Offset) -> Result<(), OwnerError> {
        while self.parts.lake.buffered_bytes() >= self.options.buffer_bytes_max {
            if self.flushing.is_some() {
                let durable = finished(&mut self.flushing).await.ok_or(OwnerError::Stopped)?;
                self.flushed(durable);
                continue;
            }
            let cuts = TableName::ALL.map(|table| self.parts.lake.table(table).cut());
            let part = self.spilled.len();
            let name = format!("{:03}-{:020}-part-{part:06}", self.options.shard.0, offset.0);
            let parts = self.flush_parts();
            let written = flush::write(&parts, &cuts, &name).await;
            flush::replace(&parts, &cuts, &written);
            self.spilled.extend(written);
        }
        Ok(())
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
            self.quarantine.keep(offset, index, entry.payload).await;
        }
    }

    /// Cuts the buffer and writes what was in it.
    fn flush(&mut self) {
        self.flush_at = Instant::now() + self.options.flush_age.to_duration();
        self.quarantine.refill();
        let (from, to) = (self.buffered_from, self.next);
        if from == to {
            let durable = *self.channels.durable.borrow();
            self.answer(durable);
            return;
        }
        let state = self.twins.state().clone();
        let cuts = TableName::ALL.map(|table| self.parts.lake.table(table).cut());
        self.buffered_from = to;
        let spilled = std::mem::take(&mut self.spilled);
        let flush = Flush { shard: self.options.shard, from, to, cuts, spilled, state };
        let span = tracing::debug_span!("owner flush", from = from.0, to = to.0);
        let task = tokio::spawn(flush::run(self.flush_parts(), flush).instrument(span));
        self.flushing = Some(AbortOnDropHandle::new(task));
    }

    fn flush_parts(&self) -> FlushParts {
        let OwnerParts { lake, ledger, clock, .. } = self.parts.clone();
        FlushParts { lake, ledger, clock }
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
