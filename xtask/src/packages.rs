//! Debian packages that the tests use as real peers.

use anyhow::Result;

use crate::run::{Step, exists, headline};

struct Package {
    name: &'static str,
    /// What tells that it is there: a program, a place, or a module of Python.
    sign: Sign,
    used_for: &'static str,
}

enum Sign {
    Program(&'static str),
    Place(&'static str),
    Module(&'static str),
}

const PACKAGES: [Package; 10] = [
    Package { name: "chromium", sign: Sign::Program("chromium"), used_for: "browser tests" },
    Package { name: "mosquitto", sign: Sign::Place("/usr/sbin/mosquitto"), used_for: "the gateway's bench" },
    Package {
        name: "postgresql",
        sign: Sign::Place("/usr/lib/postgresql"),
        used_for: "store tests, the data plane's bench",
    },
    Package {
        name: "python3-venv",
        sign: Sign::Module("ensurepip"),
        used_for: "linters and independent readers of the lake",
    },
    Package { name: "curl", sign: Sign::Program("curl"), used_for: "enrolment tests" },
    Package { name: "openssl", sign: Sign::Program("openssl"), used_for: "enrolment tests" },
    Package { name: "strongswan-pki", sign: Sign::Program("pki"), used_for: "enrolment tests" },
    // Only recommended by it, and without them it has neither curves nor HTTP.
    Package {
        name: "libstrongswan-standard-plugins",
        sign: Sign::Place("/usr/lib/ipsec/plugins/libstrongswan-openssl.so"),
        used_for: "enrolment tests",
    },
    Package {
        name: "libstrongswan-extra-plugins",
        sign: Sign::Place("/usr/lib/ipsec/plugins/libstrongswan-curl.so"),
        used_for: "enrolment tests",
    },
    Package { name: "git", sign: Sign::Program("git"), used_for: "listing sources" },
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
    match package.sign {
        Sign::Program(name) => exists(name),
        Sign::Place(path) => std::path::Path::new(path).exists(),
        Sign::Module(name) => {
            exists("python3") && Step::new("python3").args(["-c", &format!("import {name}")]).output().is_ok()
        }
    }
}

fn is_root() -> bool {
    Step::new("id").args(["-u"]).output().is_ok_and(|id| id.trim() == "0")
}
