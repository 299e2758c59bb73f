//! Real inputs that stand beside the repository, where they are there.

use std::path::PathBuf;

/// The bytes of a file under `../shared/data`, or `None`, said out loud.
pub(crate) fn read(path: &str) -> Option<Vec<u8>> {
    let file = folder().join(path);
    let bytes = std::fs::read(&file).ok();
    if bytes.is_none() {
        eprintln!("skipped: ../shared/data is absent");
    }
    bytes
}

/// The files of a folder, in order of their names; empty, said out loud, when it is not there.
pub(crate) fn files(path: &str) -> Vec<(String, Vec<u8>)> {
    let Ok(entries) = std::fs::read_dir(folder().join(path)) else {
        eprintln!("skipped: ../shared/data is absent");
        return Vec::new();
    };
    let mut files: Vec<_> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), std::fs::read(&path).unwrap()))
        .collect();
    files.sort();
    files
}

pub(crate) fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data")
}
