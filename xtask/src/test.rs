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
        Step::new("cargo").args(["nextest", "run", "--workspace"]).args(args).run()?;
    } else {
        Step::new("cargo").args(["test", "--workspace", "--quiet"]).args(args).run()?;
    }
    live::live()
}
