//! `cargo xtask bench`: measures in a release build, beside peers in the same run.

use anyhow::Result;

use crate::{
    packages,
    run::{Step, headline, target},
};

pub(crate) fn bench(args: &[String]) -> Result<()> {
    packages::ensure()?;
    headline("building for release");
    Step::new("cargo").args(["build", "--release", "--package", "marque", "--bins"]).run()?;
    let marque = target()?.join("release/marque");
    let names: &[String] = if args.is_empty() { &["all".to_owned()] } else { args };
    Err(Step::new(marque).args(["bench"]).args(names).exec())
}
