//! `cargo xtask demo`: build everything, then become `marque demo`.

use std::path::Path;

use anyhow::Result;

use crate::{
    readers,
    run::{Step, headline, target},
    web,
};

/// With it, cargo builds dependencies once for the binaries and for the tests.
pub(crate) const SAME_AS_TESTS: [&str; 2] = ["--features", "marque/as-tested"];

pub(crate) fn demo(args: &[String]) -> Result<()> {
    let program = target()?.join("debug/marque");
    if asks_for_help(args) {
        return help(&program);
    }
    build()?;
    let marque = Step::new(program).args(["demo"]).args(args);
    let reports = args.iter().any(|arg| arg.starts_with("--report"));
    if !reports || args.iter().any(|arg| arg.starts_with("--reader")) {
        return Err(marque.exec());
    }
    Err(marque.args(["--reader"]).args(readers::program("duckdb")?).exec())
}

fn asks_for_help(args: &[String]) -> bool {
    args.iter().any(|arg| arg == "--help" || arg == "-h")
}

/// Whoever asks for help gets it at once: from the program if it is built, else what is known here.
fn help(program: &Path) -> Result<()> {
    if program.exists() {
        return Err(Step::new(program).args(["demo", "--help"]).exec());
    }
    println!("{HELP}");
    Ok(())
}

/// The flags are those of the program, and stand there.
const HELP: &str = "\
cargo xtask demo [FLAGS]

Builds everything (the first time takes some minutes), then starts the platform and a simulated fleet of
all brands beside it. Once it is built, `cargo xtask demo --help` lists the flags.";

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_is_asked_for_by_either_flag() {
        let check = |words: &str, asks: bool| {
            let args: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
            assert_eq!(asks_for_help(&args), asks, "{words}");
        };
        check("--help", true);
        check("--vehicles 5 -h", true);
        check("--headless --port 1", false);
    }
}
