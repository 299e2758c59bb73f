//! The text of a profile as TOML: what may stand in it, before anything is resolved.

use std::collections::BTreeMap;

use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ProfileFile {
    pub profile: Header,
    pub external: Option<External>,
    #[serde(default)]
    pub frame: Vec<FrameFile>,
    #[serde(default)]
    pub service: Vec<ServiceFile>,
    #[serde(default)]
    pub map: BTreeMap<String, MapFile>,
    #[serde(default)]
    pub encode: BTreeMap<String, EncodeFile>,
    #[serde(default)]
    pub target: BTreeMap<String, MapFile>,
    #[serde(default)]
    pub diagnostic: Vec<DiagnosticFile>,
}

/// Frames and maps that several architectures share.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExtensionFile {
    #[serde(default)]
    pub frame: Vec<FrameFile>,
    #[serde(default)]
    pub map: BTreeMap<String, MapFile>,
    #[serde(default)]
    pub encode: BTreeMap<String, EncodeFile>,
    #[serde(default)]
    pub target: BTreeMap<String, MapFile>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Header {
    pub name: String,
    pub title: String,
    pub description: String,
    #[serde(default)]
    pub transport: TransportFile,
    #[serde(default)]
    pub sources: Vec<String>,
    #[serde(default)]
    pub extensions: Vec<String>,
    /// A signal is stale when its frame has not come for so many of its cycles.
    #[serde(default = "stale_cycles")]
    pub stale_cycles: u32,
}

/// Ten cycles: a gateway under load drops a few frames, and nobody wants an alarm for those.
fn stale_cycles() -> u32 {
    10
}

#[derive(Debug, Default, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum TransportFile {
    #[default]
    Can,
    Zonal,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct External {
    /// The frames come from a DBC file that the user gives.
    pub dbc: bool,
    /// The log's interface or the car's bus that the DBC describes.
    pub channel: Option<u8>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FrameFile {
    pub id: u32,
    pub name: String,
    pub origin: String,
    pub channel: Option<u8>,
    pub length: usize,
    /// Zero for a frame that comes on an event.
    pub cycle_ms: u32,
    pub signals: BTreeMap<String, SignalFile>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SignalFile {
    /// `start|length@order sign` as a DBC writes it: order 1 is Intel, 0 Motorola.
    pub bits: String,
    #[serde(default = "one")]
    pub factor: f64,
    #[serde(default)]
    pub offset: f64,
    #[serde(default)]
    pub unit: String,
    /// The raw bits that say that there is no value.
    pub na: Option<u64>,
    #[serde(default)]
    pub values: BTreeMap<String, String>,
    pub role: Option<RoleFile>,
}

fn one() -> f64 {
    1.0
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum RoleFile {
    /// Counts the frames, modulo what its bits hold.
    Counter,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ServiceFile {
    pub id: u16,
    pub name: String,
    pub cycle_ms: u32,
    pub paths: Vec<String>,
}

/// `"FRAME.SIGNAL"`, an expression over several, or one signal with what becomes of it.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(super) enum MapFile {
    Expression(String),
    Signal(MapSignal),
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MapSignal {
    pub from: String,
    /// The source's unit, where the frame does not say it.
    pub unit: Option<String>,
    pub times: Option<f64>,
    pub plus: Option<f64>,
    /// Further raw bits that say that there is no value.
    pub na: Option<u64>,
    /// Raw numbers and the values that they stand for; `*` for all others.
    #[serde(default)]
    pub values: BTreeMap<String, toml::Value>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(super) enum EncodeFile {
    Number(f64),
    Expression(String),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DiagnosticFile {
    pub path: String,
    pub origin: String,
    pub request: u32,
    pub response: u32,
    pub did: Option<u16>,
    pub pid: Option<u8>,
    pub every_ms: u32,
    /// Within the data that follows the DID or PID.
    pub bits: String,
    #[serde(default = "one")]
    pub factor: f64,
    #[serde(default)]
    pub offset: f64,
    pub unit: String,
}
