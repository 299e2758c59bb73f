use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::tests::{CT_ENTRIES, CT_ROOTS, Log, hash, mth, numbers};
use crate::{Auditor, Finding};

#[test]
fn known_trees_have_known_roots() {
    let mut log = Log::default();
    assert_eq!(log.tree.head(), TreeHead { size: 0, root: Hash::of_empty() });
    for ((entry, root), size) in CT_ENTRIES.iter().zip(CT_ROOTS).zip(1..) {
        log.append([hex::decode(entry).unwrap()]);
        assert_eq!(log.tree.head(), TreeHead { size, root: hash(root) });
    }
}

#[test]
fn a_log_of_70_000_has_the_files_of_the_specification() {
    let mut log = Log::numbered(65_536);
    log.append(numbers(65_536..70_000));
    let current: Vec<String> =
        Auditor::new(log.tree.head()).unwrap().reads_ahead().map(|path| path.to_string()).collect();
    let count = |prefix: &str| current.iter().filter(|path| path.starts_with(prefix)).count();
    // The top tile was polled out of the walk already.
    assert_eq!(
        (count("tile/entries/"), count("tile/0/"), count("tile/1/"), count("tile/2/")),
        (274, 274, 2, 0)
    );
    for path in
        ["tile/2/000.p/1", "tile/1/001.p/17", "tile/1/000", "tile/0/273.p/112", "tile/entries/273.p/112"]
    {
        assert!(log.files.contains_key(&path.parse().unwrap()), "{path}");
    }
    assert!(current.iter().all(|path| log.files.contains_key(&path.parse().unwrap())));
    assert_eq!(log.tree.head().root, mth(&log.leaves()));
}

#[test]
fn entries_are_written_before_hashes() {
    let append = Tree::EMPTY.append(numbers(0..600)).unwrap();
    let is_entries = |write: &Write| matches!(write.path, LogPath::Entries { .. });
    let entries = append.writes.iter().take_while(|write| is_entries(write)).count();
    assert_eq!((entries, append.writes.iter().filter(|write| is_entries(write)).count()), (3, 3));
}

#[test]
fn a_batch_of_nothing_writes_nothing() {
    let log = Log::numbered(300);
    let append = log.tree.append::<Vec<u8>>([]).unwrap();
    assert_eq!((append.writes, append.tree), (Vec::new(), log.tree));
}

#[test]
fn a_batch_too_long_or_an_entry_too_long_is_refused() {
    let batch = vec![[0_u8]; BATCH_ENTRIES_MAX + 1];
    assert!(matches!(Tree::EMPTY.append(&batch), Err(Error::BatchLength)));
    assert!(Tree::EMPTY.append(&batch[1..]).is_ok());
    assert!(matches!(Tree::EMPTY.append([vec![0; 65_536]]), Err(Error::EntryLength { bytes: 65_536 })));
    let longest = vec![0_u8; 65_535];
    let fitting = BATCH_BYTES_MAX / longest.len();
    assert!(Tree::EMPTY.append(std::iter::repeat_n(&longest, fitting)).is_ok());
    let append = Tree::EMPTY.append(std::iter::repeat_n(&longest, fitting + 1));
    assert!(matches!(append, Err(Error::BatchLength)));
}

#[test]
fn a_tree_ends_before_its_size_overflows() {
    let full = Tree { size: TREE_SIZE_MAX, ..Tree::EMPTY };
    assert!(matches!(full.append([b"x"]), Err(Error::TreeSize)));
    assert!(matches!(Tree::reads(TREE_SIZE_MAX + 1), Err(Error::TreeSize)));
    assert_eq!(Tree::reads(TREE_SIZE_MAX).unwrap().len(), 9);
}

#[test]
fn a_log_is_not_opened_over_a_damaged_edge() {
    let log = Log::numbered(300);
    let head = log.tree.head();
    for path in Tree::reads(300).unwrap() {
        let mut files = log.files.clone();
        files.remove(&path);
        assert!(matches!(Tree::open(head, &files), Err(Error::Missing { path: missing }) if missing == path));
        let mut files = log.files.clone();
        files.get_mut(&path).unwrap()[5] ^= 1;
        assert!(Tree::open(head, &files).is_err(), "{path}");
        let mut files = log.files.clone();
        files.get_mut(&path).unwrap().push(0);
        assert!(matches!(Tree::open(head, &files), Err(Error::Malformed { path: bad }) if bad == path));
    }
    let other = TreeHead { size: 300, root: Hash::of_empty() };
    assert!(matches!(Tree::open(other, &log.files), Err(Error::OtherRoot { size: 300 })));
}

/// Writes the first files of a batch, stops, starts again from the checkpoint and appends another batch.
fn check_crash(before: u32, lost: u32, written: usize, then: u32) {
    let mut log = Log::numbered(before);
    let head = log.tree.head();
    let half = log.tree.append(numbers(90_000..90_000 + lost)).unwrap();
    log.files.extend(half.writes.into_iter().take(written).map(|write| (write.path, write.bytes)));
    assert!(log.audit(head).is_intact());

    log.tree = Tree::open(head, &log.files).unwrap();
    let mut cleared = log.clone();
    cleared.files.retain(|path, _| path.is_within(head.size));
    cleared.append(numbers(before..before + then));
    assert!(cleared.audit(cleared.tree.head()).is_intact());

    log.append(numbers(before..before + then));
    let undisturbed = Log::numbered(before + then);
    assert_eq!(log.tree, undisturbed.tree);
    let mut current = log.files.clone();
    current.retain(|path, _| undisturbed.files.contains_key(path));
    assert_eq!(current, undisturbed.files);
    // Only what nothing signed ever pointed to may differ from what came after it.
    let findings = log.audit(log.tree.head()).findings;
    assert!(findings.iter().all(|finding| matches!(finding, Finding::Leftover { .. })), "{findings:?}");
}

#[test]
fn a_crash_in_a_batch_leaves_nothing_behind_that_counts() {
    for written in 0..8 {
        check_crash(250, 300, written, 20);
        check_crash(250, 20, written, 300);
        check_crash(256, 256, written, 256);
        check_crash(0, 300, written, 1);
    }
}

#[test]
fn the_same_batch_again_writes_the_same_bytes() {
    let log = Log::numbered(1_000);
    let opened = Tree::open(log.tree.head(), &log.files).unwrap();
    let (once, again) = (log.tree.append(numbers(0..500)).unwrap(), opened.append(numbers(0..500)).unwrap());
    assert_eq!((once.writes, once.tree), (again.writes, again.tree));
}

proptest! {
    #[test]
    fn how_entries_come_in_batches_does_not_matter(batches in prop::collection::vec(0_u32..400, 0..8)) {
        let mut log = Log::default();
        let mut size = 0;
        for batch in batches {
            log.append(numbers(size..size + batch));
            size += batch;
            prop_assert_eq!(&Tree::open(log.tree.head(), &log.files).unwrap(), &log.tree);
        }
        let once = Log::numbered(size);
        prop_assert_eq!(&log.tree, &once.tree);
        prop_assert_eq!(log.tree.head().root, mth(&log.leaves()));
        let current: BTreeMap<_, _> =
            log.files.into_iter().filter(|(path, _)| once.files.contains_key(path)).collect();
        prop_assert_eq!(current, once.files);
    }
}
