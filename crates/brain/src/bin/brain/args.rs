//! The command line, as it is written.

use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    str::FromStr,
};

use clap::{Args, Parser, Subcommand};
use model::VehicleId;

/// The software of one car: reads its bus, keeps its signals, sends what campaigns and consent allow.
#[derive(Debug, Parser)]
#[command(name = "brain", version)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run until interrupted.
    Run(Box<Run>),
    /// Get the car's first certificate with its one-time credential.
    Enrol(Enrol),
}

#[derive(Debug, Args)]
pub(crate) struct Enrol {
    /// Where the platform gives certificates, such as https://cars.example.org:8884.
    #[arg(long, value_name = "URL")]
    pub(crate) est: String,
    /// The car's id, 32 hexadecimal digits.
    #[arg(long, value_name = "ID")]
    pub(crate) vehicle: VehicleId,
    /// A file with the one-time credential.
    #[arg(long, value_name = "FILE")]
    pub(crate) credential_file: PathBuf,
    /// The authorities that may name the platform now (PEM); later ones come from it.
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: PathBuf,
    /// The car's own folder; key and certificate go into `identity` there.
    #[arg(long, value_name = "DIR")]
    pub(crate) data: PathBuf,
    /// error, warn, info, debug or trace.
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    pub(crate) log: tracing::Level,
}

#[derive(Debug, Args)]
pub(crate) struct Run {
    /// The car's architecture, such as psa-aee2010.
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: String,
    /// A DBC file, for profiles that map the frames of one.
    #[arg(long, value_name = "FILE")]
    pub(crate) dbc: Option<PathBuf>,
    /// A VSS release as vspec JSON, instead of the catalogue inside.
    #[arg(long, value_name = "FILE")]
    pub(crate) vss: Option<PathBuf>,
    /// Where the car's network is: udp:ADDRESS:PORT, replay:FILE at the speed of its recording, or
    /// replay-fast:FILE.
    #[arg(long, value_name = "SOURCE")]
    pub(crate) bus: BusSource,
    /// The only hosts that are heard with --bus udp; all when not given.
    #[arg(long, value_name = "IP", value_delimiter = ',')]
    pub(crate) bus_peers: Vec<IpAddr>,
    /// The platform's gateway. Without it nothing is sent, and the queue keeps what it can. The car shows what
    /// `brain enrol` left in its folder, or --cert.
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) cloud: Option<String>,
    /// Where the platform gives certificates: an enrolled car renews its own there before it ends.
    #[arg(long, value_name = "URL", conflicts_with = "cert")]
    pub(crate) est: Option<String>,
    /// The car's certificate (PEM), leaf first. It names the car, also without --cloud: campaigns and
    /// consent that the car has are for that name.
    #[arg(long, value_name = "FILE", requires_all = ["key", "ca"])]
    pub(crate) cert: Option<PathBuf>,
    /// The certificate's private key (PEM).
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,
    /// The authorities that may name the platform (PEM); with --cert.
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
    /// The public keys that sign campaigns and consent: one a line, in hexadecimal.
    #[arg(long, value_name = "FILE")]
    pub(crate) desired_keys: Option<PathBuf>,
    /// The car's own folder: its queue, campaigns and consent.
    #[arg(long, value_name = "DIR")]
    pub(crate) data: PathBuf,
    /// The most that the queue may take on disk.
    #[arg(long, value_name = "MIB", default_value_t = 64, value_parser = clap::value_parser!(u64).range(1..=1_048_576))]
    pub(crate) queue_mib: u64,
    /// Seconds between two lines of counters; 0 for none.
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    pub(crate) stats_s: u64,
    /// error, warn, info, debug or trace.
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    pub(crate) log: tracing::Level,
}

/// Where messages of the car's network come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum BusSource {
    Udp(SocketAddr),
    Replay { path: PathBuf, fast: bool },
}

impl FromStr for BusSource {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            Some(("udp", address)) => {
                let address = address.parse().map_err(|_| format!("`{address}` is not ADDRESS:PORT"))?;
                Ok(Self::Udp(address))
            }
            Some(("replay", path)) => Ok(Self::Replay { path: path.into(), fast: false }),
            Some(("replay-fast", path)) => Ok(Self::Replay { path: path.into(), fast: true }),
            Some(_) | None => Err("give udp:ADDRESS:PORT, replay:FILE or replay-fast:FILE".to_owned()),
        }
    }
}
