//! Tests that need a whole platform: the console in a real browser, and the lake in the eyes of
//! readers that are not ours.

use std::fs;

use anyhow::{Context as _, Result};

use crate::{
    platform::Platform,
    readers,
    run::{Step, exists, headline, target},
    web,
};

pub(crate) fn live() -> Result<()> {
    let platform = Platform::start("live-test", 56)?;
    browser(&platform)?;
    let data = platform.data().to_owned();
    platform.stop()?;
    headline("the lake, read by DuckDB, chDB and deltalake");
    let check = readers::program("duckdb")?;
    let tables = ["telemetry", "location"].map(|table| data.join("lake").join(table));
    Step::new(&check[0])
        .args(&check[1..])
        .args(["--reader=chdb", "--reader=deltalake"])
        .args(tables)
        .output()?;
    println!("the three readers agree");
    Ok(())
}

/// The console's end-to-end tests in Chromium.
fn browser(platform: &Platform) -> Result<()> {
    if !exists("chromium") {
        println!("skipped: the browser tests need the package chromium");
        return Ok(());
    }
    headline("the console in Chromium");
    let password = fs::read_to_string(platform.data().join("operator-password"))
        .context("read the operator's password")?;
    Step::new("npm")
        .args(["run", "e2e"])
        .dir(web::dir())
        .env("MARQUE_URL", platform.url())
        .env("MARQUE_PASSWORD", password.trim())
        // The tests of identity providers start a platform of their own.
        .env("MARQUE_PROGRAM", target()?.join("debug/marque"))
        .run()
}
