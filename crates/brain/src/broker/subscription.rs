//! A subscriber's own bounded queue.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use signals::{Reading, Sample, SignalId};
use tokio::sync::Notify;

/// What the broker puts samples in.
#[derive(Debug)]
pub(super) struct Mailbox {
    waiting: Mutex<Waiting>,
    arrived: Notify,
    open: AtomicBool,
    capacity: usize,
}

#[derive(Debug, Default)]
struct Waiting {
    samples: VecDeque<Sample>,
    dropped: u64,
}

/// A subscriber's end. Dropping it ends the subscription.
#[derive(Debug)]
pub struct Subscription {
    mailbox: Arc<Mailbox>,
}

impl Mailbox {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            waiting: Mutex::default(),
            arrived: Notify::new(),
            open: AtomicBool::new(true),
            capacity: capacity.max(1),
        }
    }

    /// False when nobody reads any more.
    pub(super) fn put(&self, signal: SignalId, reading: &Reading) -> bool {
        if !self.is_open() {
            return false;
        }
        let mut waiting = self.lock();
        if waiting.samples.len() == self.capacity {
            waiting.samples.pop_front();
            waiting.dropped += 1;
        }
        let was_empty = waiting.samples.is_empty();
        waiting.samples.push_back(Sample { signal, reading: reading.clone() });
        drop(waiting);
        if was_empty {
            self.arrived.notify_one();
        }
        true
    }

    pub(super) fn is_open(&self) -> bool {
        self.open.load(Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Subscription {
    pub(super) fn new(mailbox: Arc<Mailbox>) -> Self {
        Self { mailbox }
    }

    /// The oldest sample that waits.
    pub fn try_next(&mut self) -> Option<Sample> {
        self.mailbox.lock().samples.pop_front()
    }

    /// Waits for a sample. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Sample {
        loop {
            self.waiting().await;
            if let Some(sample) = self.try_next() {
                return sample;
            }
        }
    }

    /// Waits until there is a sample to take.
    pub async fn waiting(&self) {
        while self.mailbox.lock().samples.is_empty() {
            // What arrives in between leaves a permit, so nothing is missed.
            self.mailbox.arrived.notified().await;
        }
    }

    /// Moves all that waits to `samples`, at the price of one lock.
    pub fn drain(&mut self, samples: &mut VecDeque<Sample>) {
        let mut waiting = self.mailbox.lock();
        if samples.is_empty() {
            std::mem::swap(&mut waiting.samples, samples);
        } else {
            samples.append(&mut waiting.samples);
        }
    }

    /// Samples that were lost because the subscriber was too slow.
    pub fn dropped(&self) -> u64 {
        self.mailbox.lock().dropped
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.mailbox.open.store(false, Ordering::Relaxed);
    }
}
