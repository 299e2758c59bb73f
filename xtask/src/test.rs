//! `cargo xtask test`: every test there is.

use anyhow::Result;

use crate::{
    demo, live, packages,
    run::{Step, exists, headline},
    web,
};

pub(crate) fn test(args: &[String]) -> Result<()> {
    packages::ensure()?;
    demo::build()?;
    headline("web: types, style and unit tests");
    Step::new("npm").args(["run", "check"]).dir(web::dir()).run()?;
    Step::new("npm").args(["test"]).dir(web::dir()).run()?;
    headline("Rust tests");
    if exists("cargo-nextest") {
        cargo(&["nextest", "run"]).args(args).run()?;
    } else {
        cargo(&["test", "--quiet"]).args(args).run()?;
    }
    live::live()
}

fn cargo(command: &[&str]) -> Step {
    Step::new("cargo").args(command).args(["--workspace"]).args(demo::SAME_AS_TESTS)
}
