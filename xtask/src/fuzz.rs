//! `cargo xtask fuzz`: every fuzz target for a while, without a sanitizer, so that stable Rust will do.

use anyhow::{Context as _, Result};

use crate::run::{Step, cache, exists, headline};

pub(crate) fn fuzz(args: &[String]) -> Result<()> {
    let seconds: u32 = match args.first() {
        Some(text) => text.parse().context("`cargo xtask fuzz` takes a number of seconds")?,
        None => 60,
    };
    let tools = cache().join("fuzz-tools");
    let cargo_fuzz = if exists("cargo-fuzz") { "cargo-fuzz".into() } else { tools.join("bin/cargo-fuzz") };
    if !exists(&cargo_fuzz.to_string_lossy()) {
        headline("installing cargo-fuzz");
        Step::new("cargo").args(["install", "--locked", "cargo-fuzz", "--root"]).args([&tools]).run()?;
    }
    let fuzz = |words: &[&str]| Step::new(&cargo_fuzz).args(["fuzz"]).args(words);
    for name in fuzz(&["list"]).output()?.lines() {
        headline(&format!("fuzzing {name} for {seconds} s"));
        let time = format!("-max_total_time={seconds}");
        fuzz(&["run", "--sanitizer", "none", name, "--", &time]).run()?;
    }
    Ok(())
}
