//! How fast batches of 10 s x 20 signals are encoded and decoded.

use std::sync::Arc;

use divan::{Bencher, black_box, counter::ItemsCount};
use signals::Catalogue;
use wire::{Decoder, Encoder, parse_header};

mod traffic;

const BATCHES: usize = 64;

fn main() {
    divan::main();
}

fn encoded(catalogue: &Arc<Catalogue>) -> (Vec<Vec<u8>>, usize) {
    let ready = traffic::batches(catalogue, 1, BATCHES);
    let samples = ready.iter().map(campaigns::ReadyBatch::samples).sum();
    let mut encoder = Encoder::default();
    let encode = |batch| {
        encoder.encode(&traffic::meta(batch, 1_000), &batch.groups, catalogue).expect("it is a good batch")
    };
    (ready.iter().map(encode).collect(), samples)
}

#[divan::bench]
fn encode(bencher: Bencher<'_, '_>) {
    let catalogue = Catalogue::core();
    let ready = traffic::batches(&catalogue, 1, BATCHES);
    let samples: usize = ready.iter().map(campaigns::ReadyBatch::samples).sum();
    let mut encoder = Encoder::default();
    bencher.counter(ItemsCount::new(samples)).bench_local(|| {
        for batch in &ready {
            black_box(encoder.encode(&traffic::meta(batch, 1_000), &batch.groups, &catalogue)).ok();
        }
    });
}

#[divan::bench]
fn decode(bencher: Bencher<'_, '_>) {
    let catalogue = Catalogue::core();
    let (batches, samples) = encoded(&catalogue);
    let mut decoder = Decoder::default();
    bencher.counter(ItemsCount::new(samples)).bench_local(|| {
        for batch in &batches {
            let (header, body) = parse_header(batch).expect("it was encoded here");
            black_box(decoder.decode(&header, body, &catalogue)).ok();
        }
    });
}

/// What a gateway does with each batch.
#[divan::bench]
fn header(bencher: Bencher<'_, '_>) {
    let catalogue = Catalogue::core();
    let (batches, _) = encoded(&catalogue);
    bencher.counter(ItemsCount::new(batches.len())).bench_local(|| {
        for batch in &batches {
            black_box(parse_header(batch)).ok();
        }
    });
}
