//! A log with one file changed in any way is never found intact, and no audit, no opening and no proof
//! panics over it.
#![no_main]

use std::collections::BTreeMap;

use audit::{Auditor, LogPath, ProofPlan, Tree};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|change: (u16, u8, u16, Option<&[u8]>)| {
    let (size, file, place, with) = change;
    let size = u32::from(size) % 1_000 + 1;
    let append = Tree::EMPTY.append((0..size).map(u32::to_be_bytes)).expect("the batch is small");
    let head = append.tree.head();
    let mut files: BTreeMap<LogPath, Vec<u8>> =
        append.writes.into_iter().map(|write| (write.path, write.bytes)).collect();
    let path = *files.keys().cycle().nth(usize::from(file)).expect("a log has files");
    let before = files[&path].clone();
    match with {
        None => drop(files.remove(&path)),
        Some(with) => {
            let bytes = files.get_mut(&path).expect("it is a file of the log");
            let start = usize::from(place) % bytes.len();
            let end = (start + with.len()).min(bytes.len());
            bytes.splice(start..end, with.iter().copied());
        }
    }
    let mut auditor = Auditor::new(head).expect("the size is small");
    while let Some(path) = auditor.poll_read() {
        auditor.handle_read(files.get(&path).map(Vec::as_slice)).expect("a file is awaited");
    }
    let report = auditor.finish().expect("all was read");
    assert_eq!(report.is_intact(), files.get(&path) == Some(&before), "{:?}", report.findings);
    Tree::open(head, &files).ok();
    ProofPlan::inclusion(u64::from(place) % head.size, head.size).and_then(|plan| plan.prove(&files)).ok();
});
