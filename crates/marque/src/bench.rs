//! `marque bench`: measurements beside peers, in one run on one machine.

mod gateway;
mod pipeline;
mod storage;

use std::io;

use clap::{Args, Subcommand};

/// What to measure.
#[derive(Debug, Clone, Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Clone, Subcommand)]
enum What {
    /// Compare the gateway with mosquitto on this machine.
    Gateway(gateway::Options),
    /// The gateway's process within that comparison.
    #[command(hide = true)]
    GatewayServer(gateway::ServerOptions),
    /// Compare gateway, log and lake with mosquitto, a consumer and PostgreSQL on this machine.
    Pipeline(pipeline::Options),
    /// Our process within that comparison.
    #[command(hide = true)]
    PipelineServer(pipeline::ServerOptions),
    /// The consumer between mosquitto and PostgreSQL within that comparison.
    #[command(hide = true)]
    PipelineConsumer(pipeline::ConsumerOptions),
    /// Measure bytes a sample, on the wire and stored.
    Storage(storage::Options),
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    match &options.what {
        What::Gateway(options) => gateway::run(options, &mut io::stdout().lock()),
        What::GatewayServer(options) => gateway::serve(options),
        What::Pipeline(options) => pipeline::run(options, &mut io::stdout().lock()),
        What::PipelineServer(options) => pipeline::serve(options),
        What::PipelineConsumer(options) => pipeline::consume(options),
        What::Storage(options) => storage::run(options, &mut io::stdout().lock()),
    }
}
