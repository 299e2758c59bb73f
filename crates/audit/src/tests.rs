//! What several modules' tests share: the RFC written down naively, a log in memory, keys.

use std::collections::BTreeMap;

use crate::*;

/// The entries that Certificate Transparency's own tests use.
pub(crate) const CT_ENTRIES: [&str; 8] =
    ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];

/// Their roots, by the number of entries from 1 on.
pub(crate) const CT_ROOTS: [&str; 8] = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

pub(crate) fn hash(text: &str) -> Hash {
    Hash::from_bytes(hex::decode(text).unwrap().try_into().unwrap())
}

pub(crate) fn ct_leaves() -> Vec<Hash> {
    CT_ENTRIES.iter().map(|entry| Hash::of_leaf(&hex::decode(entry).unwrap())).collect()
}

/// MTH(D[n]) of RFC 6962 section 2.1.
pub(crate) fn mth(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => Hash::of_empty(),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
            Hash::of_node(mth(left), mth(right))
        }
    }
}

/// PATH(m, D[n]) of RFC 6962 section 2.1.1.
pub(crate) fn path(index: usize, leaves: &[Hash]) -> Vec<Hash> {
    if leaves.len() < 2 {
        return Vec::new();
    }
    let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
    let (mut nodes, sibling) = if index < left.len() {
        (path(index, left), mth(right))
    } else {
        (path(index - left.len(), right), mth(left))
    };
    nodes.push(sibling);
    nodes
}

/// SUBPROOF(m, D[n], b) of RFC 6962 section 2.1.2.
pub(crate) fn subproof(old: usize, leaves: &[Hash], is_known: bool) -> Vec<Hash> {
    if old == leaves.len() {
        return if is_known { Vec::new() } else { vec![mth(leaves)] };
    }
    let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
    let (mut nodes, other) = if old <= left.len() {
        (subproof(old, left, is_known), mth(right))
    } else {
        (subproof(old - left.len(), right, false), mth(left))
    };
    nodes.push(other);
    nodes
}

/// A log in memory.
#[derive(Debug, Clone, Default)]
pub(crate) struct Log {
    pub(crate) tree: Tree,
    pub(crate) files: BTreeMap<LogPath, Vec<u8>>,
    pub(crate) entries: Vec<Vec<u8>>,
}

impl Log {
    /// One batch.
    pub(crate) fn of(entries: impl IntoIterator<Item = Vec<u8>>) -> Self {
        let mut log = Self::default();
        log.append(entries);
        log
    }

    /// Entries that are numbers.
    pub(crate) fn numbered(size: u32) -> Self {
        Self::of(numbers(0..size))
    }

    pub(crate) fn append(&mut self, entries: impl IntoIterator<Item = Vec<u8>>) {
        let entries: Vec<Vec<u8>> = entries.into_iter().collect();
        let append = self.tree.append(&entries).unwrap();
        self.files.extend(append.writes.into_iter().map(|write| (write.path, write.bytes)));
        self.tree = append.tree;
        self.entries.extend(entries);
    }

    pub(crate) fn leaves(&self) -> Vec<Hash> {
        self.entries.iter().map(|entry| Hash::of_leaf(entry)).collect()
    }

    pub(crate) fn listing(&self) -> Vec<String> {
        self.files.keys().map(LogPath::to_string).collect()
    }

    pub(crate) fn checkpoint(&self) -> SignedCheckpoint {
        policy().verify(&self.note().to_string()).unwrap()
    }

    pub(crate) fn note(&self) -> Note {
        let signer = log_signer();
        Checkpoint::new(signer.name().as_str(), self.tree.head()).unwrap().sign(&[&signer]).unwrap()
    }

    pub(crate) fn audit(&self, head: TreeHead) -> Report {
        let mut auditor = Auditor::with_listing(head, self.listing()).unwrap();
        while let Some(path) = auditor.poll_read() {
            auditor.handle_read(self.files.get(&path).map(Vec::as_slice)).unwrap();
        }
        auditor.finish().unwrap()
    }
}

pub(crate) fn numbers(range: std::ops::Range<u32>) -> impl Iterator<Item = Vec<u8>> {
    range.map(|number| number.to_be_bytes().to_vec())
}

pub(crate) fn log_signer() -> SoftwareSigner {
    SoftwareSigner::from_seed("audit.example/eu".parse().unwrap(), &[1; 32]).unwrap()
}

pub(crate) fn witness(number: u8) -> SoftwareSigner {
    SoftwareSigner::from_seed(format!("witness.example/{number}").parse().unwrap(), &[100 + number; 32])
        .unwrap()
}

pub(crate) fn policy() -> Policy {
    Policy::of_log(verifier_key(&log_signer(), Algorithm::Ed25519))
}

pub(crate) fn word(text: &str) -> Word {
    text.parse().unwrap()
}

/// An operator reads a car's history; both are named by commitments, whose openings come with it.
pub(crate) fn event(number: u8) -> (Event, Vec<Opening>) {
    let openings = vec![
        Opening::new(Label::Actor, Salt::from_bytes([number; 16]), word("op-31")),
        Opening::new(
            Label::Resource,
            Salt::from_bytes([!number; 16]),
            word("000102030405060708090a0b0c0d0e0f"),
        ),
    ];
    let event = Event {
        at: model::Timestamp(1_800_000_000_000_000 + i64::from(number)),
        actor: Actor { kind: "operator".parse().unwrap(), id: Field::from(&openings[0]) },
        action: "vehicle.history.read".parse().unwrap(),
        resource: Resource { kind: "vehicle".parse().unwrap(), id: Field::from(&openings[1]) },
        region: "eu".parse().unwrap(),
        brand: Some(model::Brand::Peugeot),
        purpose: Some(model::Purpose::Maintenance),
        outcome: Outcome::Denied,
        reason: Some("no-grant".parse().unwrap()),
        request: Some(word("req-7")),
        address: Some(Field::Plain(word("192.0.2.0/24"))),
    };
    (event, openings)
}

/// Golden: these are the files of a released log. A change here is a log that nobody can read any more.
mod golden {
    use super::*;

    const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/");

    fn check(name: &str, bytes: &[u8]) {
        let text = std::fs::read_to_string(format!("{FOLDER}{name}")).unwrap_or_default();
        assert_eq!(hex::encode(bytes), text.trim(), "{name}");
    }

    fn log() -> Log {
        Log::of((0..5).map(|number| event(number).0.encode()))
    }

    #[test]
    fn the_bytes_of_an_entry_never_change() {
        check("entry-committed.hex", &event(0).0.encode());
        let (mut event, _) = event(0);
        (event.brand, event.purpose, event.reason) = (None, None, None);
        (event.request, event.address, event.outcome) = (None, None, Outcome::Allowed);
        event.at = model::Timestamp(-1);
        event.actor.id = Field::Plain(word("marque-worker"));
        check("entry-least.hex", &event.encode());
    }

    #[test]
    fn the_files_of_a_log_never_change() {
        for (path, bytes) in log().files {
            check(&format!("{}.hex", path.to_string().replace('/', "-")), &bytes);
        }
    }

    #[test]
    fn texts_to_hand_out_never_change() {
        let log = log();
        check("checkpoint.hex", log.note().to_string().as_bytes());
        let evidence = Evidence::new(log.entries[3].clone(), event(3).1).unwrap();
        let proof = TlogProof::build(evidence, 3, &log.checkpoint(), &log.files).unwrap();
        check("proof.hex", proof.to_string().as_bytes());
    }

    #[test]
    fn what_was_released_is_read_for_ever() {
        let read = |name: &str| {
            let text = std::fs::read_to_string(format!("{FOLDER}{name}.hex")).unwrap();
            hex::decode(text.trim()).unwrap()
        };
        assert_eq!(Event::decode(&read("entry-committed")).unwrap(), event(0).0);
        assert_eq!(Event::decode(&read("entry-least")).unwrap().at, model::Timestamp(-1));
        let checkpoint = policy().verify(&String::from_utf8(read("checkpoint")).unwrap()).unwrap();
        assert_eq!(checkpoint.head(), log().tree.head());
        let proof: TlogProof = String::from_utf8(read("proof")).unwrap().parse().unwrap();
        proof.verify(&policy()).unwrap();
    }
}
