//! What the program says of itself: log lines on stderr, and traces to a collector if one is named.

use std::io::{self, IsTerminal as _};

use anyhow::Context as _;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::{Resource, trace::SdkTracerProvider};
use tracing_subscriber::{EnvFilter, Layer as _, layer::SubscriberExt as _, util::SubscriberInitExt as _};

/// Sends what spans are left when it is dropped.
#[derive(Debug)]
pub(super) struct Telemetry(Option<SdkTracerProvider>);

/// Requests, and the way of each group of batches from the gateway to the tables.
pub(super) const TRACES: &str = "info,cloud=debug";

/// Begins to log by `log`, and to trace by `traces` to `otlp` if it is given.
pub(super) fn start(log: &str, otlp: Option<&str>, traces: &str) -> anyhow::Result<Telemetry> {
    let log = EnvFilter::try_new(log).with_context(|| format!("read `--log {log}`"))?;
    let traced = EnvFilter::try_new(traces).with_context(|| format!("read `--traces {traces}`"))?;
    let provider = otlp.map(provider).transpose()?;
    let traces = provider
        .as_ref()
        .map(|provider| tracing_opentelemetry::layer().with_tracer(provider.tracer("marque")));
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .with_filter(log);
    // The exporter's own requests must not become spans, or each would cause the next.
    let traced = traced.add_directive("hyper_util=off".parse()?).add_directive("reqwest=off".parse()?);
    // A layer that is not there has no filter either: nothing is made that nobody takes.
    let traces = traces.map(|traces| traces.with_filter(traced));
    tracing_subscriber::registry().with(lines).with(traces).init();
    Ok(Telemetry(provider))
}

fn provider(endpoint: &str) -> anyhow::Result<SdkTracerProvider> {
    let exporter = SpanExporter::builder()
        .with_http()
        .with_endpoint(format!("{}/v1/traces", endpoint.trim_end_matches('/')))
        .build()
        .with_context(|| format!("send traces to {endpoint}"))?;
    let resource = Resource::builder().with_service_name("marque").build();
    Ok(SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build())
}

impl Drop for Telemetry {
    fn drop(&mut self) {
        if let Some(Err(error)) = self.0.as_ref().map(SdkTracerProvider::shutdown) {
            tracing::warn!(%error, "the last traces were not sent");
        }
    }
}
