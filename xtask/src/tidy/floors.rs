//! A crate depends only on crates of lower floors, and ARCHITECTURE.md names every crate.

use std::fs;

use anyhow::{Context as _, Result};

use crate::run::{metadata, root};

/// From the ground up; a crate may depend only on those of earlier rows.
const FLOORS: [&[&str]; 8] = [
    &["model"],
    &["signals"],
    &["bus", "campaigns", "consent", "audit", "identity", "possession"],
    &["wire"],
    &["link", "store", "lake"],
    &["brain", "cloud"],
    &["sim"],
    &["marque", "xtask"],
];

pub(crate) fn check() -> Result<Vec<String>> {
    let metadata = metadata()?;
    let packages = metadata["packages"].as_array().context("cargo metadata names no packages")?;
    let map = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap_or_default();
    let mut complaints = Vec::new();
    for package in packages {
        let name = package["name"].as_str().unwrap_or_default();
        let Some(floor) = floor_of(name) else {
            complaints.push(format!("crate `{name}` has no floor; give it one in xtask/src/tidy/floors.rs"));
            continue;
        };
        if !map.contains(&format!("`{name}`")) {
            complaints.push(format!("ARCHITECTURE.md does not name the crate `{name}`"));
        }
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let below = dependency["name"].as_str().unwrap_or_default();
            let own = dependency["path"].is_string();
            if own && floor_of(below).is_none_or(|other| other >= floor) {
                complaints
                    .push(format!("`{name}` (floor {floor}) may not depend on `{below}`: edges point down"));
            }
        }
    }
    Ok(complaints)
}

fn floor_of(name: &str) -> Option<usize> {
    FLOORS.iter().position(|crates| crates.contains(&name))
}
