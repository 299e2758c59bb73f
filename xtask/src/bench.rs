//! `cargo xtask bench`: measures in a release build, beside peers in the same run.

use anyhow::{Result, bail};

use crate::{
    packages, readers,
    run::{Step, headline, root, target},
};

/// Each is a `marque bench` of that name, or a bench of the crate of that name.
pub(crate) const NAMES: [&str; 6] = ["gateway", "pipeline", "storage", "bus", "audit", "identity"];

pub(crate) fn bench(args: &[String]) -> Result<()> {
    let (names, flags) = match args.split_first() {
        Some((name, flags)) if NAMES.contains(&name.as_str()) => (vec![name.as_str()], flags),
        Some((name, _)) => bail!("there is no bench `{name}`; there are {}", NAMES.join(", ")),
        None => (NAMES.to_vec(), args),
    };
    packages::ensure()?;
    headline("building for release");
    Step::new("cargo").args(["build", "--release", "--package", "marque", "--bins"]).run()?;
    let marque = target()?.join("release/marque");
    for name in names {
        headline(&format!("bench: {name}"));
        let step = match name {
            "bus" | "audit" | "identity" => Step::new("cargo").args(["bench", "--quiet", "--package", name]),
            "storage" => storage(Step::new(&marque).args(["bench", name]))?,
            _ => Step::new(&marque).args(["bench", name]),
        };
        step.args(flags).run()?;
    }
    Ok(())
}

/// The real drive lies beside the checkout, and DuckDB in the readers' environment.
fn storage(step: Step) -> Result<Step> {
    let step = step.args(["--python"]).args([readers::READERS.python()?]);
    let data = root().join("../shared/data");
    if data.exists() { Ok(step.args(["--inputs"]).args([data])) } else { Ok(step) }
}
