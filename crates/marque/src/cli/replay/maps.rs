//! What turns the frames of a log into signals: a shipped profile, a DBC with maps, or a file.

use std::{fs, path::Path, sync::Arc};

use anyhow::{Context as _, bail};
use bus::{
    Database, dbc,
    profile::{EXTERNAL, Profile},
};
use signals::Catalogue;

use crate::cli::vss;

/// What the command line gives.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sources<'a> {
    pub profile: Option<&'a str>,
    pub dbc: Option<&'a Path>,
    pub map: Option<&'a Path>,
    pub vss: Option<&'a Path>,
}

pub(super) fn profile(sources: &Sources<'_>) -> anyhow::Result<Arc<Profile>> {
    let catalogue = vss::catalogue(sources.vss)?;
    let database = sources.dbc.map(database).transpose()?;
    let text = match (sources.map, sources.profile) {
        (Some(file), _) => {
            Some(fs::read_to_string(file).with_context(|| format!("read {}", file.display()))?)
        }
        (None, Some(name)) => Some(Profile::builtin_text(name)?.to_owned()),
        (None, None) => None,
    };
    let profile = match (text, database) {
        (Some(text), Some(database)) => Profile::parse_external(&text, &database, &catalogue)?,
        (Some(text), None) => Profile::parse(&text, &catalogue)?,
        (None, Some(database)) => shipped_maps(&database, &catalogue)?,
        (None, None) => bail!("say what the frames mean: --profile NAME or --dbc FILE"),
    };
    let unknown = profile.unknown_paths().len();
    if unknown > 0 {
        tracing::warn!(unknown, "the profile maps paths that the catalogue does not have; they are left out");
    }
    Ok(Arc::new(profile))
}

fn database(file: &Path) -> anyhow::Result<Database> {
    let bytes = fs::read(file).with_context(|| format!("read {}", file.display()))?;
    let read = dbc::read(&bytes).with_context(|| format!("read the messages of {}", file.display()))?;
    for warning in &read.warnings {
        tracing::warn!("{warning}");
    }
    Ok(read.database)
}

/// The first shipped maps whose frames and signals the database has.
fn shipped_maps(database: &Database, catalogue: &Arc<Catalogue>) -> anyhow::Result<Profile> {
    for name in EXTERNAL {
        if let Ok(profile) = Profile::parse_external(Profile::builtin_text(name)?, database, catalogue) {
            tracing::info!(profile = name, "these maps fit the DBC");
            return Ok(profile);
        }
    }
    bail!(
        "none of the shipped maps ({}) fits this DBC; write your own as docs/profiles.md says \
         and give it with --map FILE",
        EXTERNAL.join(", ")
    )
}
