//! `cargo xtask demo`: build everything, then become `marque demo`.

use anyhow::Result;

use crate::{
    readers,
    run::{Step, headline, target},
    web,
};

/// With it, cargo builds dependencies once for the binaries and for the tests.
pub(crate) const SAME_AS_TESTS: [&str; 2] = ["--features", "marque/as-tested"];

pub(crate) fn demo(args: &[String]) -> Result<()> {
    build()?;
    let marque = Step::new(target()?.join("debug/marque")).args(["demo"]).args(args);
    let reports = args.iter().any(|arg| arg.starts_with("--report"));
    if !reports || args.iter().any(|arg| arg.starts_with("--reader")) {
        return Err(marque.exec());
    }
    Err(marque.args(["--reader"]).args(readers::program("duckdb")?).exec())
}

/// Builds the console and the binaries, of which one embeds it.
pub(crate) fn build() -> Result<()> {
    web::build()?;
    headline("building the platform (the first time takes some minutes)");
    binaries()
}

/// Builds `marque` and `brain`; the tests use the same build of what they depend on.
pub(crate) fn binaries() -> Result<()> {
    Step::new("cargo")
        .args(["build", "--package", "marque", "--package", "brain", "--bins"])
        .args(SAME_AS_TESTS)
        .run()
}
