//! Generated files: the OpenAPI document, and the TypeScript client made from it.

use std::fs;

use anyhow::{Context as _, Result, bail};

use crate::{
    demo,
    run::{Step, root, target},
    web,
};

const OPENAPI: &str = "web/packages/api/openapi.json";

/// Writes them all.
pub(crate) fn write() -> Result<()> {
    let document = openapi()?;
    fs::write(root().join(OPENAPI), document).with_context(|| format!("write {OPENAPI}"))?;
    web::install()?;
    Step::new("npm").args(["run", "generate"]).dir("web").run()
}

/// Fails when a committed file is not what would be generated now.
pub(crate) fn check() -> Result<()> {
    let committed = fs::read_to_string(root().join(OPENAPI)).with_context(|| format!("read {OPENAPI}"))?;
    if committed != openapi()? {
        bail!("{OPENAPI} is not what the code says; run `cargo xtask codegen` and commit it");
    }
    Ok(())
}

fn openapi() -> Result<String> {
    demo::binaries()?;
    Step::new(target()?.join("debug/marque")).args(["openapi"]).output()
}
