//! `marque cloud`: the platform.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use clap::Args;
use cloud::{
    clock::Clock,
    config,
    oidc::settings::{self, ProviderSettings},
    platform::Platform,
};
use model::Micros;

use super::signal;

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Where everything is kept: database, log, tables, keys.
    #[arg(long, default_value = config::Options::DATA, value_name = "DIR")]
    data: PathBuf,

    /// The region that this cell is.
    #[arg(long, default_value = config::Options::REGION)]
    region: String,

    /// Whose law holds for the region's cars.
    #[arg(long, default_value = config::Options::JURISDICTION)]
    jurisdiction: String,

    /// Where the API and the console listen.
    #[arg(long, default_value_t = config::Options::HTTP, value_name = "ADDRESS")]
    http: SocketAddr,

    /// Where cars connect (MQTT 5 over mTLS).
    #[arg(long, default_value_t = config::Options::MQTT, value_name = "ADDRESS")]
    mqtt: SocketAddr,

    /// Where cars get their certificates (EST over TLS 1.3).
    #[arg(long, default_value_t = config::Options::EST, value_name = "ADDRESS")]
    est: SocketAddr,

    /// How long a car's certificate holds; a car renews it when a third is left.
    #[arg(long, default_value_t = config::Options::CAR_VALIDITY.0 / Micros::HOUR.0, value_name = "HOURS", value_parser = clap::value_parser!(i64).range(1..=8_760))]
    car_certificate_hours: i64,

    /// A name or address that the server's certificate carries besides this machine's own.
    #[arg(long = "hostname", value_name = "NAME")]
    hostnames: Vec<String>,

    /// A PostgreSQL URL; a SQLite file in the data folder without it. Other users of the machine see what
    /// stands on a command line: give a URL with a password by the environment.
    #[arg(long, value_name = "URL", env = "MARQUE_DATABASE", hide_env_values = true)]
    database: Option<String>,

    /// A proxy in front of the API ends TLS: speak plain HTTP to it, tell browsers to come by HTTPS only, and
    /// take from its `X-Forwarded-For` who asks.
    #[arg(long)]
    behind_tls_proxy: bool,

    /// Speak TLS 1.2 on the API's listener, too: only where people have devices that cannot do better. Cars and EST
    /// are 1.3 alone.
    #[arg(long)]
    http_tls12: bool,

    /// Let everybody who reaches the API read its metrics without a token.
    #[arg(long)]
    metrics_open: bool,

    /// The cars are simulated: a service whose token is in the data folder may register them with what their owners,
    /// who do not exist, grant. Never where there are real cars.
    #[arg(long)]
    simulated_cars: bool,

    /// Whom to tell of a weakness, for `/.well-known/security.txt`: a URI such as `mailto:security@example.org`.
    #[arg(long, value_name = "URI")]
    security_contact: Option<String>,

    /// A file (TOML) that names OpenID Connect providers where people may sign in besides here; docs/people.md has one.
    #[arg(long, value_name = "FILE")]
    identity_providers: Option<PathBuf>,

    /// What browsers call the console, such as `https://marque.example.org`: identity providers send them back to it.
    /// What the listener is called without it.
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,

    /// How old the oldest row in memory becomes before all are put into the tables' files.
    #[arg(long, default_value_t = config::Options::FLUSH_AGE.0 / Micros::SECOND.0, value_name = "SECONDS", value_parser = clap::value_parser!(i64).range(1..=86_400))]
    flush_age_s: i64,
}

pub(crate) fn run(options: Options) -> anyhow::Result<()> {
    let providers = options.identity_providers.as_deref().map(identity_providers).transpose()?;
    let config = config::Options {
        data: options.data,
        region: options.region,
        jurisdiction: options.jurisdiction,
        http: options.http,
        mqtt: options.mqtt,
        est: options.est,
        car_validity: Micros(options.car_certificate_hours * Micros::HOUR.0),
        hostnames: options.hostnames,
        database: options.database,
        behind_tls_proxy: options.behind_tls_proxy,
        http_tls12: options.http_tls12,
        metrics_open: options.metrics_open,
        flush_age: Micros::from_secs(options.flush_age_s),
        simulated_cars: options.simulated_cars,
        security_contact: options.security_contact,
        identity_providers: providers.unwrap_or_default(),
        public_url: options.public_url,
    }
    .resolve()
    .context("read the options")?;
    let password_file = config.operator_password_file();
    let runtime = super::runtime()?;
    runtime.block_on(async {
        let platform = Platform::start(config, Clock::system()).await.context("start the platform")?;
        if platform.operator_made() {
            tracing::info!(
                url = platform.url(),
                "sign in as `operator` with the password in {}",
                password_file.display()
            );
        }
        let failed = tokio::select! {
            () = signal::stop_order() => false,
            () = platform.failed() => true,
        };
        platform.stop().await;
        anyhow::ensure!(!failed, "a part of the platform failed; its last messages say why");
        Ok(())
    })
}

#[expect(
    clippy::disallowed_methods,
    reason = "the configuration names variables that hold secrets; read once"
)]
fn identity_providers(path: &Path) -> anyhow::Result<Vec<ProviderSettings>> {
    settings::read(path, |name| std::env::var(name).ok()).context("read the identity providers")
}
