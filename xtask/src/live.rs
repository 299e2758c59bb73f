//! Tests that need a whole platform: the console in a real browser, and the lake in the eyes of
//! readers that are not ours.

use std::{
    fs,
    path::Path,
    process::{Child, ExitStatus},
    time::Duration,
};

use anyhow::{Context as _, Result, bail};

use crate::{
    readers,
    run::{Step, exists, headline, target},
    web,
};

/// How often to look whether the demo's cars drive, or have stopped, and how many times: three minutes, for a
/// busy machine; a good start takes seconds.
const LOOK_EVERY: Duration = Duration::from_millis(200);
const LOOKS_MAX: u32 = 900;

pub(crate) fn live() -> Result<()> {
    let data = target()?.join("live-test");
    if data.exists() {
        fs::remove_dir_all(&data).with_context(|| format!("empty {}", data.display()))?;
    }
    headline("a platform with a simulated fleet");
    let port = free_port()?;
    let marque = target()?.join("debug/marque");
    let demo = Step::new(marque)
        .args(["demo", "--headless", "--vehicles", "56", "--port", &port.to_string(), "--data"])
        .args([&data])
        .spawn()?;
    let mut demo = Demo(demo);
    demo.wait_until_driving(&data)?;
    browser(&data, port)?;
    demo.stop()?;
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
fn browser(data: &Path, port: u16) -> Result<()> {
    if !exists("chromium") {
        println!("skipped: the browser tests need the package chromium");
        return Ok(());
    }
    headline("the console in Chromium");
    let password =
        fs::read_to_string(data.join("operator-password")).context("read the operator's password")?;
    Step::new("npm")
        .args(["run", "e2e"])
        .dir(web::dir())
        .env("MARQUE_URL", format!("http://127.0.0.1:{port}"))
        .env("MARQUE_PASSWORD", password.trim())
        // The tests of identity providers start a platform of their own.
        .env("MARQUE_PROGRAM", target()?.join("debug/marque"))
        .run()
}

fn free_port() -> Result<u16> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").context("find a free port")?;
    Ok(listener.local_addr().context("find a free port")?.port())
}

/// A running demo; ended when dropped, so that a failed test leaves nothing behind.
struct Demo(Child);

impl Demo {
    /// The demo says so by a file of its own, when all cars drive.
    fn wait_until_driving(&mut self, data: &Path) -> Result<()> {
        for _ in 0..LOOKS_MAX {
            if data.join("driving").exists() {
                return Ok(());
            }
            if let Some(status) = self.0.try_wait().context("look after the demo")? {
                bail!("the demo ended with {status} before its cars drove");
            }
            std::thread::park_timeout(LOOK_EVERY);
        }
        bail!("the demo's cars do not drive after {} s", (LOOK_EVERY * LOOKS_MAX).as_secs())
    }

    fn stop(mut self) -> Result<()> {
        let status = self.end()?;
        if !status.success() {
            bail!("the demo ended with {status}");
        }
        Ok(())
    }

    /// Ends it in good order, and by force when that takes too long.
    fn end(&mut self) -> Result<ExitStatus> {
        Step::new("kill").args(["-TERM", &self.0.id().to_string()]).run()?;
        for _ in 0..LOOKS_MAX {
            if let Some(status) = self.0.try_wait().context("wait for the demo")? {
                return Ok(status);
            }
            std::thread::park_timeout(LOOK_EVERY);
        }
        self.0.kill().context("kill the demo")?;
        bail!("the demo did not stop within {} s", (LOOK_EVERY * LOOKS_MAX).as_secs())
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        // Already ended when the test went well; else what failed counts, not this.
        if matches!(self.0.try_wait(), Ok(None)) {
            self.end().ok();
        }
    }
}
