//! `marque vss`: which signals there are.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Context as _;
use clap::{Args, Subcommand};
use signals::{Catalogue, Leaf, Vspec};

/// Ids from here on are hashes of paths; below it they are registered.
const HASHED_IDS: u32 = 1 << 31;

#[derive(Debug, Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the leaves of a catalogue: path, kind, type, unit, category and decimals.
    List {
        /// A VSS release as vspec JSON; the shipped catalogue without it.
        #[arg(long, value_name = "FILE")]
        vss: Option<PathBuf>,
        /// Only paths that begin so, for example `Vehicle.Cabin`.
        #[arg(default_value = "")]
        prefix: String,
    },
    /// Check that a VSS release as vspec JSON can be used, and say what of it is different here.
    Check {
        /// The vspec JSON file.
        file: PathBuf,
    },
}

pub(crate) fn run(options: &Options, out: &mut impl Write) -> anyhow::Result<()> {
    match &options.command {
        Command::List { vss, prefix } => {
            let catalogue = catalogue(vss.as_deref())?;
            let mut chosen = catalogue.leaves().filter(|leaf| leaf.path.starts_with(prefix.as_str()));
            chosen.try_for_each(|leaf| list_leaf(leaf, out))
        }
        Command::Check { file } => check(file, out),
    }
}

/// The catalogue of a vspec JSON file, or the shipped one.
pub(crate) fn catalogue(vss: Option<&Path>) -> anyhow::Result<Arc<Catalogue>> {
    match vss {
        Some(file) => Ok(Arc::new(read(file)?.catalogue)),
        None => Ok(Catalogue::core()),
    }
}

fn read(file: &Path) -> anyhow::Result<Vspec> {
    let text = fs::read_to_string(file).with_context(|| format!("read {}", file.display()))?;
    Vspec::read(&text).with_context(|| format!("read the catalogue of {}", file.display()))
}

fn list_leaf(leaf: &Leaf, out: &mut impl Write) -> anyhow::Result<()> {
    let kind = match leaf.kind {
        signals::LeafKind::Sensor => "sensor",
        signals::LeafKind::Actuator => "actuator",
        signals::LeafKind::Attribute => "attribute",
    };
    let unit = leaf.unit.as_deref().unwrap_or("-");
    let decimals = leaf.scale.digits();
    let (path, data_type, category) = (&leaf.path, leaf.data_type, leaf.category.slug());
    Ok(writeln!(out, "{path}\t{kind}\t{data_type}\t{unit}\t{category}\t{decimals}")?)
}

fn check(file: &Path, out: &mut impl Write) -> anyhow::Result<()> {
    let Vspec { catalogue, redefined } = read(file)?;
    let registered = catalogue.leaves().filter(|leaf| leaf.id.0 < HASHED_IDS).count();
    writeln!(out, "{} leaves, {registered} of them registered", catalogue.len())?;
    writeln!(out, "catalogue hash {}", catalogue.hash())?;
    for leaf in &redefined {
        writeln!(out, "{}: is {} in the file and stays {}", leaf.path, leaf.in_file, leaf.registered)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
