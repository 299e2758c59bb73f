//! The bar: a million entries, and a proof of any of them in at most a millisecond.
//!
//! `cargo bench -p audit --bench million -- ENTRIES` prints one line. Everything is in memory; a proof is
//! planned, made from the tiles, built with its entry and the signed checkpoint, and then verified from its
//! text with the log's public key alone, signature included.

use std::{collections::BTreeMap, io::Write as _, time::Instant};

use audit::{
    Algorithm, Auditor, Checkpoint, Evidence, LogPath, Policy, SignedCheckpoint, Signer as _, SoftwareSigner,
    TlogProof, Tree, entries_of, verifier_key,
};

mod entries;

/// What a platform writes at once.
const BATCH: u64 = 1_000;

const PROOFS: u64 = 10_000;

fn main() {
    let entries =
        std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(1_000_000_u64);
    let signer = SoftwareSigner::from_seed("example.com/audit".parse().expect("it is a name"), &[7; 32])
        .expect("the seed is 32 bytes");
    let started = now();
    let (tree, files) = build(entries);
    let append_s = started.elapsed().as_secs_f64();

    let started = now();
    let policy = Policy::of_log(verifier_key(&signer, Algorithm::Ed25519));
    let checkpoint = Checkpoint::new(signer.name().as_str(), tree.head()).expect("the origin is short");
    let note = checkpoint.sign(&[&signer]).expect("a key in memory signs");
    let signed = policy.verify(&note.to_string()).expect("it was signed here");
    let sign_us = started.elapsed().as_secs_f64() * 1e6;

    let (mut prove_us, mut verify_us, mut proof_bytes) = (Vec::new(), Vec::new(), 0);
    for number in 0..PROOFS {
        let index = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) % entries;
        let started = now();
        let text = prove(index, &signed, &files).to_string();
        prove_us.push(started.elapsed().as_secs_f64() * 1e6);
        let started = now();
        let proof: TlogProof = text.parse().expect("it was written here");
        proof.verify(&policy).expect("it was proven here");
        verify_us.push(started.elapsed().as_secs_f64() * 1e6);
        proof_bytes = proof_bytes.max(text.len());
    }

    let started = now();
    let mut auditor = Auditor::new(tree.head()).expect("the tree is small");
    while let Some(path) = auditor.poll_read() {
        auditor.handle_read(files.get(&path).map(Vec::as_slice)).expect("a file is awaited");
    }
    let report = auditor.finish().expect("all was read");
    let audit_s = started.elapsed().as_secs_f64();
    let stored: usize = files.values().map(Vec::len).sum();
    let (prove, verify) = (percentiles(prove_us), percentiles(verify_us));
    writeln!(
        std::io::stdout(),
        "entries={entries} append_s={append_s:.2} entries_per_s={:.0} stored_bytes_per_entry={:.0} \
         checkpoint_us={sign_us:.0} prove_us_p50={:.0} prove_us_p99={:.0} prove_us_max={:.0} \
         verify_us_p50={:.0} verify_us_p99={:.0} verify_us_max={:.0} proof_bytes_max={proof_bytes} \
         audit_s={audit_s:.2} intact={}",
        entries as f64 / append_s,
        stored as f64 / entries as f64,
        prove[0],
        prove[1],
        prove[2],
        verify[0],
        verify[1],
        verify[2],
        report.is_intact(),
    )
    .expect("standard output can be written");
}

/// Appends all entries batch by batch, and keeps what a store would.
fn build(entries: u64) -> (Tree, BTreeMap<LogPath, Vec<u8>>) {
    let (mut tree, mut files) = (Tree::EMPTY, BTreeMap::new());
    for start in (0..entries).step_by(usize::try_from(BATCH).expect("it is small")) {
        let batch = (start..(start + BATCH).min(entries)).map(entries::entry);
        let append = tree.append(batch).expect("the batch is small");
        files.extend(append.writes.into_iter().map(|write| (write.path, write.bytes)));
        tree = append.tree;
        // What is signed in a real log; here it makes sure that its cost is in the rate.
        std::hint::black_box(tree.head());
    }
    let current: std::collections::BTreeSet<LogPath> =
        Auditor::new(tree.head()).expect("the tree is small").reads_ahead().collect();
    // Older partial files are cleared away, but for the one that was polled out of the walk already.
    files.retain(|path, _| current.contains(path) || *path == path.full() || is_edge(*path, &tree));
    (tree, files)
}

fn is_edge(path: LogPath, tree: &Tree) -> bool {
    Tree::reads(tree.head().size).is_ok_and(|reads| reads.contains(&path))
}

fn prove(index: u64, checkpoint: &SignedCheckpoint, files: &BTreeMap<LogPath, Vec<u8>>) -> TlogProof {
    let bundle = LogPath::entries_holding(index, checkpoint.head().size).expect("the entry is there");
    let entries = entries_of(bundle, &files[&bundle]).expect("it was written here");
    let entry = entries[usize::try_from(index % 256).expect("it is small")].to_vec();
    let evidence = Evidence::new(entry, Vec::new()).expect("the entry is short");
    TlogProof::build(evidence, index, checkpoint, files).expect("all files are there")
}

/// The median, the 99th percentile and the maximum.
fn percentiles(mut times: Vec<f64>) -> [f64; 3] {
    times.sort_by(f64::total_cmp);
    let at = |part: usize| times[(times.len() - 1) * part / 100];
    [at(50), at(99), at(100)]
}

#[expect(clippy::disallowed_methods, reason = "a bench measures by the clock")]
fn now() -> Instant {
    Instant::now()
}
