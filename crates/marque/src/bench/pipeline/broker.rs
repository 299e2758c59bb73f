//! Debian's mosquitto, in memory and without limits to what it queues.

use std::{
    fs,
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context as _, bail};
use rustix::process::Signal;

use super::process::Process;
use crate::clock;

const START_PATIENCE: Duration = Duration::from_secs(20);

/// By default it would drop what a consumer is behind with.
const SETTINGS: &str = "allow_anonymous true\npersistence false\nset_tcp_nodelay true\nmax_connections -1\n\
    max_inflight_messages 0\nmax_queued_messages 0\nmax_queued_bytes 0\nlog_dest none\n";

/// Starts it on the servers' core; gives its address when it listens.
pub(super) fn start(binary: &Path, folder: &Path) -> anyhow::Result<(Process, SocketAddr)> {
    let address = TcpListener::bind("127.0.0.1:0").and_then(|probe| probe.local_addr())?;
    let path = folder.join("mosquitto.conf");
    // As root it would change to a user who cannot read the folder.
    let config = format!("user root\nlistener {} 127.0.0.1\n{SETTINGS}", address.port());
    fs::write(&path, config).context("write mosquitto's configuration")?;
    let mut command = Command::new(binary);
    command.arg("-c").arg(&path).stdout(Stdio::null()).stderr(Stdio::null());
    let mut process = Process::spawn("mosquitto", &mut command, Signal::TERM)?;
    let deadline = clock::instant() + START_PATIENCE;
    while TcpStream::connect(address).is_err() {
        process.check()?;
        if clock::instant() > deadline {
            bail!("mosquitto does not listen");
        }
        std::thread::yield_now();
    }
    Ok((process, address))
}
