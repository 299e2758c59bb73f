//! A capability has one name everywhere, and a page that tells of it.

use std::{collections::BTreeSet, fs};

use anyhow::{Context as _, Result};

use crate::run::root;

/// Where a file's name is the name of a capability.
const PLACES: [(&str, &str); 4] = [
    ("crates/cloud/src/http", "rs"),
    ("crates/brain/src/agents", "rs"),
    ("crates/store/src", "rs"),
    ("web/console/src/features", ""),
];

/// Files in those places that carry capabilities rather than being one.
const CARRIERS: [&str; 0] = [];

pub(crate) fn check() -> Result<Vec<String>> {
    let pages = names("docs", "md")?;
    let mut complaints = Vec::new();
    for (place, extension) in PLACES {
        for name in names(place, extension)? {
            if !pages.contains(&name) && !CARRIERS.contains(&name.as_str()) {
                complaints
                    .push(format!("{place}/{name}: no docs/{name}.md; a capability has one name everywhere"));
            }
        }
    }
    Ok(complaints)
}

/// The names in a folder without their extension; of folders when the extension is empty.
fn names(place: &str, extension: &str) -> Result<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(root().join(place)).with_context(|| format!("list {place}"))? {
        let path = entry.with_context(|| format!("list {place}"))?.path();
        let matches = if extension.is_empty() {
            path.is_dir()
        } else {
            path.is_file() && path.extension().is_some_and(|found| found == extension)
        };
        if let (true, Some(stem)) = (matches, path.file_stem()) {
            found.insert(stem.to_string_lossy().into_owned());
        }
    }
    Ok(found)
}
