//! What a published sample costs.

use std::{collections::VecDeque, sync::Arc};

use brain::broker::{Broker, Follow};
use divan::{Bencher, counter::ItemsCount};
use model::Timestamp;
use signals::{Catalogue, Reading, Sample, SignalId, Value};

fn main() {
    divan::main();
}

/// As many as a frame of a chassis bus brings.
const PER_FRAME: usize = 8;

fn signals() -> Vec<SignalId> {
    Catalogue::core().leaves().take(200).map(|leaf| leaf.id).collect()
}

fn frame(signals: &[SignalId], time: i64) -> impl Iterator<Item = Sample> {
    let reading = Reading::good(Value::Float(12.5), Timestamp(time));
    signals.iter().map(move |signal| Sample { signal: *signal, reading: reading.clone() })
}

#[divan::bench]
fn publish_without_subscribers(bencher: Bencher<'_, '_>) {
    let broker = Broker::new(Catalogue::core(), brain::clock::system);
    let signals = signals();
    let mut time = 0;
    bencher.counter(ItemsCount::new(signals.len())).bench_local(|| {
        time += 1;
        for signals in signals.chunks(PER_FRAME) {
            broker.publish_all(frame(signals, time));
        }
    });
}

#[divan::bench]
fn publish_to_one_subscriber(bencher: Bencher<'_, '_>) {
    let broker = Arc::new(Broker::new(Catalogue::core(), brain::clock::system));
    let signals = signals();
    let mut subscription = broker.subscribe(&signals, Follow::Current, 1_024);
    let mut seen = VecDeque::new();
    let mut time = 0;
    bencher.counter(ItemsCount::new(signals.len())).bench_local(|| {
        time += 1;
        for signals in signals.chunks(PER_FRAME) {
            broker.publish_all(frame(signals, time));
        }
        subscription.drain(&mut seen);
        seen.clear();
    });
}
