//! The platform's configuration: what is given becomes a resolved, validated struct once, at start.
//!
//! The command line's help, the docs and the defaults come from [`Options`].

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
};

use consent::Jurisdiction;
use model::{Micros, ParseError, Region};
use url::Url;

use crate::oidc::settings::{ProviderSettings, is_safe};

/// What can be given, with the defaults of a laptop.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where everything is kept: database, log, tables, keys.
    pub data: PathBuf,
    /// The region that this cell is.
    pub region: String,
    /// Whose law holds for the region's cars.
    pub jurisdiction: String,
    /// Where the API and the console listen.
    pub http: SocketAddr,
    /// Where cars connect (MQTT 5 over mTLS).
    pub mqtt: SocketAddr,
    /// Where cars get their certificates (EST).
    pub est: SocketAddr,
    /// How long a car's certificate holds; a car renews it when a third is left.
    pub car_validity: Micros,
    /// Names and addresses that the server's certificate carries besides this machine's own.
    pub hostnames: Vec<String>,
    /// A PostgreSQL URL; a SQLite file in the data folder when absent.
    pub database: Option<String>,
    /// A proxy in front of the API ends TLS: the API speaks plain HTTP to it, and people are told to use
    /// HTTPS only. Its `X-Forwarded-For` says who asks.
    pub behind_tls_proxy: bool,
    /// Whether the API also speaks TLS 1.2, for devices that cannot do better.
    pub http_tls12: bool,
    /// Whether metrics need no token. Everybody who reaches the listener can then read them.
    pub metrics_open: bool,
    /// How old the oldest row in memory becomes before all are put into the tables' files.
    pub flush_age: Micros,
    /// Whether cars here are simulated: a service may then enrol them together with their owners' first grants.
    pub simulated_cars: bool,
    /// Whom to tell of a weakness: a URI, for `/.well-known/security.txt`.
    pub security_contact: Option<String>,
    /// Where people may sign in besides here.
    pub identity_providers: Vec<ProviderSettings>,
    /// What browsers call the console; what the listener is called when absent.
    pub public_url: Option<String>,
}

impl Options {
    pub const DATA: &'static str = "marque-data";
    pub const REGION: &'static str = "eu";
    pub const JURISDICTION: &'static str = "eu";
    pub const HTTP: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);
    pub const MQTT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8883);
    pub const EST: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8884);
    /// A stolen key that nobody notices is worth a month at most; a car that was off for ten days can still renew.
    pub const CAR_VALIDITY: Micros = Micros(30 * Micros::DAY.0);
    /// Long, so that files are few: queries see what is in memory, and the durable log has it.
    pub const FLUSH_AGE: Micros = Micros(5 * Micros::MINUTE.0);
}

/// A key that holds for longer is no short-lived one.
const CAR_VALIDITY_MAX: Micros = Micros(365 * Micros::DAY.0);
/// Beyond a day, a start would read the log for too long.
const FLUSH_AGE_MAX: Micros = Micros::DAY;

impl Default for Options {
    fn default() -> Self {
        Self {
            data: PathBuf::from(Self::DATA),
            region: Self::REGION.to_owned(),
            jurisdiction: Self::JURISDICTION.to_owned(),
            http: Self::HTTP,
            mqtt: Self::MQTT,
            est: Self::EST,
            car_validity: Self::CAR_VALIDITY,
            hostnames: Vec::new(),
            database: None,
            behind_tls_proxy: false,
            http_tls12: false,
            metrics_open: false,
            flush_age: Self::FLUSH_AGE,
            simulated_cars: false,
            security_contact: None,
            identity_providers: Vec::new(),
            public_url: None,
        }
    }
}

/// The platform's configuration, valid.
#[derive(Debug, Clone)]
pub struct Config {
    pub data: PathBuf,
    pub region: Region,
    pub jurisdiction: Jurisdiction,
    pub http: HttpConfig,
    pub mqtt: SocketAddr,
    pub est: SocketAddr,
    pub car_validity: Micros,
    pub hostnames: Vec<String>,
    pub database: Database,
    pub flush_age: Micros,
    pub simulated_cars: bool,
    pub identity_providers: Vec<ProviderSettings>,
    /// None when browsers reach the listener by its own address.
    pub public_url: Option<Url>,
}

/// How the API is served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpConfig {
    pub listen: SocketAddr,
    /// Whether the listener itself speaks TLS.
    pub tls: bool,
    /// Whether it speaks TLS 1.2, too.
    pub tls12: bool,
    pub behind_tls_proxy: bool,
    pub metrics_open: bool,
    /// Whom to tell of a weakness.
    pub security_contact: Option<String>,
}

impl HttpConfig {
    /// Whether people reach the API by HTTPS, be it ours or a proxy's.
    pub fn is_secure(&self) -> bool {
        self.tls || self.behind_tls_proxy
    }
}

#[derive(Clone, PartialEq, Eq)]
pub enum Database {
    Sqlite(PathBuf),
    Postgres { url: String },
}

impl std::fmt::Debug for Database {
    /// The URL may hold a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Sqlite(path) => f.debug_tuple("Sqlite").field(path).finish(),
            Self::Postgres { .. } => f.debug_struct("Postgres").finish_non_exhaustive(),
        }
    }
}

/// An option that does not work; it says which and what would.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    #[error("`region`: {0}")]
    Region(ParseError),
    #[error("`jurisdiction`: {0}")]
    Jurisdiction(consent::Error),
    #[error("`data`: give a folder, not an empty path")]
    Data,
    #[error(
        "`database`: give a URL that begins with `postgres://` or `postgresql://`, or nothing for SQLite"
    )]
    Database,
    #[error("`hostnames`: `{name}` is neither a host's name nor an address")]
    Hostname { name: String },
    #[error("two of `http`, `mqtt` and `est` want {address}; give one of them another port")]
    SamePort { address: SocketAddr },
    #[error("`car_validity`: give a time from a second to a year")]
    CarValidity,
    #[error("`security_contact`: give a URI that begins with `https://`, `mailto:` or `tel:`")]
    SecurityContact,
    #[error(
        "`http_tls12`: the API's listener speaks no TLS here; leave it out, or listen on another address than loopback"
    )]
    Tls12,
    #[error("`flush_age`: give a time from a second to a day")]
    FlushAge,
    #[error("`public_url`: give an `https` URL without a path, or one of this machine by `http`")]
    PublicUrl,
    #[error(
        "`public_url`: identity providers send browsers back to it; say what browsers call the console, such as \
         `https://marque.example.org`"
    )]
    NoPublicUrl,
}

impl Options {
    /// Checks everything that can be checked without touching the machine.
    pub fn resolve(self) -> Result<Config, ConfigError> {
        if self.data.as_os_str().is_empty() {
            return Err(ConfigError::Data);
        }
        for (one, other) in [(self.http, self.mqtt), (self.http, self.est), (self.mqtt, self.est)] {
            if one == other && one.port() != 0 {
                return Err(ConfigError::SamePort { address: one });
            }
        }
        if !(Micros::SECOND..=CAR_VALIDITY_MAX).contains(&self.car_validity) {
            return Err(ConfigError::CarValidity);
        }
        if let Some(name) = self.hostnames.iter().find(|name| !is_host(name)) {
            return Err(ConfigError::Hostname { name: name.clone() });
        }
        if !(Micros::SECOND..=FLUSH_AGE_MAX).contains(&self.flush_age) {
            return Err(ConfigError::FlushAge);
        }
        if self.security_contact.as_deref().is_some_and(|contact| !is_contact(contact)) {
            return Err(ConfigError::SecurityContact);
        }
        let database = match self.database {
            None => Database::Sqlite(self.data.join("marque.db")),
            Some(url) if url.starts_with("postgres://") || url.starts_with("postgresql://") => {
                Database::Postgres { url }
            }
            Some(_) => return Err(ConfigError::Database),
        };
        let loopback = self.http.ip().is_loopback();
        let public_url = self.public_url.as_deref().map(public_url).transpose()?;
        // Browsers do not reach us by the address of a listener behind a proxy, or of all addresses.
        let is_called_otherwise = self.behind_tls_proxy || self.http.ip().is_unspecified();
        if !self.identity_providers.is_empty() && public_url.is_none() && is_called_otherwise {
            return Err(ConfigError::NoPublicUrl);
        }
        if self.http_tls12 && (loopback || self.behind_tls_proxy) {
            return Err(ConfigError::Tls12);
        }
        Ok(Config {
            region: self.region.parse().map_err(ConfigError::Region)?,
            jurisdiction: self.jurisdiction.parse().map_err(ConfigError::Jurisdiction)?,
            http: HttpConfig {
                listen: self.http,
                tls: !loopback && !self.behind_tls_proxy,
                tls12: self.http_tls12,
                behind_tls_proxy: self.behind_tls_proxy,
                metrics_open: self.metrics_open,
                security_contact: self.security_contact,
            },
            mqtt: self.mqtt,
            est: self.est,
            car_validity: self.car_validity,
            hostnames: self.hostnames,
            database,
            flush_age: self.flush_age,
            simulated_cars: self.simulated_cars,
            identity_providers: self.identity_providers,
            public_url,
            data: self.data,
        })
    }
}

impl Config {
    /// Where the durable log lives.
    pub fn log_folder(&self) -> PathBuf {
        self.data.join("log")
    }

    /// Where the Delta tables live.
    pub fn lake_folder(&self) -> PathBuf {
        self.data.join("lake")
    }

    /// Where keys and certificates live.
    pub fn pki_folder(&self) -> PathBuf {
        self.data.join("pki").join(self.region.as_str())
    }

    /// Where the audit log lives, and the key by which it is verified.
    pub fn audit_folder(&self) -> PathBuf {
        self.data.join("audit")
    }

    /// Where stands what has to reach people outside of the platform.
    pub fn outbox_folder(&self) -> PathBuf {
        self.data.join("outbox")
    }

    /// Where the token of the service of simulated cars stands, on a platform for these.
    pub fn simulation_token_file(&self) -> PathBuf {
        simulation_token_file(&self.data)
    }

    /// Where the first-run operator's password stands until somebody moves it away.
    pub fn operator_password_file(&self) -> PathBuf {
        operator_password_file(&self.data)
    }
}

/// The same for a program that only knows the data folder.
pub fn operator_password_file(data: &Path) -> PathBuf {
    data.join("operator-password")
}

/// The same for a program that only knows the data folder.
pub fn simulation_token_file(data: &Path) -> PathBuf {
    data.join("simulation-token")
}

/// RFC 9116, section 2.5.3; it is a line of its own.
fn is_contact(uri: &str) -> bool {
    ["https://", "mailto:", "tel:"]
        .iter()
        .any(|scheme| uri.strip_prefix(scheme).is_some_and(|rest| !rest.is_empty()))
        && uri.bytes().all(|byte| byte.is_ascii_graphic())
}

fn public_url(text: &str) -> Result<Url, ConfigError> {
    let url = Url::parse(text).ok().filter(is_safe);
    let bare = url.filter(|url| {
        let is_bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
        is_bare && url.username().is_empty() && url.password().is_none()
    });
    bare.ok_or(ConfigError::PublicUrl)
}

/// A DNS name (RFC 1123) or an address.
fn is_host(name: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    name.parse::<IpAddr>().is_ok() || (name.len() <= 253 && name.split('.').all(label))
}

#[cfg(test)]
mod tests;
