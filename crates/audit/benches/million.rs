//! The bar: a million entries, and a proof of any of them in at most a millisecond.
//!
//! `cargo bench -p audit --bench million -- ENTRIES` prints one line. Everything is in memory; a proof is
//! planned, made from the tiles, built with its entry and the signed checkpoint, and then verified from its
//! text with the log's public key alone, signature included. Times are given by the wall and, as `cpu`, without
//! what others on the machine took meanwhile.

use std::{collections::BTreeMap, fmt, io::Write as _, time::Instant};

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

    let (mut prove_us, mut verify_us, mut proof_bytes) = (Times::default(), Times::default(), 0);
    for number in 0..PROOFS {
        let index = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) % entries;
        let text = prove_us.measure(|| prove(index, &signed, &files).to_string());
        verify_us.measure(|| {
            let proof: TlogProof = text.parse().expect("it was written here");
            proof.verify(&policy).expect("it was proven here");
        });
        proof_bytes = proof_bytes.max(text.len());
    }

    let started = now();
    let mut auditor = Auditor::new(tree.head()).expect("the tree is small");
    let current = auditor.poll_read().into_iter().chain(auditor.reads_ahead());
    let stored: usize = current.map(|path| files[&path].len()).sum();
    while let Some(path) = auditor.poll_read() {
        auditor.handle_read(files.get(&path).map(Vec::as_slice)).expect("a file is awaited");
    }
    let report = auditor.finish().expect("all was read");
    let audit_s = started.elapsed().as_secs_f64();
    writeln!(
        std::io::stdout(),
        "entries={entries} append_s={append_s:.2} entries_per_s={:.0} stored_bytes_per_entry={:.0} \
         checkpoint_us={sign_us:.0} prove_us: {prove_us} verify_us: {verify_us} proof_bytes_max={proof_bytes} \
         audit_s={audit_s:.2} intact={}",
        entries as f64 / append_s,
        stored as f64 / entries as f64,
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
    (tree, files)
}

fn prove(index: u64, checkpoint: &SignedCheckpoint, files: &BTreeMap<LogPath, Vec<u8>>) -> TlogProof {
    let bundle = LogPath::entries_holding(index, checkpoint.head().size).expect("the entry is there");
    let entries = entries_of(bundle, &files[&bundle]).expect("it was written here");
    let entry = entries[usize::try_from(index % 256).expect("it is small")].to_vec();
    let evidence = Evidence::new(entry, Vec::new()).expect("the entry is short");
    TlogProof::build(evidence, index, checkpoint, files).expect("all files are there")
}

/// Microseconds of one thing done many times.
#[derive(Default)]
struct Times {
    wall: Vec<f64>,
    cpu: Vec<f64>,
}

impl Times {
    fn measure<T>(&mut self, run: impl FnOnce() -> T) -> T {
        let (started, started_cpu) = (now(), cpu_us());
        let result = run();
        self.cpu.push(cpu_us() - started_cpu);
        self.wall.push(started.elapsed().as_secs_f64() * 1e6);
        result
    }
}

impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [p50, p99, max] = percentiles(&self.wall);
        let [cpu_p50, cpu_p99, cpu_max] = percentiles(&self.cpu);
        write!(f, "p50={p50:.0} p99={p99:.0} max={max:.0} ")?;
        write!(f, "cpu_p50={cpu_p50:.0} cpu_p99={cpu_p99:.0} cpu_max={cpu_max:.0}")
    }
}

/// The median, the 99th percentile and the maximum.
fn percentiles(times: &[f64]) -> [f64; 3] {
    let mut times = times.to_vec();
    times.sort_by(f64::total_cmp);
    let at = |part: usize| times[(times.len() - 1) * part / 100];
    [at(50), at(99), at(100)]
}

/// What this thread has computed so far.
fn cpu_us() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    time.tv_sec as f64 * 1e6 + time.tv_nsec as f64 / 1e3
}

#[expect(clippy::disallowed_methods, reason = "a bench measures by the clock")]
fn now() -> Instant {
    Instant::now()
}
