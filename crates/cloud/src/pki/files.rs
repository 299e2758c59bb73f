//! Key files: readable by their owner only, written whole or not at all.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write},
    net::IpAddr,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::Path,
};

use model::Timestamp;
use rcgen::SanType;
use x509_parser::{extensions::GeneralName, pem::parse_x509_pem};

use super::PkiError;

pub(super) fn create_folder(path: &Path) -> Result<(), PkiError> {
    let mut builder = DirBuilder::new();
    builder.recursive(true).mode(0o700).create(path).map_err(failed("create", path))
}

/// `None` when it does not exist.
pub(super) fn read(path: &Path) -> Result<Option<String>, PkiError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed("read", path)(error)),
    }
}

pub(super) fn write_secret(path: &Path, text: &str) -> Result<(), PkiError> {
    write(path, text, 0o600)
}

pub(super) fn write_public(path: &Path, text: &str) -> Result<(), PkiError> {
    write(path, text, 0o644)
}

fn write(path: &Path, text: &str, mode: u32) -> Result<(), PkiError> {
    write_whole(path, text, mode).map_err(failed("write", path))
}

/// A file that only the platform's user can read.
pub(crate) fn write_secret_file(path: &Path, text: &str) -> io::Result<()> {
    write_whole(path, text, 0o600)
}

/// Beside, synced, then renamed: after a crash there is the old file or the new one.
fn write_whole(path: &Path, text: &str, mode: u32) -> io::Result<()> {
    let beside = path.with_extension("new");
    // The mode counts only for a file that is created.
    match fs::remove_file(&beside) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&beside)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

/// Whether a certificate carries exactly these names and is valid after `until`. `None` when it cannot be
/// read.
pub(super) fn still_good(pem: &str, names: &[SanType], until: Timestamp) -> Option<bool> {
    let (_, pem) = parse_x509_pem(pem.as_bytes()).ok()?;
    let certificate = pem.parse_x509().ok()?;
    let valid = certificate.validity().not_after.timestamp() > until.0.div_euclid(1_000_000);
    let has: Vec<String> = certificate
        .subject_alternative_name()
        .ok()?
        .map(|extension| extension.value.general_names.iter().map(general_name).collect())
        .unwrap_or_default();
    let wants: Vec<String> = names.iter().map(san_name).collect();
    Some(valid && has == wants)
}

/// Servers have names of hosts and addresses only; another kind is not one that was asked for.
fn general_name(name: &GeneralName<'_>) -> String {
    if let GeneralName::DNSName(name) = name {
        return (*name).to_owned();
    }
    if let GeneralName::IPAddress(bytes) = name {
        return hex::encode(bytes);
    }
    "another kind".to_owned()
}

fn san_name(name: &SanType) -> String {
    if let SanType::DnsName(name) = name {
        return name.as_str().to_owned();
    }
    if let SanType::IpAddress(address) = name {
        return match address {
            IpAddr::V4(address) => hex::encode(address.octets()),
            IpAddr::V6(address) => hex::encode(address.octets()),
        };
    }
    "no kind that is asked for".to_owned()
}

/// What the machine is called, if that can stand in a certificate.
pub(crate) fn machine_name() -> Option<String> {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").ok()?.trim().to_ascii_lowercase();
    let plain = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.');
    plain.then_some(name)
}

fn failed<'a>(action: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> PkiError + use<'a> {
    move |source| PkiError::File { action, path: path.to_owned(), source }
}
