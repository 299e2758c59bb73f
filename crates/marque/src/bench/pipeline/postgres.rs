//! PostgreSQL with its own defaults, in a cluster that the bench makes and takes away.

use std::{
    fs,
    os::unix::{fs::chown, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context as _, bail, ensure};
use rustix::process::Signal;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, postgres::PgConnectOptions};

use super::{process::Process, rows::Layout};
use crate::clock;

/// The superuser of the cluster, and the account that it runs under when the bench is root's.
const USER: &str = "postgres";

const START_PATIENCE: Duration = Duration::from_secs(30);

/// Where Debian keeps the programs of each major version.
const VERSIONS: &str = "/usr/lib/postgresql";

/// What differs from the defaults, all to the peer's good: memory, and no checkpoint that the
/// defaults would force on a load of this size. `fsync` and `synchronous_commit` stay on.
const SETTINGS: [&str; 5] = [
    "listen_addresses=",
    "shared_buffers=512MB",
    "max_wal_size=16GB",
    "checkpoint_timeout=15min",
    "logging_collector=off",
];

/// A cluster that was made and is not running.
pub(super) struct Cluster {
    programs: PathBuf,
    /// Of the cluster; also of the socket.
    folder: PathBuf,
    account: Option<Account>,
}

/// PostgreSQL does not run as root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Account {
    user: u32,
    group: u32,
}

/// How to reach the cluster whose socket lies in a folder.
pub(super) fn options(socket: &Path) -> PgConnectOptions {
    PgConnectOptions::new_without_pgpass().socket(socket).username(USER).database(USER)
}

impl Cluster {
    /// Makes a cluster below a folder.
    pub(super) fn create(programs: Option<&Path>, parent: &Path) -> anyhow::Result<Self> {
        let programs = match programs {
            Some(programs) => programs.to_owned(),
            None => newest_programs()?,
        };
        let account = if rustix::process::geteuid().is_root() {
            let accounts = fs::read_to_string("/etc/passwd").context("read /etc/passwd")?;
            Some(Account::find(&accounts, USER).context("find the account `postgres`; is it installed?")?)
        } else {
            None
        };
        let folder = parent.join("pg");
        fs::create_dir_all(&folder).with_context(|| format!("create {}", folder.display()))?;
        let folder = folder.canonicalize().context("name PostgreSQL's folder")?;
        // Longer paths do not fit the address of a socket.
        ensure!(folder.as_os_str().len() < 80, "{} is too long a path; choose `--data`", folder.display());
        if let Some(account) = account {
            chown(&folder, Some(account.user), Some(account.group)).context("give PostgreSQL its folder")?;
        }
        let cluster = Self { programs, folder, account };
        let mut initdb = cluster.command("initdb");
        initdb.arg("-D").arg(cluster.data()).args(["-U", USER, "--auth=trust", "-E", "UTF8", "--locale=C"]);
        let made = initdb.stdout(Stdio::null()).status().context("run initdb")?;
        ensure!(made.success(), "initdb failed ({made}); can `postgres` enter {}?", parent.display());
        Ok(cluster)
    }

    /// Starts it on the servers' core with an empty table.
    pub(super) async fn start(&self, layout: Layout) -> anyhow::Result<Postgres> {
        let mut command = self.command("postgres");
        command.arg("-D").arg(self.data()).arg("-k").arg(&self.folder);
        for setting in SETTINGS {
            command.arg("-c").arg(setting);
        }
        command.stdout(Stdio::null()).stderr(Stdio::null());
        // A fast shutdown: it ends sessions and writes a checkpoint.
        let process = Process::spawn("postgresql", &mut command, Signal::INT)?;
        let mut postgres = Postgres { process, socket: self.folder.clone() };
        let mut connection = postgres.connect().await?;
        execute(&mut connection, "DROP TABLE IF EXISTS samples").await?;
        for statement in layout.schema() {
            execute(&mut connection, &statement).await?;
        }
        execute(&mut connection, "CHECKPOINT").await?;
        connection.close().await?;
        Ok(postgres)
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.programs.join(program));
        command.current_dir(&self.folder);
        if let Some(account) = self.account {
            command.uid(account.user).gid(account.group);
        }
        command
    }
}

/// A server that runs.
pub(super) struct Postgres {
    pub(super) process: Process,
    socket: PathBuf,
}

impl Postgres {
    pub(super) fn socket(&self) -> &Path {
        &self.socket
    }

    /// Samples in the table, and the bytes that table and indexes take.
    pub(super) async fn stored(&self, layout: Layout) -> anyhow::Result<(usize, usize)> {
        let mut connection = PgConnection::connect_with(&options(&self.socket)).await.context("connect")?;
        let count: i64 = query(&mut connection, &layout.count()).await?;
        let bytes: i64 = query(&mut connection, "SELECT pg_total_relation_size('samples')").await?;
        connection.close().await?;
        Ok((usize::try_from(count)?, usize::try_from(bytes)?))
    }

    async fn connect(&mut self) -> anyhow::Result<PgConnection> {
        let deadline = clock::instant() + START_PATIENCE;
        loop {
            match PgConnection::connect_with(&options(&self.socket)).await {
                Ok(connection) => return Ok(connection),
                Err(error) if clock::instant() > deadline => {
                    return Err(error).context("wait for PostgreSQL to start");
                }
                Err(_) => self.process.check()?,
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

async fn execute(connection: &mut PgConnection, statement: &str) -> anyhow::Result<()> {
    let done = sqlx::raw_sql(AssertSqlSafe(statement)).execute(connection).await;
    done.map(drop).with_context(|| format!("run `{statement}`"))
}

async fn query(connection: &mut PgConnection, statement: &str) -> anyhow::Result<i64> {
    let value = sqlx::query_scalar(AssertSqlSafe(statement)).fetch_one(connection).await;
    value.with_context(|| format!("run `{statement}`"))
}

impl Account {
    /// Finds an account in the text of `/etc/passwd`.
    fn find(accounts: &str, name: &str) -> Option<Self> {
        accounts.lines().find_map(|line| {
            let mut fields = line.split(':');
            if fields.next()? != name {
                return None;
            }
            let mut ids = fields.skip(1).map(|field| field.parse().ok());
            Some(Self { user: ids.next()??, group: ids.next()?? })
        })
    }
}

fn newest_programs() -> anyhow::Result<PathBuf> {
    let entries = fs::read_dir(VERSIONS).with_context(|| {
        format!("list {VERSIONS}; install Debian's postgresql package or name `--postgresql`")
    })?;
    let mut names = Vec::new();
    for entry in entries {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    match newest(&names) {
        Some(name) => Ok(Path::new(VERSIONS).join(name).join("bin")),
        None => bail!("there is no version in {VERSIONS}; install Debian's postgresql package"),
    }
}

/// The name of the highest version.
fn newest(names: &[String]) -> Option<&str> {
    let versions = names.iter().filter_map(|name| Some((name.parse::<u32>().ok()?, name.as_str())));
    versions.max().map(|(_, name)| name)
}

#[cfg(test)]
mod tests;
