//! Independent readers of the lake.

use anyhow::Result;

use crate::{python::Environment, run::root};

pub(crate) const READERS: Environment =
    Environment { folder: "readers", holds: "independent readers of the lake: DuckDB, chDB, deltalake" };

/// The program and first arguments that count tables.
pub(crate) fn program(reader: &str) -> Result<Vec<String>> {
    let python = READERS.python()?.to_string_lossy().into_owned();
    let script = root().join("tests/readers/check.py").to_string_lossy().into_owned();
    Ok(vec![python, script, format!("--reader={reader}")])
}
