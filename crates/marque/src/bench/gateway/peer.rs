//! The servers that are compared, each a process of its own on a core of its own.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context as _, bail};
use rustix::{
    process::{Pid, Signal, kill_process},
    thread::{CpuSet, sched_setaffinity},
};

use super::{certificates::Pki, load::Wire};
use crate::clock;

pub(in crate::bench) const SERVER_CORE: usize = 0;
pub(in crate::bench) const CLIENT_CORE: usize = 1;
const START_PATIENCE: Duration = Duration::from_secs(20);

/// Which server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Marque,
    Mosquitto,
}

impl Kind {
    pub(super) const ALL: [Self; 2] = [Self::Marque, Self::Mosquitto];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Marque => "marque",
            Self::Mosquitto => "mosquitto",
        }
    }
}

/// A server that runs.
pub(super) struct Peer {
    child: Child,
    address: SocketAddr,
}

impl Peer {
    /// Our gateway with a fresh log, in a process of this binary.
    pub(super) fn marque(folder: &Path, wire: Wire, pki: &Pki) -> anyhow::Result<Self> {
        let log = folder.join("log");
        if log.exists() {
            fs::remove_dir_all(&log).context("remove the log of the run before")?;
        }
        let binary = std::env::current_exe().context("find this binary")?;
        let mut command = Command::new(binary);
        command.args(["--log", "warn", "bench", "gateway-server"]);
        command.arg("--core").arg(SERVER_CORE.to_string());
        command.arg("--log-dir").arg(&log).arg("--cars").arg(pki.cars().to_string());
        if wire == Wire::Tls {
            command.arg("--certificates").arg(folder);
        }
        let mut child = command.stdout(Stdio::piped()).spawn().context("start the gateway")?;
        let stdout = child.stdout.take().context("read the gateway's address")?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).context("read the gateway's address")?;
        let address =
            line.trim().parse().with_context(|| format!("read the gateway's address from `{line}`"))?;
        Ok(Self { child, address })
    }

    /// Debian's mosquitto without persistence.
    pub(super) fn mosquitto(binary: &Path, folder: &Path, wire: Wire, pki: &Pki) -> anyhow::Result<Self> {
        let address = TcpListener::bind("127.0.0.1:0").and_then(|probe| probe.local_addr())?;
        let mut config = format!(
            "listener {} 127.0.0.1\nallow_anonymous true\npersistence false\nset_tcp_nodelay true\n\
             max_inflight_messages 20\nmax_connections -1\nlog_dest none\n",
            address.port()
        );
        if wire == Wire::Tls {
            config.push_str(&format!(
                "cafile {}\ncertfile {}\nkeyfile {}\nrequire_certificate true\nuse_identity_as_username true\n\
                 tls_version tlsv1.3\n",
                pki.file("ca.pem").display(),
                pki.file("server.pem").display(),
                pki.file("server.key").display(),
            ));
        }
        let path = folder.join("mosquitto.conf");
        fs::write(&path, config).context("write mosquitto's configuration")?;
        // As root it would change to a user who cannot read the keys.
        let mut text = fs::read_to_string(&path)?;
        text.insert_str(0, "user root\n");
        fs::write(&path, text)?;
        let child = Command::new(binary)
            .arg("-c")
            .arg(&path)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("start mosquitto")?;
        let mut peer = Self { child, address };
        pin(peer.pid()?, SERVER_CORE)?;
        peer.wait_until_it_listens()?;
        Ok(peer)
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// CPU time that all its threads have used, by the scheduler's count.
    pub(super) fn cpu(&self) -> anyhow::Result<Duration> {
        let mut nanos = 0;
        let folder = format!("/proc/{}/task", self.child.id());
        for task in fs::read_dir(&folder).with_context(|| format!("read {folder}"))? {
            let path = task?.path().join("schedstat");
            let text = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
            let first = text.split_whitespace().next().context("read a thread's CPU time")?;
            nanos += first.parse::<u64>().context("read a thread's CPU time")?;
        }
        Ok(Duration::from_nanos(nanos))
    }

    /// Memory that is resident.
    pub(super) fn rss_bytes(&self) -> anyhow::Result<usize> {
        let path = format!("/proc/{}/status", self.child.id());
        let text = fs::read_to_string(&path).with_context(|| format!("read {path}"))?;
        let line =
            text.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("find the resident memory")?;
        let kib: usize = line.trim().trim_end_matches(" kB").parse().context("read the resident memory")?;
        Ok(kib * 1_024)
    }

    /// Asks it to stop, and waits.
    pub(super) fn stop(mut self) -> anyhow::Result<()> {
        kill_process(self.pid()?, Signal::TERM).context("stop a server")?;
        self.child.wait().context("wait for a server to stop")?;
        Ok(())
    }

    fn pid(&self) -> anyhow::Result<Pid> {
        let id = i32::try_from(self.child.id()).context("read a process id")?;
        Pid::from_raw(id).context("read a process id")
    }

    fn wait_until_it_listens(&mut self) -> anyhow::Result<()> {
        let deadline = clock::instant() + START_PATIENCE;
        while TcpStream::connect(self.address).is_err() {
            if let Some(status) = self.child.try_wait()? {
                bail!("mosquitto ended at once ({status})");
            }
            if clock::instant() > deadline {
                bail!("mosquitto does not listen");
            }
            std::thread::yield_now();
        }
        Ok(())
    }
}

impl Drop for Peer {
    /// Nothing may keep running when a measurement fails.
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait()
            && let Err(error) = self.child.kill().and_then(|()| self.child.wait())
        {
            tracing::warn!(%error, "a server of the bench was not stopped");
        }
    }
}

/// Keeps this process on the client's core.
pub(super) fn pin_to_client_core() -> anyhow::Result<()> {
    pin_self(CLIENT_CORE)
}

/// Keeps this thread, and those that it will start, on a core.
pub(in crate::bench) fn pin_self(core: usize) -> anyhow::Result<()> {
    sched_setaffinity(None, &set(core)).with_context(|| format!("stay on core {core}; are there two?"))
}

fn pin(process: Pid, core: usize) -> anyhow::Result<()> {
    sched_setaffinity(Some(process), &set(core)).with_context(|| format!("keep a server on core {core}"))
}

fn set(core: usize) -> CpuSet {
    let mut set = CpuSet::new();
    set.set(core);
    set
}
