//! Debian packages that the tests use as real peers.

use anyhow::Result;

use crate::run::{Step, exists, headline};

struct Package {
    name: &'static str,
    /// What tells that it is there.
    program: &'static str,
    used_for: &'static str,
}

const PACKAGES: [Package; 5] = [
    Package { name: "chromium", program: "chromium", used_for: "browser tests" },
    Package { name: "mosquitto", program: "/usr/sbin/mosquitto", used_for: "the gateway's bench" },
    Package {
        name: "postgresql",
        program: "/usr/lib/postgresql",
        used_for: "store tests, the data plane's bench",
    },
    Package { name: "python3-venv", program: "python3", used_for: "independent readers of the lake" },
    Package { name: "git", program: "git", used_for: "listing sources" },
];

/// Installs what is missing when it may, else says what to install.
pub(crate) fn ensure() -> Result<()> {
    let missing: Vec<&Package> = PACKAGES.iter().filter(|package| !present(package)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let names: Vec<&str> = missing.iter().map(|package| package.name).collect();
    if !is_root() || !exists("apt-get") {
        println!("These packages are missing; the tests that need them are skipped and say so:");
        for package in &missing {
            println!("  {} ({})", package.name, package.used_for);
        }
        println!("Install them with: sudo apt-get install {}", names.join(" "));
        return Ok(());
    }
    headline(&format!("installing Debian packages: {}", names.join(" ")));
    Step::new("apt-get").args(["update", "-q"]).run()?;
    Step::new("apt-get")
        .args(["install", "-y", "-q", "--no-install-recommends"])
        .args(names)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .run()
}

fn present(package: &Package) -> bool {
    if package.program.starts_with('/') {
        std::path::Path::new(package.program).exists()
    } else {
        exists(package.program)
    }
}

fn is_root() -> bool {
    Step::new("id").args(["-u"]).output().is_ok_and(|id| id.trim() == "0")
}
