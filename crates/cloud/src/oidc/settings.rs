//! The file that names the identity providers: read once, at start, into something valid.

use std::{
    collections::BTreeSet,
    fmt, fs, io,
    path::{Path, PathBuf},
    str::FromStr as _,
};

use identity::Realm;
use reqwest::Certificate;
use serde::Deserialize;
use url::{Host, Url};

/// A sign-in page with more buttons than these serves nobody.
const PROVIDERS_MAX: usize = 16;
const ID_LEN_MAX: usize = 32;
const NAME_LEN_MAX: usize = 64;
const TEXT_LEN_MAX: usize = 512;
/// Scopes, and classes of authentication.
const LIST_LEN_MAX: usize = 16;
const SCOPES: [&str; 3] = ["openid", "email", "profile"];

/// Why the file does not work; it says which key, and what would.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    #[error("cannot read {}; check its path and owner", path.display())]
    File { path: PathBuf, source: io::Error },
    /// Without the line itself, which may hold a secret that should not be there.
    #[error("{}, line {line}: {why}", path.display())]
    Toml { path: PathBuf, line: usize, why: String },
    #[error("`provider`: {PROVIDERS_MAX} at most")]
    Many,
    #[error("`provider.{key}` of `{id}`: {why}")]
    Provider { id: String, key: &'static str, why: String },
    #[error("`provider.{key}` of `{id}`: cannot read {}; check its path and owner", path.display())]
    ProviderFile { id: String, key: &'static str, path: PathBuf, source: io::Error },
}

/// An OpenID Connect provider, as configured.
#[derive(Clone)]
pub struct ProviderSettings {
    /// Stands in paths and in names of accounts.
    pub id: String,
    /// What people read on the sign-in page.
    pub name: String,
    pub issuer: String,
    pub client_id: String,
    /// A public client has none, and PKCE alone.
    pub client_secret: Option<String>,
    /// Of the accounts that it makes.
    pub realm: Realm,
    pub scopes: Vec<String>,
    /// One of these classes of authentication, or nobody signs in; empty when any will do.
    pub acr_values: Vec<String>,
    /// For whom access tokens are that are taken as bearer tokens.
    pub audience: Option<String>,
    /// The clients whose access tokens are taken, by their ids; some where there is an audience.
    pub access_clients: Vec<String>,
    /// The authorities that its certificate may be of, instead of the system's.
    pub authorities: Option<Vec<Certificate>>,
}

impl fmt::Debug for ProviderSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProviderSettings")
            .field("id", &self.id)
            .field("issuer", &self.issuer)
            .finish_non_exhaustive()
    }
}

impl ProviderSettings {
    /// Whether it is on this machine and speaks plain HTTP, as no other may.
    pub(super) fn is_plain(&self) -> bool {
        self.issuer.starts_with("http://")
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(default)]
    provider: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    id: String,
    name: String,
    issuer: String,
    client_id: String,
    client_secret: Option<toml::Value>,
    client_secret_file: Option<PathBuf>,
    client_secret_env: Option<String>,
    realm: String,
    scopes: Option<Vec<String>>,
    #[serde(default)]
    acr_values: Vec<String>,
    audience: Option<String>,
    #[serde(default)]
    access_clients: Vec<String>,
    ca_file: Option<PathBuf>,
}

/// Reads a file of providers. `environment` gives what a variable holds.
pub fn read(
    path: &Path,
    environment: impl Fn(&str) -> Option<String>,
) -> Result<Vec<ProviderSettings>, SettingsError> {
    let text =
        fs::read_to_string(path).map_err(|source| SettingsError::File { path: path.to_owned(), source })?;
    let document: Document = toml::from_str(&text).map_err(|error| SettingsError::Toml {
        path: path.to_owned(),
        line: error
            .span()
            .map_or(1, |span| 1 + text.bytes().take(span.start).filter(|b| *b == b'\n').count()),
        why: error.message().to_owned(),
    })?;
    if document.provider.len() > PROVIDERS_MAX {
        return Err(SettingsError::Many);
    }
    let folder = path.parent().unwrap_or(Path::new(""));
    let (mut ids, mut issuers) = (BTreeSet::new(), BTreeSet::new());
    let mut providers = Vec::with_capacity(document.provider.len());
    for entry in document.provider {
        let given = Given { id: entry.id.clone(), folder };
        let provider = given.provider(entry, &environment)?;
        if !ids.insert(provider.id.clone()) {
            return Err(given.wrong("id", "another provider has it already"));
        }
        if !issuers.insert(provider.issuer.clone()) {
            let why = "another provider has it already, and whoever comes from an issuer has one account";
            return Err(given.wrong("issuer", why));
        }
        providers.push(provider);
    }
    Ok(providers)
}

/// The provider whose keys are read.
struct Given<'a> {
    id: String,
    folder: &'a Path,
}

impl Given<'_> {
    fn provider(
        &self,
        entry: Entry,
        environment: impl Fn(&str) -> Option<String>,
    ) -> Result<ProviderSettings, SettingsError> {
        if !is_id(&entry.id) {
            let why = format!("give 1 to {ID_LEN_MAX} characters of a-z, 0-9 and `-`, a letter first");
            return Err(self.wrong("id", why));
        }
        if !is_text(&entry.name, NAME_LEN_MAX) {
            return Err(self.wrong("name", format!("give 1 to {NAME_LEN_MAX} characters")));
        }
        let client_secret = self.client_secret(&entry, environment)?;
        let realm = Realm::from_str(&entry.realm);
        let realm = realm.map_err(|_| self.wrong("realm", "give `customer`, `staff` or `partner`"))?;
        let scopes = entry.scopes.unwrap_or_else(|| SCOPES.map(str::to_owned).into());
        if !scopes.iter().any(|scope| scope == "openid") {
            return Err(self.wrong("scopes", "`openid` must be one of them"));
        }
        if entry.audience.is_some() == entry.access_clients.is_empty() {
            let why =
                "name the clients whose access tokens are taken, where `audience` is given, and nowhere else";
            return Err(self.wrong("access_clients", why));
        }
        Ok(ProviderSettings {
            issuer: self.issuer(&entry.issuer)?,
            client_id: self.text("client_id", entry.client_id)?,
            scopes: self.list("scopes", scopes)?,
            acr_values: self.list("acr_values", entry.acr_values)?,
            audience: entry.audience.map(|audience| self.text("audience", audience)).transpose()?,
            access_clients: self.list("access_clients", entry.access_clients)?,
            authorities: entry.ca_file.map(|path| self.authorities(&path)).transpose()?,
            id: entry.id,
            name: entry.name,
            client_secret,
            realm,
        })
    }

    /// As the provider writes it: it is compared letter by letter.
    fn issuer(&self, text: &str) -> Result<String, SettingsError> {
        let wrong = |why| self.wrong("issuer", why);
        let url = Url::parse(text).map_err(|_| wrong("give a URL"))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong("give a URL without a name and a password"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(wrong("give a URL without a query and a fragment"));
        }
        if !is_safe(&url) {
            return Err(wrong("give an `https` URL; `http` is for providers on this machine"));
        }
        Ok(text.to_owned())
    }

    fn client_secret(
        &self,
        entry: &Entry,
        environment: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<String>, SettingsError> {
        if entry.client_secret.is_some() {
            let why = "no secret stands in this file: name a file by `client_secret_file`, or a variable of the \
                       environment by `client_secret_env`";
            return Err(self.wrong("client_secret", why));
        }
        let (key, secret) = match (&entry.client_secret_file, &entry.client_secret_env) {
            (None, None) => return Ok(None),
            (Some(_), Some(_)) => {
                let why = "give this or `client_secret_file`, not both";
                return Err(self.wrong("client_secret_env", why));
            }
            (Some(path), None) => ("client_secret_file", self.file("client_secret_file", path)?),
            (None, Some(name)) => {
                let value = environment(name);
                let missing = || self.wrong("client_secret_env", format!("the variable `{name}` is not set"));
                ("client_secret_env", value.ok_or_else(missing)?)
            }
        };
        let secret = secret.trim_end_matches(['\r', '\n']);
        if secret.is_empty() {
            return Err(self.wrong(key, "it holds nothing"));
        }
        Ok(Some(secret.to_owned()))
    }

    fn authorities(&self, path: &Path) -> Result<Vec<Certificate>, SettingsError> {
        let pem = self.file("ca_file", path)?;
        let certificates = Certificate::from_pem_bundle(pem.as_bytes()).unwrap_or_default();
        if certificates.is_empty() {
            return Err(self.wrong("ca_file", "it holds no certificate in PEM"));
        }
        Ok(certificates)
    }

    /// Paths are relative to the folder of the file that names them.
    fn file(&self, key: &'static str, path: &Path) -> Result<String, SettingsError> {
        let path = self.folder.join(path);
        fs::read_to_string(&path).map_err(|source| SettingsError::ProviderFile {
            id: self.id.clone(),
            key,
            path,
            source,
        })
    }

    fn text(&self, key: &'static str, text: String) -> Result<String, SettingsError> {
        let why = || self.wrong(key, format!("give 1 to {TEXT_LEN_MAX} characters"));
        if is_text(&text, TEXT_LEN_MAX) { Ok(text) } else { Err(why()) }
    }

    /// Words that are sent with spaces between them.
    fn list(&self, key: &'static str, words: Vec<String>) -> Result<Vec<String>, SettingsError> {
        let is_word =
            |word: &String| is_text(word, TEXT_LEN_MAX) && word.bytes().all(|b| b.is_ascii_graphic());
        if words.len() > LIST_LEN_MAX || !words.iter().all(is_word) {
            return Err(self.wrong(key, format!("give {LIST_LEN_MAX} words at most, without spaces")));
        }
        Ok(words)
    }

    fn wrong(&self, key: &'static str, why: impl Into<String>) -> SettingsError {
        SettingsError::Provider { id: self.id.clone(), key, why: why.into() }
    }
}

/// Whether what is said there stays between the two: by TLS, or within this machine.
pub(crate) fn is_safe(url: &Url) -> bool {
    let is_loopback = match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => return false,
    };
    url.scheme() == "https" || (url.scheme() == "http" && is_loopback)
}

fn is_id(text: &str) -> bool {
    text.len() <= ID_LEN_MAX
        && text.bytes().next().is_some_and(|first| first.is_ascii_lowercase())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

fn is_text(text: &str, len_max: usize) -> bool {
    (1..=len_max).contains(&text.chars().count()) && !text.chars().any(char::is_control)
}

#[cfg(test)]
mod tests;
