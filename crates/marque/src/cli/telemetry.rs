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

/// Begins to log by `filter`, and to trace to `otlp` if it is given.
pub(super) fn start(filter: &str, otlp: Option<&str>) -> anyhow::Result<Telemetry> {
    let levels = || EnvFilter::try_new(filter).with_context(|| format!("read `--log {filter}`"));
    let provider = otlp.map(provider).transpose()?;
    let traces = provider
        .as_ref()
        .map(|provider| tracing_opentelemetry::layer().with_tracer(provider.tracer("marque")));
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .with_filter(levels()?);
    tracing_subscriber::registry().with(lines).with(traces.with_filter(levels()?)).init();
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
