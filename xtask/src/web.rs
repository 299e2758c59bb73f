//! Builds the web workspaces, and only when something changed.

use std::{fs, path::PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::run::{Step, exists, headline, root};

/// Installs npm's packages when the lock file changed since the last time.
pub(crate) fn install() -> Result<()> {
    check_node()?;
    let lock = fs::read(root().join("web/package-lock.json")).context("read web/package-lock.json")?;
    let stamp = root().join("web/node_modules/.marque-lock");
    if fs::read(&stamp).is_ok_and(|installed| installed == lock) {
        return Ok(());
    }
    headline("web: installing packages");
    Step::new("npm").args(["ci", "--no-audit", "--no-fund"]).dir("web").run()?;
    fs::write(&stamp, lock).context("write web/node_modules/.marque-lock")
}

/// Builds the console into `web/console/dist` when a source is newer than the last build.
pub(crate) fn build() -> Result<()> {
    install()?;
    // Not in `dist`, which is embedded into the platform and served to everybody.
    let stamp = root().join("web/node_modules/.marque-sources");
    let built = root().join("web/console/dist/index.html").exists();
    let sources = sources()?;
    if built && fs::read_to_string(&stamp).is_ok_and(|built| built == sources) {
        return Ok(());
    }
    headline("web: building the console");
    Step::new("npm").args(["run", "build"]).dir("web").run()?;
    fs::write(&stamp, sources).context("write web/node_modules/.marque-sources")
}

/// Names, sizes and times of all web sources: another text means that something changed.
fn sources() -> Result<String> {
    let listed = Step::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard", "web"])
        .output()
        .context("list the web sources")?;
    let mut text = String::new();
    for path in listed.lines() {
        let Ok(about) = fs::metadata(root().join(path)) else { continue };
        let changed = about.modified().ok().and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
        text.push_str(&format!("{path} {} {:?}\n", about.len(), changed));
    }
    Ok(text)
}

fn check_node() -> Result<()> {
    if !exists("npm") {
        bail!("the console needs Node.js 20 or later with npm; install it and try again");
    }
    let version = Step::new("node").args(["--version"]).output()?;
    let major: Option<u32> =
        version.trim().trim_start_matches('v').split('.').next().and_then(|n| n.parse().ok());
    match major {
        Some(20..) => Ok(()),
        Some(_) | None => bail!("the console needs Node.js 20 or later; this is {}", version.trim()),
    }
}

/// Where the browser tests of the console are.
pub(crate) fn dir() -> PathBuf {
    root().join("web")
}
