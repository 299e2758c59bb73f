//! Independent readers of the lake: Python programs in an environment of their own.

use std::path::PathBuf;

use anyhow::{Context as _, Result};

use crate::run::{Step, cache, headline, root};

const REQUIREMENTS: &str = "tests/readers/requirements.txt";

/// The Python that has them; installs them when what is required changed since the last time.
pub(crate) fn python() -> Result<PathBuf> {
    let dir = cache().join("readers");
    let python = dir.join("bin/python");
    let required =
        std::fs::read(root().join(REQUIREMENTS)).with_context(|| format!("read {REQUIREMENTS}"))?;
    let stamp = dir.join("requirements.txt");
    if python.exists() && std::fs::read(&stamp).is_ok_and(|installed| installed == required) {
        return Ok(python);
    }
    headline("installing independent readers of the lake: DuckDB, chDB, deltalake");
    Step::new("python3").args(["-m", "venv"]).args([&dir]).run()?;
    Step::new(&python).args(["-m", "pip", "install", "--quiet", "--requirement", REQUIREMENTS]).run()?;
    std::fs::write(&stamp, required).with_context(|| format!("write {}", stamp.display()))?;
    Ok(python)
}

/// The program and first arguments that count tables.
pub(crate) fn program(reader: &str) -> Result<Vec<String>> {
    let python = python()?.to_string_lossy().into_owned();
    let script = root().join("tests/readers/check.py").to_string_lossy().into_owned();
    Ok(vec![python, script, format!("--reader={reader}")])
}
