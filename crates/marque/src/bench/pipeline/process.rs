//! A server of the bench as a process: its core, its CPU time, and words with it over its pipes.

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::Duration,
};

use anyhow::{Context as _, bail};
use rustix::process::{Pid, Signal, kill_process};

use crate::bench::gateway::peer::{CLIENT_CORE, SERVER_CORE, pin_self};

/// Ticks a second in `/proc`, which Linux keeps at this number whatever its timer does.
const TICKS_PER_S: u64 = 100;

/// A child that is stopped when this is dropped.
pub(super) struct Process {
    name: &'static str,
    child: Child,
    signal: Signal,
}

impl Process {
    /// Starts a program on the servers' core; `signal` is what stops it well.
    pub(super) fn spawn(name: &'static str, command: &mut Command, signal: Signal) -> anyhow::Result<Self> {
        // A child begins on the core of the thread that starts it, with all that it starts itself.
        pin_self(SERVER_CORE)?;
        let child = command.spawn().with_context(|| format!("start {name}"));
        pin_self(CLIENT_CORE)?;
        Ok(Self { name, child: child?, signal })
    }

    pub(super) const fn name(&self) -> &'static str {
        self.name
    }

    /// CPU time of the process, of its children, and of those that it has waited for.
    pub(super) fn cpu(&self) -> anyhow::Result<Duration> {
        let root = self.child.id();
        let mut ticks = 0;
        for entry in fs::read_dir("/proc").context("list processes")? {
            let path = entry.context("list processes")?.path();
            let number = path.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok());
            let Some(number) = number else { continue };
            // A process may have ended since it was listed.
            let Ok(text) = fs::read_to_string(path.join("stat")) else { continue };
            let Some(stat) = Stat::parse(&text) else { continue };
            if number == root {
                ticks += stat.own_ticks + stat.reaped_ticks;
            } else if stat.parent == root {
                ticks += stat.own_ticks;
            }
        }
        Ok(Duration::from_millis(ticks * 1_000 / TICKS_PER_S))
    }

    /// Fails when the process has ended.
    pub(super) fn check(&mut self) -> anyhow::Result<()> {
        match self.child.try_wait()? {
            Some(status) => bail!("{} ended early ({status})", self.name),
            None => Ok(()),
        }
    }

    /// Asks it to stop, and waits.
    pub(super) fn stop(mut self) -> anyhow::Result<()> {
        self.tell()?;
        self.child.wait().with_context(|| format!("wait for {} to stop", self.name))?;
        Ok(())
    }

    /// Waits for one that ends by itself, and well.
    pub(super) fn wait(mut self) -> anyhow::Result<()> {
        let status = self.child.wait().with_context(|| format!("wait for {} to end", self.name))?;
        if status.success() { Ok(()) } else { bail!("{} failed ({status})", self.name) }
    }

    fn tell(&self) -> anyhow::Result<()> {
        let id = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).context("read a process id")?;
        kill_process(id, self.signal).with_context(|| format!("stop {}", self.name))
    }
}

impl Drop for Process {
    /// Nothing may keep running when a measurement fails.
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait()
            && let Err(error) = self.tell().and_then(|()| Ok(self.child.wait()?))
        {
            tracing::warn!(name = self.name, "a server of the bench was not stopped: {error:#}");
        }
    }
}

/// Lines to and from a process of this binary.
pub(super) struct Words {
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Words {
    /// Starts a hidden command of this binary and hears its first line.
    pub(super) fn spawn(
        name: &'static str,
        arguments: impl FnOnce(&mut Command),
    ) -> anyhow::Result<(Process, Self, String)> {
        let binary = std::env::current_exe().context("find this binary")?;
        let mut command = Command::new(binary);
        command.args(["--log", "warn", "bench"]);
        arguments(&mut command);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = Process::spawn(name, &mut command, Signal::TERM)?;
        let stdin = process.child.stdin.take().context("it has a standard input")?;
        let stdout = process.child.stdout.take().context("it has a standard output")?;
        let mut words = Self { stdin, stdout: BufReader::new(stdout) };
        let first = words.hear().with_context(|| format!("wait for {name} to start"))?;
        Ok((process, words, first))
    }

    pub(super) fn say(&mut self, line: &str) -> anyhow::Result<()> {
        writeln!(self.stdin, "{line}").context("write to a process of the bench")
    }

    pub(super) fn hear(&mut self) -> anyhow::Result<String> {
        let mut line = String::new();
        let len = self.stdout.read_line(&mut line).context("read from a process of the bench")?;
        if len == 0 {
            bail!("a process of the bench ended early; what it wrote to stderr says why");
        }
        Ok(line.trim().to_owned())
    }

    /// Fails on any other line.
    pub(super) fn expect(&mut self, wanted: &str) -> anyhow::Result<()> {
        let line = self.hear()?;
        if line == wanted {
            Ok(())
        } else {
            bail!("expected `{wanted}` from a process of the bench, not `{line}`")
        }
    }
}

/// What `/proc/<pid>/stat` says of a process's time and origin (proc(5)).
#[derive(Debug, PartialEq, Eq)]
struct Stat {
    parent: u32,
    own_ticks: u64,
    reaped_ticks: u64,
}

impl Stat {
    fn parse(text: &str) -> Option<Self> {
        // The name before it may hold anything, parentheses too.
        let (_, rest) = text.rsplit_once(')')?;
        let fields: Vec<_> = rest.split_whitespace().collect();
        let ticks = |place: usize| fields.get(place)?.parse::<u64>().ok();
        Some(Self {
            parent: fields.get(1)?.parse().ok()?,
            own_ticks: ticks(11)? + ticks(12)?,
            reaped_ticks: ticks(13)? + ticks(14)?,
        })
    }
}

#[cfg(test)]
mod tests;
