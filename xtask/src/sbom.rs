//! `cargo xtask sbom`: bills of materials in CycloneDX, of the platform, the car's runtime and the console.

use std::{fs, path::Path};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::{
    run::{Step, cache, headline, root, target},
    web,
};

const TOOL: &str = "cargo-cyclonedx@0.5.9";
const SPECIFICATION: &str = "1.5";
/// The packages whose programs are given out, each with something that must be in its bill.
const GIVEN_OUT: [(&str, &str); 2] = [("marque", "rustls"), ("brain", "rustls")];

pub(crate) fn sbom() -> Result<()> {
    headline("bills of materials");
    let dir = target()?.join("sbom");
    fs::create_dir_all(&dir).with_context(|| format!("create {}", dir.display()))?;
    let tools = cache().join("sbom-tools");
    let tool = tools.join("bin/cargo-cyclonedx");
    if !tool.exists() {
        headline("installing cargo-cyclonedx");
        Step::new("cargo").args(["install", "--quiet", "--locked", TOOL, "--root"]).args([&tools]).run()?;
    }
    // It writes beside each package's manifest, and nowhere else.
    Step::new(tool)
        .args(["cyclonedx", "--quiet", "--format", "json", "--spec-version", SPECIFICATION])
        .run()?;
    for package in packages()? {
        let name =
            package.file_name().context("a package's folder has a name")?.to_string_lossy().into_owned();
        let bill = package.join(format!("{name}.cdx.json"));
        if let Some((_, part)) = GIVEN_OUT.iter().find(|(given_out, _)| *given_out == name) {
            let text = fs::read_to_string(&bill).with_context(|| format!("read {}", bill.display()))?;
            keep(&dir.join(format!("{name}.cdx.json")), &text, part)?;
        }
        fs::remove_file(&bill).with_context(|| format!("remove {}", bill.display()))?;
    }
    let console = Step::new("npm")
        .args(["sbom", "--sbom-format", "cyclonedx", "--omit", "dev", "--package-lock-only"])
        .dir(web::dir())
        .output()?;
    keep(&dir.join("console.cdx.json"), &console, "maplibre-gl")
}

/// The folders of all packages.
fn packages() -> Result<Vec<std::path::PathBuf>> {
    let mut packages = vec![root().join("xtask")];
    for entry in fs::read_dir(root().join("crates")).context("list the crates")? {
        let path = entry.context("list the crates")?.path();
        if path.join("Cargo.toml").exists() {
            packages.push(path);
        }
    }
    Ok(packages)
}

/// Keeps a bill that is one: it names what the program is known to be made of.
fn keep(path: &Path, text: &str, part: &str) -> Result<()> {
    let bill: Value = serde_json::from_str(text).with_context(|| format!("read {}", path.display()))?;
    let parts = bill["components"].as_array().map_or(&[][..], Vec::as_slice);
    let names_it = parts.iter().any(|component| component["name"] == part);
    if bill["bomFormat"] != "CycloneDX" || !names_it {
        bail!("{} is no bill of materials with `{part}` in it", path.display());
    }
    fs::write(path, text).with_context(|| format!("write {}", path.display()))?;
    println!("{}: {} components", path.display(), parts.len());
    Ok(())
}
