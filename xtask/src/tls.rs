//! `cargo xtask tls`: the TLS of each listener in the eyes of sslyze and testssl.sh.

use anyhow::{Result, bail};

use crate::{
    demo,
    python::Environment,
    run::{Step, exists, headline, target},
};

const SSLYZE: Environment = Environment { folder: "tls", holds: "sslyze, which looks at TLS servers" };

pub(crate) fn tls() -> Result<()> {
    if !exists("testssl") {
        bail!("testssl.sh is not there; install the package testssl.sh");
    }
    let python = SSLYZE.python()?;
    demo::build()?;
    headline("the TLS of each listener, in a network of its own");
    Step::new("unshare")
        .args(["--map-root-user", "--net"])
        .args([python])
        .args(["tests/tls/run.py", "--marque"])
        .args([target()?.join("debug/marque")])
        .run()
}
