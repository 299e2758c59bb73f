//! A capability has one name everywhere, and a page tells of it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use anyhow::{Context as _, Result};

use crate::run::root;

/// Where a file's name is the name of a capability.
const PLACES: [(&str, &str); 4] = [
    ("crates/cloud/src/http", "rs"),
    ("crates/brain/src/agents", "rs"),
    ("crates/store/src", "rs"),
    ("web/console/src/features", ""),
];

pub(crate) fn check() -> Result<Vec<String>> {
    let pages = names("docs", "md")?;
    let api = fs::read_to_string(root().join("docs/api.md")).context("read docs/api.md")?;
    let mut places: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for (place, extension) in PLACES {
        for name in names(place, extension)? {
            places.entry(name).or_default().push(place);
        }
    }
    places.remove("tests");
    let untold = places.into_iter().filter(|(name, places)| {
        // What stands in one place only is a part of that place.
        places.len() > 1 && !pages.contains(name) && !has_section(&api, name)
    });
    let complaint = |(name, places): (String, Vec<&str>)| {
        format!(
            "`{name}` in {}: there is neither docs/{name}.md nor a section of docs/api.md whose heading names it",
            places.join(" and ")
        )
    };
    Ok(untold.map(complaint).collect())
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

/// Whether a heading has the name, or its plural, as a word.
fn has_section(page: &str, name: &str) -> bool {
    let headings = page.lines().filter_map(|line| line.strip_prefix("## ")).map(str::to_lowercase);
    let is_word = |word: &str| word == name || word.strip_suffix('s') == Some(name);
    headings.into_iter().any(|heading| heading.split(|c: char| !c.is_alphanumeric() && c != '_').any(is_word))
}

#[cfg(test)]
mod tests;
