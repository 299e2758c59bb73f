//! `cargo xtask demo`: build everything, then become `marque demo`.

use anyhow::{Context as _, Result};

use crate::{
    readers,
    run::{Step, headline, target},
    web,
};

pub(crate) fn demo(args: &[String]) -> Result<()> {
    build()?;
    let marque = Step::new(target()?.join("debug/marque")).args(["demo"]).args(args);
    let reports = args.iter().any(|arg| arg.starts_with("--report"));
    if !reports || args.iter().any(|arg| arg.starts_with("--reader")) {
        return Err(marque.exec());
    }
    Err(marque.args(["--reader"]).args(readers::program("duckdb")?).exec())
}

/// Builds the console and the binary that embeds it; the crates below it compile meanwhile.
pub(crate) fn build() -> Result<()> {
    let web = std::thread::spawn(web::build);
    headline("building the platform (the first time takes some minutes)");
    Step::new("cargo")
        .args(["build", "--package", "sim", "--package", "lake", "--package", "store"])
        .run()?;
    web.join().ok().context("build the console")??;
    Step::new("cargo").args(["build", "--package", "marque", "--package", "brain", "--bins"]).run()
}
