use ::audit::{
    Algorithm, Checkpoint, KeyName, Opening, Salt, Signer as _, SoftwareSigner, Tree, verifier_key,
};

use super::*;

/// A log in a folder of its own.
struct Log {
    folder: tempfile::TempDir,
    tree: Tree,
    signer: SoftwareSigner,
}

impl Log {
    fn new() -> Self {
        let name: KeyName = "marque/eu/audit".parse().unwrap();
        let signer = SoftwareSigner::from_seed(name, &[7; 32]).unwrap();
        Self { folder: tempfile::tempdir().unwrap(), tree: Tree::EMPTY, signer }
    }

    fn append(&mut self, entries: &[Vec<u8>]) {
        let append = self.tree.append(entries).unwrap();
        for write in append.writes {
            let place = self.place(&write.path.to_string());
            fs::create_dir_all(place.parent().unwrap()).unwrap();
            fs::write(place, write.bytes).unwrap();
        }
        self.tree = append.tree;
        let checkpoint = Checkpoint::new(self.signer.name().as_str(), self.tree.head()).unwrap();
        fs::write(self.place("checkpoint"), checkpoint.sign(&[&self.signer]).unwrap().to_string()).unwrap();
    }

    fn place(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    fn policy(&self) -> Policy {
        Policy::of_log(verifier_key(&self.signer, Algorithm::Ed25519))
    }

    /// What the command prints, or why it fails.
    fn verify(&self, seen: Option<&Path>) -> (String, Result<()>) {
        let mut out = Vec::new();
        let source = Source::Folder(Folder::existing(self.folder.path()));
        let verdict = verify_log(&source, &self.policy(), seen, &mut out);
        (String::from_utf8(out).unwrap(), verdict)
    }

    #[track_caller]
    fn check_refused(&self, seen: Option<&Path>, why: &str) -> String {
        let (out, verdict) = self.verify(seen);
        let error = format!("{:#}", verdict.unwrap_err());
        assert!(error.contains(why), "{error}\n{out}");
        assert!(!out.contains("intact:"), "{out}");
        out
    }
}

fn numbers(from: u32, to: u32) -> Vec<Vec<u8>> {
    (from..to).map(|number| number.to_be_bytes().to_vec()).collect()
}

#[test]
fn an_intact_log_is_told_so_and_remembered() {
    let mut log = Log::new();
    let seen = log.folder.path().with_extension("seen");
    for (from, to) in [(0, 20), (20, 300), (300, 300)] {
        log.append(&numbers(from, to));
        let (out, verdict) = log.verify(Some(&seen));
        verdict.unwrap();
        assert!(out.contains(&format!("intact: {to} entries")), "{out}");
        assert_eq!(fs::read(&seen).unwrap(), fs::read(log.place("checkpoint")).unwrap());
    }
    fs::remove_file(seen).unwrap();
}

#[test]
fn any_flipped_bit_is_reported() {
    let mut log = Log::new();
    log.append(&numbers(0, 3));
    for path in ["checkpoint", "tile/entries/000.p/3", "tile/0/000.p/3"] {
        let right = fs::read(log.place(path)).unwrap();
        for bit in 0..right.len() * 8 {
            let mut wrong = right.clone();
            wrong[bit / 8] ^= 1 << (bit % 8);
            fs::write(log.place(path), &wrong).unwrap();
            assert!(log.verify(None).1.is_err(), "{path}: bit {bit}");
        }
        fs::write(log.place(path), right).unwrap();
    }
    log.verify(None).1.unwrap();
    let mut entries = fs::read(log.place("tile/entries/000.p/3")).unwrap();
    entries[9] ^= 1;
    fs::write(log.place("tile/entries/000.p/3"), entries).unwrap();
    let out = log.check_refused(None, "NOT intact: 1 findings");
    assert!(out.contains("entry 1 is not what was logged"), "{out}");
}

#[test]
fn two_faces_of_a_log_are_reported() {
    let seen = tempfile::NamedTempFile::new().unwrap();
    let mut one = Log::new();
    one.append(&numbers(0, 20));
    fs::copy(one.place("checkpoint"), seen.path()).unwrap();
    let mut other = Log::new();
    other.append(&numbers(1, 21));
    let out = other.check_refused(Some(seen.path()), "SPLIT VIEW: the log signed two different states of 20");
    assert_eq!(out.matches("marque/eu/audit\n20\n").count(), 2, "both are shown: {out}");
    other.append(&numbers(21, 30));
    other.check_refused(Some(seen.path()), "SPLIT VIEW, or a rewritten log");
    let mut shorter = Log::new();
    shorter.append(&numbers(0, 10));
    shorter.check_refused(Some(seen.path()), "LOST ITS END: it had 20 entries, it has 10");
    let kept = fs::read_to_string(seen.path()).unwrap();
    assert!(kept.contains("\n20\n"), "what was seen is kept: {kept}");
}

#[test]
fn a_proof_is_verified_without_the_log() {
    let salt = Salt::from_bytes([1; 16]);
    let opening = Opening::new(Label::Resource, salt, "0123456789abcdef0123456789abcdef".parse().unwrap());
    let event = Event {
        at: model::Timestamp(1_763_885_730_250_000),
        actor: ::audit::Actor {
            kind: "operator".parse().unwrap(),
            id: Field::from(&Opening::new(Label::Actor, salt, "operator".parse().unwrap())),
        },
        action: "vehicle.history.read".parse().unwrap(),
        resource: ::audit::Resource { kind: "vehicle".parse().unwrap(), id: Field::from(&opening) },
        region: "eu".parse().unwrap(),
        brand: Some(model::Brand::Opel),
        purpose: None,
        outcome: ::audit::Outcome::Allowed,
        reason: None,
        request: None,
        address: None,
    };
    let mut log = Log::new();
    log.append(&[vec![1], event.encode()]);
    let checkpoint = log.policy().verify(&fs::read_to_string(log.place("checkpoint")).unwrap()).unwrap();
    let source = Source::Folder(Folder::existing(log.folder.path()));
    let mut tiles = BTreeMap::new();
    for path in ProofPlan::inclusion(1, 2).unwrap().reads() {
        tiles.insert(path, source.read(path).unwrap().unwrap());
    }
    let evidence = Evidence::new(event.encode(), vec![opening]).unwrap();
    let proof = TlogProof::build(evidence, 1, &checkpoint, &tiles).unwrap().to_string();
    let file = log.place("proof");
    fs::write(&file, &proof).unwrap();
    let mut out = Vec::new();
    verify_proof(&file, &log.policy(), &mut out).unwrap();
    let out = String::from_utf8(out).unwrap();
    for line in [
        "proven: entry 1 of 2",
        "time      2025-11-23T08:15:30.25Z",
        "actor     operator (erased)",
        "resource  vehicle 0123456789abcdef0123456789abcdef",
        "outcome   allowed",
    ] {
        assert!(out.contains(line), "{out}");
    }
    fs::write(&file, proof.replace("index 1", "index 0")).unwrap();
    assert!(verify_proof(&file, &log.policy(), &mut Vec::new()).is_err());
}
