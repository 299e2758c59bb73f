//! What the audit log costs, on one core: `cargo bench -p audit --bench log`.

use std::collections::BTreeMap;

use audit::{Event, Files, Hash, LogPath, ProofPlan, Tree, verify};
use divan::{Bencher, black_box, counter::ItemsCount};

mod entries;

fn main() {
    divan::main();
}

/// As many as a busy region logs in a second.
const BATCH: u64 = 1_000;

/// A log of 100,000 entries.
fn log() -> (Tree, BTreeMap<LogPath, Vec<u8>>) {
    let (mut tree, mut files) = (Tree::EMPTY, BTreeMap::new());
    for start in (0..100_000).step_by(10_000) {
        let append = tree.append((start..start + 10_000).map(entries::entry)).expect("the batch is small");
        files.extend(append.writes.into_iter().map(|write| (write.path, write.bytes)));
        tree = append.tree;
    }
    (tree, files)
}

#[divan::bench]
fn encode(bencher: Bencher<'_, '_>) {
    let events: Vec<Event> = (0..BATCH).map(entries::event).collect();
    let encode = || events.iter().map(|event| black_box(event).encode().len()).sum::<usize>();
    bencher.counter(ItemsCount::new(events.len())).bench_local(encode);
}

#[divan::bench]
fn decode(bencher: Bencher<'_, '_>) {
    let entries: Vec<Vec<u8>> = (0..BATCH).map(entries::entry).collect();
    let decode = || entries.iter().filter(|entry| Event::decode(black_box(entry)).is_ok()).count();
    bencher.counter(ItemsCount::new(entries.len())).bench_local(decode);
}

/// A batch onto a log that is there, with the root to sign.
#[divan::bench]
fn append(bencher: Bencher<'_, '_>) {
    let (tree, _) = log();
    let entries: Vec<Vec<u8>> = (0..BATCH).map(entries::entry).collect();
    bencher.counter(ItemsCount::new(entries.len())).bench_local(|| {
        let append = black_box(&tree).append(&entries).expect("the batch is small");
        (append.writes.len(), append.tree.head())
    });
}

#[divan::bench]
fn prove_inclusion(bencher: Bencher<'_, '_>) {
    let (tree, files) = log();
    bencher.bench_local(|| proof(black_box(77_777), &tree, &files));
}

#[divan::bench]
fn verify_inclusion(bencher: Bencher<'_, '_>) {
    let (tree, files) = log();
    let (head, path) = (tree.head(), proof(77_777, &tree, &files));
    let leaf = Hash::of_leaf(&entries::entry(77_777));
    bencher.bench_local(|| verify::inclusion(leaf, 77_777, head.size, head.root, black_box(&path)));
}

fn proof(index: u64, tree: &Tree, files: &impl Files) -> Vec<Hash> {
    let plan = ProofPlan::inclusion(index, tree.head().size).expect("the entry is there");
    plan.prove(files).expect("all files are there")
}
