//! The simulated fleet, in a process of its own, so that the platform's cost is the platform's.

use std::{path::PathBuf, process::Stdio};

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader, Lines},
    process::{Child, ChildStdout, Command},
};

/// What the fleet is to do.
#[derive(Debug)]
pub(super) struct FleetArgs {
    pub(super) cloud: String,
    pub(super) mqtt: String,
    pub(super) est: String,
    pub(super) password_file: PathBuf,
    pub(super) simulation_token_file: PathBuf,
    pub(super) state: PathBuf,
    pub(super) ledger: PathBuf,
    pub(super) vehicles: u32,
    pub(super) log: String,
}

/// What the fleet says, a line of JSON each.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub(super) enum Event {
    /// So many cars are registered and have certificates.
    Enrolling { vehicles: u32 },
    /// These are the fleet.
    Enrolled { vehicle_ids: Vec<String> },
    /// So many cars were started.
    Started { vehicles: u32 },
    /// So many cars are connected: all, or as many as could within the fleet's patience.
    Running { vehicles: u32 },
    /// A car whose publishes are told one by one handed a batch to its socket.
    Published { vehicle_id: String, at: i64 },
}

/// The running fleet.
#[derive(Debug)]
pub(super) struct FleetProcess {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl FleetProcess {
    pub(super) fn start(args: &FleetArgs) -> Result<Self> {
        let program = std::env::current_exe().context("find this program's file")?;
        let mut command = Command::new(program);
        command
            .args(["--log", &args.log, "sim", "--events", "--while-stdin"])
            .args(["--cloud", &args.cloud, "--mqtt", &args.mqtt, "--est", &args.est])
            .arg("--password-file")
            .arg(&args.password_file)
            .arg("--simulation-token-file")
            .arg(&args.simulation_token_file)
            .arg("--state")
            .arg(&args.state)
            .arg("--report")
            .arg(&args.ledger)
            .args(["--vehicles", &args.vehicles.to_string()])
            // Never written to: it closes with this process, however that ends, and the fleet stops.
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // Ctrl-C at a terminal goes to every process of the group; the fleet is stopped in order.
            .process_group(0)
            .kill_on_drop(true);
        let mut child = command.spawn().context("start the simulated fleet")?;
        let stdout = child.stdout.take().context("read what the fleet says")?;
        Ok(Self { child, lines: BufReader::new(stdout).lines() })
    }

    /// The next thing it says; an error when it ended. Dropping the future loses nothing.
    pub(super) async fn event(&mut self) -> Result<Event> {
        match self.lines.next_line().await.context("read what the fleet says")? {
            Some(line) => {
                serde_json::from_str(&line).with_context(|| format!("read the fleet's line `{line}`"))
            }
            None => {
                let status = self.child.wait().await.context("wait for the fleet")?;
                bail!("the simulated fleet ended with {status}; what it logged stands above")
            }
        }
    }

    /// Asks it to send what it has queued, then to end, and waits for both.
    pub(super) async fn stop(mut self) -> Result<()> {
        if let Some(id) =
            self.child.id().and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw)
        {
            rustix::process::kill_process(id, rustix::process::Signal::TERM).context("stop the fleet")?;
        }
        // What it still says must be read, or it would wait for room in the pipe.
        while let Some(_line) = self.lines.next_line().await.context("read what the fleet says")? {}
        let status = self.child.wait().await.context("wait for the fleet")?;
        if !status.success() {
            bail!("the simulated fleet ended with {status}; what it logged stands above");
        }
        Ok(())
    }
}
