//! `cargo xtask tidy`: the rules of the house that no compiler checks.
//!
//! Each check returns its complaints, one line each; all are shown before it fails.

mod capabilities;
mod files;
mod floors;

use anyhow::{Result, bail};

use crate::codegen;

pub(crate) fn tidy() -> Result<()> {
    let mut complaints = floors::check()?;
    complaints.extend(files::check()?);
    complaints.extend(capabilities::check()?);
    if let Err(stale) = codegen::check() {
        complaints.push(format!("{stale:#}"));
    }
    for complaint in &complaints {
        eprintln!("{complaint}");
    }
    if !complaints.is_empty() {
        bail!("tidy has {} complaints, above", complaints.len());
    }
    println!("tidy: floors, files, capabilities and generated files are in order");
    Ok(())
}
