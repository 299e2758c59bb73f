//! Options, logging and how a run ends.

mod api;
mod audit;
mod cloud;
mod demo;
mod openapi;
mod replay;
mod revoke;
mod signal;
mod sim;
mod telemetry;
mod vss;

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use anyhow::Context as _;
use clap::{Parser, Subcommand};

use crate::bench;

/// Connected vehicles of every brand: platform, simulated fleet and tools in one binary.
#[derive(Debug, Parser)]
#[command(name = "marque", version)]
struct Cli {
    /// What to log to stderr: a level (error, warn, info, debug, trace), or levels by module.
    #[arg(long, global = true, default_value = "info,delta_kernel=warn", value_name = "FILTER")]
    log: String,

    /// Where to send traces by OTLP over HTTP, for example http://127.0.0.1:4318; nowhere without it.
    #[arg(long, global = true, env = "OTEL_EXPORTER_OTLP_ENDPOINT", value_name = "URL")]
    otlp: Option<String>,

    /// What to trace, by the same rules as `--log` and apart from it.
    #[arg(long, global = true, env = "MARQUE_TRACES", default_value = telemetry::TRACES, value_name = "FILTER")]
    traces: String,

    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Verify an audit log, or one entry's proof.
    Audit(audit::Options),
    /// Measure beside peers, in one run on one machine.
    Bench(bench::Options),
    /// Run the platform.
    Cloud(cloud::Options),
    /// Run the platform and a simulated fleet of all brands beside it.
    Demo(demo::Options),
    /// Print the OpenAPI document of the HTTP API.
    Openapi,
    /// Play a recorded bus through a car's decoder.
    Replay(replay::Options),
    /// Take the certificates of a car back, such as when its key was stolen.
    Revoke(revoke::Options),
    /// Drive a simulated fleet of all brands against a platform.
    Sim(sim::Options),
    /// Look at catalogues of the Vehicle Signal Specification.
    Vss(vss::Options),
}

/// Reads the command line and does what it says. An error ends with code 1, a wrong option with 2.
pub(crate) fn run() -> ExitCode {
    let cli = Cli::parse();
    let told = telemetry::start(&cli.log, cli.otlp.as_deref(), &cli.traces);
    match told.and_then(|_telemetry| dispatch(cli.command, &cli.log)) {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads our output may close it when it has enough, as `head` does.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        // Not by the log, which may be filtered or not have begun.
        Err(error) => {
            let _closed = writeln!(io::stderr(), "error: {error:#}").is_err();
            ExitCode::FAILURE
        }
    }
}

fn dispatch(command: Command, log: &str) -> anyhow::Result<()> {
    match command {
        Command::Audit(options) => audit::run(&options, &mut io::stdout().lock()),
        Command::Bench(options) => bench::run(&options),
        Command::Cloud(options) => cloud::run(options),
        Command::Demo(options) => demo::run(&options, log),
        Command::Openapi => openapi::run(&mut io::stdout().lock()),
        Command::Replay(options) => replay::run(&options),
        Command::Revoke(options) => revoke::run(&options),
        Command::Sim(options) => sim::run(&options),
        Command::Vss(options) => vss::run(&options, &mut io::stdout().lock()),
    }
}

/// The runtime of a command that serves or drives.
fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().context("start the runtime")
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let broken = |error: &io::Error| error.kind() == io::ErrorKind::BrokenPipe;
    error.chain().any(|cause| cause.downcast_ref::<io::Error>().is_some_and(broken))
}

#[cfg(test)]
mod tests;
