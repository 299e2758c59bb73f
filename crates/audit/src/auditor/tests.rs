use proptest::prelude::*;

use super::*;
use crate::{
    Tree,
    tests::{Log, event, numbers},
};

fn path(text: &str) -> LogPath {
    text.parse().unwrap()
}

/// 300 entries in two batches, so that an older partial tile and bundle lie beside the full ones.
fn small_log() -> Log {
    let mut log = Log::numbered(20);
    log.append(numbers(20..300));
    log
}

/// What is found after a change of one file.
fn findings_after(log: &Log, path: LogPath, change: impl FnOnce(&mut Vec<u8>)) -> Vec<Finding> {
    let mut log = log.clone();
    change(log.files.get_mut(&path).unwrap());
    log.audit(log.tree.head()).findings
}

#[test]
fn an_intact_log_has_no_findings() {
    for size in [0, 1, 2, 255, 256, 257, 300, 511, 512, 65_535, 65_536] {
        let log = Log::numbered(size);
        let report = log.audit(log.tree.head());
        assert!(report.is_intact() && report.beyond.is_empty(), "{size}: {report:?}");
        assert_eq!((report.entries, report.files), (size.into(), log.files.len() as u64), "{size}");
    }
}

#[test]
fn entries_of_marque_are_read() {
    let log = Log::of((0..3).map(|number| event(number).0.encode()).chain([b"other".to_vec()]));
    let report = log.audit(log.tree.head());
    assert_eq!((report.entries, report.entries_unreadable), (4, 1));
}

#[test]
fn every_flipped_bit_of_every_file_is_noticed_and_located() {
    let log = small_log();
    let head = log.tree.head();
    assert_eq!(log.files.len(), 7, "two bundles, four tiles, and two that are older");
    let paths: Vec<LogPath> = log.files.keys().copied().collect();
    let jobs: Vec<(LogPath, usize)> =
        paths.iter().flat_map(|path| (0..log.files[path].len()).map(|byte| (*path, byte))).collect();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for jobs in jobs.chunks(jobs.len().div_ceil(threads)) {
            let mut log = log.clone();
            scope.spawn(move || {
                for (path, byte) in jobs {
                    for bit in 0..8 {
                        log.files.get_mut(path).unwrap()[*byte] ^= 1 << bit;
                        check_located(&log, head, *path, *byte);
                        log.files.get_mut(path).unwrap()[*byte] ^= 1 << bit;
                    }
                }
            });
        }
    });
}

/// That the finding names the file, and the entry or hash in it.
fn check_located(log: &Log, head: TreeHead, path: LogPath, byte: usize) {
    let report = log.audit(head);
    let located = report.findings.iter().any(|finding| match finding {
        Finding::Entry { path: found, index, .. } => {
            let LogPath::Entries { index: bundle, .. } = path else { return false };
            // Each entry has four bytes behind a length of two.
            *found == path && *index == bundle * 256 + byte as u64 / 6
        }
        Finding::Tile { path: found, hash, hashes } => {
            *found == path && usize::from(*hash) == byte / 32 && *hashes == 1
        }
        Finding::Leftover { path: found, .. } => *found == path,
        Finding::Missing { .. }
        | Finding::Length { .. }
        | Finding::Trailing { .. }
        | Finding::Cut { .. }
        | Finding::Unproven { .. }
        | Finding::Disagreement { .. }
        | Finding::Root { .. } => false,
    });
    // Of a file that is damaged, the older one beside it is no beginning any more; nothing else is wrong.
    assert!(located && report.findings.len() <= 2, "{path} byte {byte}: {:?}", report.findings);
}

#[test]
fn a_changed_entry_in_a_large_log_is_located() {
    let log = Log::numbered(65_536);
    let bundle = path("tile/entries/077");
    let findings = findings_after(&log, bundle, |bytes| bytes[6 * 11 + 5] ^= 0x40);
    assert_eq!(findings, [Finding::Entry { path: bundle, index: 77 * 256 + 11, entries: 1 }]);
    for (tile, byte) in [("tile/0/077", 32 * 11), ("tile/1/000", 32 * 77), ("tile/2/000.p/1", 0)] {
        let findings = findings_after(&log, path(tile), |bytes| bytes[byte] ^= 1);
        let hash = u16::try_from(byte / 32).unwrap();
        assert_eq!(findings, [Finding::Tile { path: path(tile), hash, hashes: 1 }]);
    }
}

#[test]
fn a_swapped_pair_of_entries_is_located() {
    let log = small_log();
    let bundle = path("tile/entries/001.p/44");
    let findings = findings_after(&log, bundle, |bytes| bytes.rotate_left(6));
    assert_eq!(findings, [Finding::Entry { path: bundle, index: 256, entries: 44 }]);
}

#[test]
fn bytes_after_the_end_are_noticed() {
    let log = small_log();
    for file in Tree::reads(300).unwrap() {
        let findings = findings_after(&log, file, |bytes| bytes.push(0));
        let expected = match file {
            LogPath::Entries { .. } => Finding::Trailing { path: file, bytes: 1 },
            LogPath::Tile { width, .. } => {
                let wanted = usize::from(width.get()) * 32;
                Finding::Length { path: file, bytes: wanted + 1, wanted }
            }
            LogPath::Checkpoint => unreachable!("it is not read"),
        };
        assert_eq!(findings, [expected]);
    }
}

#[test]
fn a_file_that_was_cut_is_noticed() {
    let log = small_log();
    for file in log.files.keys() {
        let len = log.files[file].len();
        for keep in [0, 1, len / 2, len - 1] {
            let findings = findings_after(&log, *file, |bytes| bytes.truncate(keep));
            assert!(!findings.is_empty(), "{file} cut to {keep}");
        }
    }
}

#[test]
fn a_missing_file_is_named() {
    let log = small_log();
    for file in log.files.keys() {
        let mut log = log.clone();
        log.files.remove(file);
        let is_older = file.current(300) != Some(*file);
        let findings = log.audit(log.tree.head()).findings;
        assert_eq!(findings.contains(&Finding::Missing { path: *file }), !is_older, "{file}: {findings:?}");
    }
}

#[test]
fn a_log_cut_to_an_older_checkpoint_shows_what_lies_beyond() {
    let mut log = Log::numbered(300);
    let old = log.tree.head();
    log.append(numbers(300..600));
    let report = log.audit(old);
    assert!(report.is_intact());
    let beyond: Vec<String> = report.beyond.iter().map(LogPath::to_string).collect();
    assert_eq!(
        beyond,
        ["tile/entries/001", "tile/entries/002.p/88", "tile/0/001", "tile/0/002.p/88", "tile/1/000.p/2"]
    );
}

#[test]
fn a_truncated_log_misses_what_its_checkpoint_covers() {
    let (short, long) = (Log::numbered(300), Log::numbered(600));
    let report = short.audit(long.tree.head());
    let missing = report.findings.iter().filter(|finding| matches!(finding, Finding::Missing { .. })).count();
    assert_eq!(missing, 5, "{:?}", report.findings);
}

#[test]
fn a_log_that_was_rewritten_as_a_whole_does_not_have_the_signed_root() {
    let honest = Log::numbered(300);
    let mut forged = Log::numbered(200);
    forged.append(numbers(7_000..7_100));
    let report = forged.audit(honest.tree.head());
    let computed = Some(forged.tree.head().root);
    assert!(report.findings.contains(&Finding::Root { computed, signed: honest.tree.head().root }));
    let empty = TreeHead { size: 0, root: honest.tree.head().root };
    assert!(!Log::default().audit(empty).is_intact());
}

#[test]
fn an_entry_that_was_changed_with_its_tile_is_located() {
    let mut log = Log::numbered(1_000);
    let head = log.tree.head();
    log.files.get_mut(&path("tile/entries/001")).unwrap()[5] ^= 1;
    let leaf = Hash::of_leaf(&log.files[&path("tile/entries/001")][2..6]);
    log.files.get_mut(&path("tile/0/001")).unwrap()[..32].copy_from_slice(leaf.as_bytes());
    assert_eq!(log.audit(head).findings, [Finding::Unproven { path: path("tile/0/001") }]);
}

#[test]
fn files_that_are_none_of_the_logs_are_listed() {
    let log = small_log();
    let listing = log.listing().into_iter().chain(["notes.txt".to_owned(), "checkpoint".to_owned()]);
    let auditor = Auditor::with_listing(log.tree.head(), listing).unwrap();
    assert_eq!(auditor.report.foreign, ["notes.txt"]);
}

/// Each older form is compared once, however often the listing names it.
#[test]
fn older_forms_are_read_after_what_followed_them_and_once() {
    let log = small_log();
    let twice = log.listing().into_iter().chain(log.listing());
    let auditor = Auditor::with_listing(log.tree.head(), twice).unwrap();
    let read: Vec<LogPath> = auditor.poll_read().into_iter().chain(auditor.reads_ahead()).collect();
    let mut listed: Vec<LogPath> = read.clone();
    listed.sort();
    assert_eq!(listed, log.files.keys().copied().collect::<Vec<_>>());
    let place = |text| read.iter().position(|read| *read == path(text)).unwrap();
    assert_eq!(place("tile/entries/000.p/20"), place("tile/entries/000") + 1);
}

#[test]
fn a_file_is_kept_only_while_older_forms_of_it_follow() {
    let log = small_log();
    let mut auditor = Auditor::with_listing(log.tree.head(), log.listing()).unwrap();
    while let Some(read) = auditor.poll_read() {
        auditor.handle_read(log.files.get(&read).map(Vec::as_slice)).unwrap();
        let is_kept = auditor.compared.as_ref().is_some_and(|(kept, _)| kept.full() == read.full());
        assert_eq!(is_kept, read.full() == read && log.files.contains_key(&older(read)) || is_older(read));
    }
    assert!(auditor.finish().unwrap().is_intact());
}

fn older(current: LogPath) -> LogPath {
    current.with_width(Width::new(20).unwrap())
}

fn is_older(read: LogPath) -> bool {
    read == older(read)
}

#[test]
fn older_forms_that_a_listing_names_are_bounded() {
    let head = TreeHead { size: 1 << 50, root: Hash::of_empty() };
    let listing = (0..OLDER_FORMS_MAX + 5).map(|index| format!("{}.p/7", bundle(index as u64)));
    let auditor = Auditor::with_listing(head, listing).unwrap();
    assert_eq!(auditor.report.omitted, 5);
}

fn bundle(index: u64) -> LogPath {
    LogPath::Entries { index, width: Width::FULL }
}

#[test]
fn an_audit_ends_when_all_is_read() {
    let mut auditor = Auditor::new(Log::numbered(1).tree.head()).unwrap();
    let unread = auditor.poll_read().unwrap();
    assert_eq!(auditor.reads_ahead().count(), 1);
    while auditor.poll_read().is_some() {
        auditor.handle_read(None).unwrap();
    }
    assert!(matches!(auditor.handle_read(None), Err(Error::NothingToRead)));
    assert!(!auditor.finish().unwrap().is_intact());
    let early = Auditor::new(Log::numbered(1).tree.head()).unwrap();
    assert!(matches!(early.finish(), Err(Error::Missing { path }) if path == unread));
}

#[test]
fn a_report_of_a_lost_log_is_bounded() {
    let mut log = Log::numbered(0);
    let head = TreeHead { size: 256 * 2_000, root: Hash::of_empty() };
    log.files.clear();
    let report = log.audit(head);
    assert_eq!((report.findings.len(), report.omitted > 2_000), (FINDINGS_MAX, true));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_is_changed_is_noticed(
        batches in prop::collection::vec(1_u32..700, 1..5),
        file in any::<prop::sample::Index>(), place in any::<prop::sample::Index>(),
        with in prop::collection::vec(any::<u8>(), 0..70), over in 0_usize..70,
    ) {
        let mut log = Log::default();
        for batch in batches {
            let start = u32::try_from(log.tree.head().size).unwrap();
            log.append(numbers(start..start + batch));
        }
        prop_assert!(log.audit(log.tree.head()).is_intact());
        let keys: Vec<LogPath> = log.files.keys().copied().collect();
        let file = keys[file.index(keys.len())];
        let bytes = log.files.get_mut(&file).unwrap();
        let (before, start) = (bytes.clone(), place.index(bytes.len()));
        bytes.splice(start..(start + over).min(before.len()), with);
        let changed = *bytes != before;
        prop_assert_eq!(log.audit(log.tree.head()).is_intact(), !changed);
    }
}
