//! The two sides as they are measured: servers that run, and what they have stored in the end.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::Context as _;
use tokio::runtime::Runtime;

use super::{
    broker,
    postgres::{Cluster, Postgres},
    process::{Process, Words},
    rows::Layout,
    server::{self, APPLIED, SETTLE, STORED, Tables},
};
use crate::clock;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Marque,
    Peer(Layout),
}

impl Side {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Marque => "marque",
            Self::Peer(layout) => layout.name(),
        }
    }
}

/// What both sides need.
pub(super) struct Ground<'a> {
    pub(super) runtime: &'a Runtime,
    pub(super) mosquitto: &'a Path,
    pub(super) cluster: &'a Cluster,
    pub(super) folder: &'a Path,
    pub(super) cars: usize,
    /// Samples in one COPY of the peer.
    pub(super) copy_samples: usize,
    /// Connections that copy at once.
    pub(super) copiers: usize,
}

/// The servers of one side, running.
pub(super) enum Servers<'a> {
    Marque { data: PathBuf, process: Process, words: Words, address: SocketAddr },
    Peer { runtime: &'a Runtime, layout: Layout, address: SocketAddr, words: Words, parts: Parts },
}

/// The peer's processes.
pub(super) struct Parts {
    consumer: Process,
    mosquitto: Process,
    postgres: Postgres,
}

/// When what was asked for was reached.
#[derive(Debug, Clone, Copy)]
pub(super) struct Settled {
    /// All of it can be queried.
    pub(super) applied: Instant,
    pub(super) stored: Instant,
}

/// CPU time by process.
pub(super) type Cpu = Vec<(&'static str, Duration)>;

impl<'a> Servers<'a> {
    /// Starts a side with nothing stored.
    pub(super) fn start(ground: &'a Ground<'a>, side: Side) -> anyhow::Result<Self> {
        match side {
            Side::Marque => Self::marque(ground),
            Side::Peer(layout) => Self::peer(ground, layout),
        }
    }

    pub(super) fn address(&self) -> SocketAddr {
        match self {
            Self::Marque { address, .. } | Self::Peer { address, .. } => *address,
        }
    }

    pub(super) fn cpu(&self) -> anyhow::Result<Cpu> {
        let processes = match self {
            Self::Marque { process, .. } => vec![process],
            Self::Peer { parts, .. } => vec![&parts.mosquitto, &parts.consumer, &parts.postgres.process],
        };
        processes.into_iter().map(|process| Ok((process.name(), process.cpu()?))).collect()
    }

    /// Waits until so many messages, counted from the start, are stored.
    pub(super) fn settle(&mut self, messages: usize) -> anyhow::Result<Settled> {
        let (Self::Marque { words, .. } | Self::Peer { words, .. }) = self;
        words.say(&format!("{SETTLE} {messages}"))?;
        words.expect(APPLIED)?;
        let applied = clock::instant();
        words.expect(STORED)?;
        Ok(Settled { applied, stored: clock::instant() })
    }

    /// Stops the servers and counts what they have stored, by its values.
    pub(super) fn finish(self) -> anyhow::Result<Tables> {
        match self {
            Self::Marque { data, process, words, .. } => {
                drop(words);
                process.wait()?;
                let tables = server::read_tables(&data)?;
                fs::remove_dir_all(&data).with_context(|| format!("remove {}", data.display()))?;
                Ok(tables)
            }
            Self::Peer { runtime, layout, words, parts, .. } => {
                drop(words);
                parts.consumer.wait()?;
                parts.mosquitto.stop()?;
                let (samples, bytes) = runtime.block_on(parts.postgres.stored(layout))?;
                parts.postgres.process.stop()?;
                Ok(Tables { samples, bytes })
            }
        }
    }

    fn marque(ground: &'a Ground<'a>) -> anyhow::Result<Self> {
        let data = ground.folder.join("marque");
        fs::create_dir_all(&data).with_context(|| format!("create {}", data.display()))?;
        let (process, words, line) = Words::spawn("marque", |command| {
            command.arg("pipeline-server").arg("--data").arg(&data);
            command.arg("--cars").arg(ground.cars.to_string());
        })?;
        let address = line.parse().with_context(|| format!("read the gateway's address from `{line}`"))?;
        Ok(Self::Marque { data, process, words, address })
    }

    fn peer(ground: &'a Ground<'a>, layout: Layout) -> anyhow::Result<Self> {
        let postgres = ground.runtime.block_on(ground.cluster.start(layout))?;
        let (mosquitto, address) = broker::start(ground.mosquitto, ground.folder)?;
        let (consumer, words, _subscribed) = Words::spawn("consumer", |command| {
            command.arg("pipeline-consumer").arg("--broker").arg(address.to_string());
            command.arg("--socket").arg(postgres.socket()).arg("--layout").arg(layout.name());
            command.arg("--samples").arg(ground.copy_samples.to_string());
            command.arg("--copiers").arg(ground.copiers.to_string());
        })?;
        let parts = Parts { consumer, mosquitto, postgres };
        Ok(Self::Peer { runtime: ground.runtime, layout, address, words, parts })
    }
}
