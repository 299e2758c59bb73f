//! `marque bench storage`: how many bytes a sample takes on the wire and in the lake.
//!
//! Two sets take the platform's own way: encoded as cars encode them, through the durable log and
//! the shard owner into Delta tables, flushed several times and compacted. One is a fleet with the
//! noise and resolution of real sensors, from a fixed seed in virtual time; the other is the real
//! drive of `../shared/data`, beside DuckDB's own zstd Parquet of the same rows.

mod feed;
mod rav4;
#[path = "../../../wire/benches/traffic.rs"]
mod traffic;

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, bail};
use clap::Args;
use serde_json::json;
use signals::Catalogue;
use wire::Encoder;

use feed::{Car, Stored};

/// Measure bytes a sample, on the wire and stored.
#[derive(Debug, Clone, Args)]
pub(crate) struct Options {
    /// Cars of the simulated fleet.
    #[arg(long, default_value_t = 1_000, value_name = "N")]
    cars: u64,
    /// Seconds that each of them drives; 20 samples a second.
    #[arg(long, default_value_t = 500, value_name = "SECONDS")]
    seconds: usize,
    /// Where to store; deleted first. Default: a temporary folder.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The folder with the real drive (`comma2k19`) and its DBC file (`dbc`); left out without.
    #[arg(long, value_name = "DIR")]
    inputs: Option<PathBuf>,
    /// A Python with `tests/readers/requirements.txt`, to compare the real drive with DuckDB.
    #[arg(long, value_name = "FILE")]
    python: Option<PathBuf>,
    /// Write the results there, too, as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Writes a table with DuckDB and says how large that is.
const REWRITE: &str = include_str!("../../../../tests/readers/rewrite.py");

/// One measured set.
struct Set {
    name: &'static str,
    stored: Stored,
    /// DuckDB's Parquet of the same rows.
    duckdb_bytes: Option<u64>,
}

pub(crate) fn run(options: &Options, out: &mut impl Write) -> anyhow::Result<()> {
    let temporary = tempfile::tempdir().context("make a temporary folder")?;
    let data = options.data.clone().unwrap_or_else(|| temporary.path().to_owned());
    // Delta's log is read on a runtime of more than one thread.
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().context("start the runtime")?;
    let mut sets = Vec::new();

    let place = fresh(&data.join("fleet"))?;
    let fleet = fleet(options)?;
    let stored = runtime.block_on(feed::store(&place, fleet, options.seconds.div_ceil(10)))?;
    sets.push(Set { name: "fleet", stored, duckdb_bytes: None });

    match options.inputs.as_deref().map(rav4::batches).transpose()? {
        Some(car) => {
            let place = fresh(&data.join("rav4"))?;
            let batches = car.batches.len();
            let stored = runtime.block_on(feed::store(&place, vec![car], batches))?;
            let python = options.python.as_deref();
            let duckdb_bytes = python.map(|python| duckdb(python, &place, &stored)).transpose()?;
            sets.push(Set { name: "rav4", stored, duckdb_bytes });
        }
        None => writeln!(out, "The real drive is left out; name its folder with --inputs.")?,
    }
    print(&sets, out)?;
    if let Some(file) = &options.json {
        let text = serde_json::to_string_pretty(&to_json(&sets)).context("write the results")?;
        std::fs::write(file, text).with_context(|| format!("write {}", file.display()))?;
    }
    Ok(())
}

fn fresh(place: &Path) -> anyhow::Result<PathBuf> {
    match std::fs::remove_dir_all(place) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(error).with_context(|| format!("delete {}", place.display()));
        }
        Ok(()) | Err(_) => {}
    }
    std::fs::create_dir_all(place).with_context(|| format!("create {}", place.display()))?;
    place.canonicalize().context("find the folder")
}

/// What each car of the fleet sends, encoded.
fn fleet(options: &Options) -> anyhow::Result<Vec<Car>> {
    let catalogue = Catalogue::core();
    let mut encoder = Encoder::default();
    (0..options.cars)
        .map(|seed| {
            let batches = traffic::batches(&catalogue, seed, options.seconds.div_ceil(10));
            let mut car = Car::new(seed);
            for (seq, batch) in (0..).zip(&batches) {
                let payload = encoder.encode(&traffic::meta(batch, seq), &batch.groups, &catalogue)?;
                car.add(batch, payload);
            }
            Ok(car)
        })
        .collect()
}

fn duckdb(python: &Path, place: &Path, stored: &Stored) -> anyhow::Result<u64> {
    let output = Command::new(python)
        .args(["-c", REWRITE])
        .arg(place.join("duckdb"))
        .args(&stored.tables)
        .output()
        .with_context(|| format!("start {}", python.display()))?;
    if !output.status.success() {
        bail!("DuckDB could not write the rows: {}", String::from_utf8_lossy(&output.stderr));
    }
    String::from_utf8_lossy(&output.stdout).trim().parse().context("read DuckDB's answer")
}

fn print(sets: &[Set], out: &mut impl Write) -> anyhow::Result<()> {
    writeln!(
        out,
        "{:<6} {:>11} {:>9} {:>6} {:>12} {:>14} {:>14} {:>15}",
        "set",
        "samples",
        "rows",
        "files",
        "wire B/sample",
        "flushed B/sample",
        "stored B/sample",
        "DuckDB B/sample"
    )?;
    for set in sets {
        let stored = &set.stored;
        let each = |bytes: u64| bytes as f64 / stored.samples as f64;
        let duckdb = set.duckdb_bytes.map_or("-".to_owned(), |bytes| format!("{:.3}", each(bytes)));
        writeln!(
            out,
            "{:<6} {:>11} {:>9} {:>6} {:>13.3} {:>16.3} {:>15.3} {:>15}",
            set.name,
            stored.samples,
            stored.rows,
            stored.files,
            each(stored.wire_bytes),
            each(stored.flushed_bytes),
            each(stored.bytes),
            duckdb
        )?;
        if let Some(bytes) = set.duckdb_bytes {
            writeln!(
                out,
                "       stored is {:.2} of DuckDB's zstd Parquet",
                stored.bytes as f64 / bytes as f64
            )?;
        }
    }
    Ok(())
}

fn to_json(sets: &[Set]) -> serde_json::Value {
    let one = |set: &Set| {
        let stored = &set.stored;
        let each = |bytes: u64| bytes as f64 / stored.samples as f64;
        json!({
            "set": set.name,
            "samples": stored.samples,
            "rows": stored.rows,
            "files": stored.files,
            "wire_bytes_per_sample": each(stored.wire_bytes),
            "flushed_bytes_per_sample": each(stored.flushed_bytes),
            "stored_bytes_per_sample": each(stored.bytes),
            "stored_to_duckdb_ratio": set.duckdb_bytes.map(|bytes| stored.bytes as f64 / bytes as f64),
        })
    };
    json!({ "sets": sets.iter().map(one).collect::<Vec<_>>() })
}
