//! `cargo xtask contract`: whether the API does what its OpenAPI document says, asked by Schemathesis.

use anyhow::{Context as _, Result};

use crate::{
    demo,
    platform::Platform,
    python::Environment,
    run::{Step, headline},
};

const CONTRACT: Environment =
    Environment { folder: "contract", holds: "Schemathesis, which tests an API by its description" };

/// Cases of each operation, unless told.
const EXAMPLES: u32 = 500;

pub(crate) fn contract(args: &[String]) -> Result<()> {
    let (examples, flags) = match args.split_first() {
        None => (EXAMPLES, args),
        Some((first, rest)) => (first.parse().context("how many cases of each operation?")?, rest),
    };
    let python = CONTRACT.python()?;
    demo::build()?;
    let platform = Platform::start("contract-test", 14)?;
    headline("the API beside its description");
    Step::new(python)
        .args([
            "tests/contract/run.py",
            "--url",
            &platform.url(),
            "--examples",
            &examples.to_string(),
            "--data",
        ])
        .args([platform.data()])
        .args(["--"])
        .args(flags)
        .run()?;
    platform.stop()
}
