//! Samples that campaigns and consent allow, into batches, into the queue.

use std::{collections::VecDeque, sync::Arc};

use campaigns::{Collector, Permissions, Plan, ReadyBatch};
use model::{Micros, Timestamp};
use signals::Sample;
use wire::{BatchMeta, ClockState};

use crate::{
    BatchObserver, Shared,
    broker::{Broker, Subscription},
    queue::Queue,
};

/// Samples that may wait for the collector. It is called after every message of the bus, which
/// brings some ten samples; the room is for bursts of apps.
const WAITING_MAX: usize = 4_096;

/// A car's collecting.
#[derive(Debug)]
pub(crate) struct Collect {
    collector: Collector,
    subscription: Subscription,
    waiting: VecDeque<Sample>,
    missed: u64,
    /// What the collector had counted when it was last asked.
    counted: campaigns::Counters,
    clock: ClockState,
    shared: Arc<Shared>,
    observer: Option<Arc<dyn BatchObserver>>,
}

impl Collect {
    pub(crate) fn new(
        broker: &Broker,
        plan: Arc<Plan>,
        permissions: Permissions,
        phase: Micros,
        shared: Arc<Shared>,
    ) -> Self {
        let subscription = broker.subscribe_from_now(plan.signals(), WAITING_MAX);
        let mut collector = Collector::new(plan, phase);
        collector.set_permissions(permissions);
        Self {
            collector,
            subscription,
            waiting: VecDeque::new(),
            missed: 0,
            counted: campaigns::Counters::default(),
            clock: ClockState::Unknown,
            shared,
            observer: None,
        }
    }

    #[must_use]
    pub(crate) fn observed_by(self, observer: Option<Arc<dyn BatchObserver>>) -> Self {
        Self { observer, ..self }
    }

    /// Goes over to other campaigns; what waits leaves under the old ones.
    pub(crate) fn set_plan(&mut self, now: Timestamp, broker: &Broker, plan: Arc<Plan>) {
        self.take(now);
        self.subscription = broker.subscribe_from_now(plan.signals(), WAITING_MAX);
        self.missed = 0;
        self.collector.set_plan(now, plan);
    }

    pub(crate) fn set_permissions(&mut self, permissions: Permissions) {
        self.collector.set_permissions(permissions);
    }

    /// What batches say of the clock from now on.
    pub(crate) fn set_clock_state(&mut self, state: ClockState) {
        self.clock = state;
    }

    /// Takes what was published, and queues the batches that are due.
    pub(crate) fn poll(&mut self, now: Timestamp, queue: &mut Queue) {
        self.take(now);
        while let Some(batch) = self.collector.poll(now) {
            self.queue(&batch, queue);
        }
        self.count();
    }

    /// Queues all that waits, for an orderly end.
    pub(crate) fn flush(&mut self, now: Timestamp, queue: &mut Queue) {
        self.take(now);
        self.collector.flush_all(now);
        self.poll(now, queue);
    }

    /// Waits until a sample was published that some campaign asks for.
    pub(crate) async fn waiting(&self) {
        self.subscription.waiting().await;
    }

    pub(crate) fn next_deadline(&self) -> Option<Timestamp> {
        self.collector.next_deadline()
    }

    fn take(&mut self, now: Timestamp) {
        self.subscription.drain(&mut self.waiting);
        if self.waiting.is_empty() {
            return;
        }
        for sample in self.waiting.drain(..) {
            self.collector.handle_reading(now, &sample);
        }
        let missed = self.subscription.dropped();
        self.shared.stats.samples_missed.add(missed - self.missed);
        self.missed = missed;
    }

    fn count(&mut self) {
        let stats = &self.shared.stats;
        let counted = self.collector.counters();
        stats.readings_not_newer.add(counted.not_newer - self.counted.not_newer);
        stats.readings_out_of_time.add(counted.out_of_time - self.counted.out_of_time);
        stats.readings_withheld.add(counted.withheld - self.counted.withheld);
        stats.readings_over_quota.add(counted.over_quota - self.counted.over_quota);
        self.counted = counted;
    }

    fn queue(&mut self, batch: &ReadyBatch, queue: &mut Queue) {
        let stats = &self.shared.stats;
        let key = queue.next_key(batch.lane);
        let meta = BatchMeta {
            epoch: key.epoch,
            seq: key.seq,
            lane: batch.lane,
            campaign: batch.campaign,
            version: batch.version,
            purpose: batch.purpose,
            consent_epoch: batch.consent_epoch,
            clock: self.clock,
            dropped: Vec::new(),
        };
        let catalogue = self.collector.plan().catalogue();
        let payload = match self.shared.encode(&meta, &batch.groups, catalogue) {
            Ok(payload) => payload,
            Err(error) => {
                stats.batches_lost.add(1);
                tracing::error!(%error, lane = %batch.lane, "a batch cannot be encoded");
                return;
            }
        };
        let dropped = queue.counters().dropped_batches;
        let appended = queue.append(batch.lane, &payload);
        let gone = queue.counters().dropped_batches - dropped;
        if let Err(error) = appended {
            stats.batches_lost.add(1);
            // The lost batch itself is counted among the dropped ones of the report.
            stats.batches_dropped.add(gone.saturating_sub(1));
            tracing::warn!(%error, lane = %batch.lane, "a batch cannot be queued");
            return;
        }
        stats.batches_dropped.add(gone);
        stats.batches_queued.add(1);
        stats.bytes_queued.add(payload.len() as u64);
        stats.samples_queued.add(batch.samples() as u64);
        if let Some(observer) = &self.observer {
            observer.queued(key, u32::try_from(batch.samples()).unwrap_or(u32::MAX));
        }
    }
}
