//! A platform with a simulated fleet, for tests that need a whole one.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, ExitStatus},
    time::Duration,
};

use anyhow::{Context as _, Result, bail};

use crate::run::{Step, headline, target};

/// How often to look whether the demo's cars drive, or have stopped, and how many times: three minutes, for a
/// busy machine; a good start takes seconds.
const LOOK_EVERY: Duration = Duration::from_millis(200);
const LOOKS_MAX: u32 = 900;

/// A running demo; ended when dropped, so that a failed test leaves nothing behind.
pub(crate) struct Platform {
    demo: Child,
    data: PathBuf,
    port: u16,
}

impl Platform {
    /// Starts one in an empty folder below cargo's target folder, and waits until its cars drive.
    pub(crate) fn start(folder: &str, vehicles: u32) -> Result<Self> {
        let data = target()?.join(folder);
        if data.exists() {
            fs::remove_dir_all(&data).with_context(|| format!("empty {}", data.display()))?;
        }
        headline("a platform with a simulated fleet");
        let port = free_port()?;
        let (vehicles, listens) = (vehicles.to_string(), port.to_string());
        let demo = Step::new(target()?.join("debug/marque"))
            .args(["demo", "--headless", "--vehicles", &vehicles, "--port", &listens, "--data"])
            .args([&data])
            .spawn()?;
        let mut platform = Self { demo, data, port };
        platform.wait_until_driving()?;
        Ok(platform)
    }

    /// Its data folder.
    pub(crate) fn data(&self) -> &Path {
        &self.data
    }

    /// Where its API and console are.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The demo says so by a file of its own, when all cars drive.
    fn wait_until_driving(&mut self) -> Result<()> {
        for _ in 0..LOOKS_MAX {
            if self.data.join("driving").exists() {
                return Ok(());
            }
            if let Some(status) = self.demo.try_wait().context("look after the demo")? {
                bail!("the demo ended with {status} before its cars drove");
            }
            std::thread::park_timeout(LOOK_EVERY);
        }
        bail!("the demo's cars do not drive after {} s", (LOOK_EVERY * LOOKS_MAX).as_secs())
    }

    /// Ends it in good order.
    pub(crate) fn stop(mut self) -> Result<()> {
        let status = self.end()?;
        if !status.success() {
            bail!("the demo ended with {status}");
        }
        Ok(())
    }

    /// And by force when that takes too long.
    fn end(&mut self) -> Result<ExitStatus> {
        Step::new("kill").args(["-TERM", &self.demo.id().to_string()]).run()?;
        for _ in 0..LOOKS_MAX {
            if let Some(status) = self.demo.try_wait().context("wait for the demo")? {
                return Ok(status);
            }
            std::thread::park_timeout(LOOK_EVERY);
        }
        self.demo.kill().context("kill the demo")?;
        bail!("the demo did not stop within {} s", (LOOK_EVERY * LOOKS_MAX).as_secs())
    }
}

impl Drop for Platform {
    fn drop(&mut self) {
        // Already ended when the test went well; else what failed counts, not this.
        if matches!(self.demo.try_wait(), Ok(None)) {
            self.end().ok();
        }
    }
}

fn free_port() -> Result<u16> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").context("find a free port")?;
    Ok(listener.local_addr().context("find a free port")?.port())
}
