//! Python programs of others, each set in an environment of its own.

use std::path::PathBuf;

use anyhow::{Context as _, Result};

use crate::run::{Step, cache, headline, root};

/// A folder below `tests` with a `requirements.txt`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Environment {
    pub(crate) folder: &'static str,
    /// What is in it, for whoever waits.
    pub(crate) holds: &'static str,
}

impl Environment {
    /// The Python that has what is required; installs it when that changed since the last time.
    pub(crate) fn python(self) -> Result<PathBuf> {
        let dir = cache().join(self.folder);
        let python = dir.join("bin/python");
        let requirements = format!("tests/{}/requirements.txt", self.folder);
        let required =
            std::fs::read(root().join(&requirements)).with_context(|| format!("read {requirements}"))?;
        let stamp = dir.join("requirements.txt");
        if python.exists() && std::fs::read(&stamp).is_ok_and(|installed| installed == required) {
            return Ok(python);
        }
        headline(&format!("installing {}", self.holds));
        Step::new("python3").args(["-m", "venv"]).args([&dir]).run()?;
        Step::new(&python).args(["-m", "pip", "install", "--quiet", "--requirement", &requirements]).run()?;
        std::fs::write(&stamp, required).with_context(|| format!("write {}", stamp.display()))?;
        Ok(python)
    }
}
