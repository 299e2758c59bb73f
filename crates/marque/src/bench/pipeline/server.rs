//! Our side as a process of its own: gateway, durable log and shard owner, put together as the
//! platform does, on SQLite and a local folder.

use std::{
    io::{self, BufRead as _, Write as _},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, bail};
use clap::Args;
use cloud::{
    catalogues::Catalogues,
    clock::Clock,
    gateway::{Backends, Config, Gateway, Quota, Rate, Transport},
    owner::{Owner, OwnerOptions, OwnerParts, WholeCatalogue},
};
use lake::{
    Lake, LakeOptions,
    log::{DurableLog, EmbeddedLog, LogOptions},
};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use signals::Catalogue;
use store::Store;
use tokio::{
    runtime::{Handle, Runtime},
    sync::mpsc,
    time::Instant,
};

use crate::bench::gateway::{
    certificates,
    server::{Enrolled, Nothing},
};

/// Our side of the bench; the bench starts it by itself.
#[derive(Debug, Clone, Args)]
pub(crate) struct ServerOptions {
    /// Where log, lake and database lie.
    #[arg(long)]
    data: PathBuf,
    /// How many cars are enrolled.
    #[arg(long)]
    cars: usize,
}

/// What asks for all that was acknowledged to be stored.
pub(super) const SETTLE: &str = "settle";
/// The answer when all of it is applied, that is, can be queried.
pub(super) const APPLIED: &str = "applied";
/// The answer when all of it is in Delta.
pub(super) const STORED: &str = "stored";

/// A compaction that is under way may take so long.
const STOP_PATIENCE: Duration = Duration::from_secs(30);

/// Serves until its input ends; prints the address first.
pub(crate) fn run(options: &ServerOptions) -> anyhow::Result<()> {
    runtime()?.block_on(serve(options))
}

/// Delta's log is read on a runtime of more than one thread.
pub(super) fn runtime() -> anyhow::Result<Runtime> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(2).enable_all().build().context("start the runtime")
}

fn lake_folder(data: &Path) -> PathBuf {
    data.join("lake")
}

async fn serve(options: &ServerOptions) -> anyhow::Result<()> {
    let log = EmbeddedLog::open(&options.data.join("log"), LogOptions::default()).context("open the log")?;
    let log: Arc<dyn DurableLog> = Arc::new(log);
    let store = Store::sqlite(&options.data.join("store.sqlite")).await.context("open the database")?;
    let (notices, mut notices_out) = mpsc::channel(1_024);
    let parts = OwnerParts {
        log: Arc::clone(&log),
        lake: Arc::new(Lake::open(&lake_folder(&options.data), &LakeOptions::default())?),
        ledger: Arc::new(store.clone()),
        catalogues: Catalogues::shipped_only(),
        collects: Arc::new(WholeCatalogue::new(&Catalogue::core())),
        clock: Clock::system(),
        notices,
    };
    let owner = Owner::start(parts, OwnerOptions::default()).await.context("start the owner")?;
    let (connectivity, mut connectivity_out) = mpsc::channel(4_096);
    let (clones, mut clones_out) = mpsc::channel(4_096);
    let (suspicions, mut suspicions_out) = mpsc::channel(4_096);
    let backends = Backends {
        log,
        registry: Arc::new(Enrolled::new(options.cars)),
        desired: Arc::new(Nothing),
        reports: Arc::new(Nothing),
        connectivity,
        clones,
        suspicions,
    };
    let mut config =
        Config::new("127.0.0.1:0".parse()?, Transport::PlainLoopback, certificates::REGION.parse()?);
    config.workers = 1;
    // The load comes from fewer cars than it stands for.
    (config.quota, config.accepts) = (Quota::UNLIMITED, Rate::UNLIMITED);
    let gateway = Gateway::start(config, backends, &Handle::current())?;
    say(&gateway.address().to_string())?;
    let mut lines = lines();
    loop {
        tokio::select! {
            line = lines.recv() => match line {
                Some(line) if line.starts_with(SETTLE) => {
                    owner.caught_up().await?;
                    say(APPLIED)?;
                    owner.flush().await?;
                    say(STORED)?;
                }
                Some(line) => bail!("the bench said `{line}`"),
                None => break,
            },
            Some(_) = connectivity_out.recv() => {}
            Some(_) = clones_out.recv() => {}
            Some(_) = suspicions_out.recv() => {}
            Some(notice) = notices_out.recv() => bail!("a batch of the bench was not good: {notice:?}"),
        }
    }
    gateway.shutdown().await;
    owner.finish(Instant::now() + STOP_PATIENCE).await;
    store.close().await;
    Ok(())
}

/// The lines of the input, until it ends.
fn lines() -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel(1);
    std::thread::spawn(move || {
        for line in io::stdin().lock().lines().map_while(Result::ok) {
            if sender.blocking_send(line).is_err() {
                break;
            }
        }
    });
    receiver
}

fn say(line: &str) -> anyhow::Result<()> {
    let mut stdout = io::stdout();
    writeln!(stdout, "{line}")?;
    Ok(stdout.flush()?)
}

/// What the tables hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tables {
    pub(super) samples: usize,
    pub(super) bytes: usize,
}

/// Reads Delta's log anew and every value of the files that it names.
pub(super) fn read_tables(data: &Path) -> anyhow::Result<Tables> {
    let folder = lake_folder(data);
    let runtime = runtime()?;
    let _within = runtime.enter();
    let lake = Lake::open(&folder, &LakeOptions::default()).context("open the lake")?;
    let mut tables = Tables { samples: 0, bytes: 0 };
    for table in lake.tables() {
        for file in table.files() {
            let path = folder.join(table.name().slug()).join(&file.path);
            let open = std::fs::File::open(&path).with_context(|| format!("open {}", path.display()))?;
            tables.bytes += usize::try_from(file.bytes)?;
            for batch in ParquetRecordBatchReaderBuilder::try_new(open)?.build()? {
                let batch = batch?;
                for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
                    if field.name().starts_with("Vehicle_") {
                        tables.samples += column.len() - column.null_count();
                    }
                }
            }
        }
    }
    Ok(tables)
}
