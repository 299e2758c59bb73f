//! Architecture profiles: one readable file for each electronic architecture, with its frames and
//! how they map to VSS and back.
//!
//! The same application sees the same signals on every car. A signal that a car lacks is not
//! available, by path; it is never an error.

mod builtin;
mod compile;
mod decoder;
mod diagnostics;
mod encode_rule;
mod encoder;
mod file;
mod layout;
mod models;
mod route;
mod zonal;

use std::{ops::Range, sync::Arc};

use model::Micros;
use signals::{Catalogue, Leaf, SignalId};

use crate::{CanFrame, Database, Error};
use compile::{Formula, Resolved};
use encode_rule::EncodeRule;
use file::{ProfileFile, TransportFile};
use route::{Route, Source};

pub use builtin::{ARCHITECTURES, EXTERNAL};
pub use decoder::ProfileDecoder;
pub use diagnostics::{Diagnostic, DiagnosticPoller, DiagnosticService};
pub use encoder::ProfileEncoder;
pub use layout::{Frame, Origin};
pub use models::{Certainty, Market, ModelTable, Powertrain, VehicleModel};
pub use zonal::{DATAGRAM_BYTES_MAX, Datagram, DatagramKind, RecordValue};

/// No signal is stale before that, however fast its frame should come: a gateway, like a simulator,
/// may pass on every hundredth frame of a fast one.
const STALE_AFTER_MIN: Micros = Micros::from_secs(10);

/// What carries a car's signals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transport {
    Can,
    /// VSS by signal id in UDP datagrams.
    Zonal,
}

/// One message of a car's network.
#[derive(Debug, Clone, PartialEq)]
pub enum BusMessage {
    Can(CanFrame),
    Datagram(Vec<u8>),
}

/// How well a car knows a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Provenance {
    /// From a frame whose layout a public source gives, or from a zonal service.
    Native,
    /// Asked for by diagnostics.
    Diagnostic,
    /// From an extension frame of ours.
    Extension,
}

/// A group of signals that a zone controller sends together.
#[derive(Debug, Clone)]
pub struct Service {
    pub id: u16,
    pub name: Arc<str>,
    pub cycle: Micros,
    pub leaves: Vec<Arc<Leaf>>,
}

/// An architecture, ready to decode and encode. Immutable; share it behind an [`Arc`].
#[derive(Debug)]
pub struct Profile {
    name: Arc<str>,
    title: Arc<str>,
    description: Arc<str>,
    transport: Transport,
    sources: Vec<Arc<str>>,
    stale_cycles: u32,
    catalogue: Arc<Catalogue>,
    resolved: Resolved,
    by_frame: Vec<FrameParts>,
    services: Vec<Service>,
    diagnostics: Vec<Diagnostic>,
    /// Sorted by id.
    mapped: Vec<(SignalId, Provenance)>,
}

/// Which routes, formulas and rules belong to a frame.
#[derive(Debug, Clone, Default)]
struct FrameParts {
    routes: Range<usize>,
    formulas: Range<usize>,
    rules: Range<usize>,
}

impl Profile {
    /// A profile that ships with Marque: one of [`ARCHITECTURES`], mapped to the shipped catalogue.
    pub fn builtin(name: &str) -> Result<Arc<Self>, Error> {
        Self::parse(Self::builtin_text(name)?, &Catalogue::core()).map(Arc::new)
    }

    /// The text of a profile that ships with Marque, to be read with another catalogue.
    pub fn builtin_text(name: &str) -> Result<&'static str, Error> {
        builtin::text(name).ok_or_else(|| unknown(name))
    }

    /// A profile that ships with Marque for frames of a DBC that the user gives: one of [`EXTERNAL`].
    pub fn builtin_external(name: &str, database: &Database) -> Result<Arc<Self>, Error> {
        Self::parse_external(Self::builtin_text(name)?, database, &Catalogue::core()).map(Arc::new)
    }

    /// Reads a profile's text. A mapped path that the catalogue does not have is not an error: see
    /// [`Profile::unknown_paths`].
    pub fn parse(text: &str, catalogue: &Arc<Catalogue>) -> Result<Self, Error> {
        Self::read(text, None, catalogue)
    }

    /// Reads a profile whose maps are for the frames of a database from outside.
    pub fn parse_external(
        text: &str,
        database: &Database,
        catalogue: &Arc<Catalogue>,
    ) -> Result<Self, Error> {
        Self::read(text, Some(database), catalogue)
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn title(&self) -> &str {
        &self.title
    }

    pub fn description(&self) -> &str {
        &self.description
    }

    pub fn transport(&self) -> Transport {
        self.transport
    }

    /// What its facts are known from; NOTICE says under which licence.
    pub fn sources(&self) -> &[Arc<str>] {
        &self.sources
    }

    pub fn catalogue(&self) -> &Arc<Catalogue> {
        &self.catalogue
    }

    /// The layouts of the frames, in the order of [`Profile::frames`].
    pub fn database(&self) -> &Database {
        &self.resolved.database
    }

    pub fn frames(&self) -> &[Frame] {
        &self.resolved.frames
    }

    pub fn services(&self) -> &[Service] {
        &self.services
    }

    pub fn diagnostics(&self) -> &[Diagnostic] {
        &self.diagnostics
    }

    /// The signals that this architecture can say something of, by id.
    pub fn signals(&self) -> impl ExactSizeIterator<Item = (SignalId, Provenance)> {
        self.mapped.iter().copied()
    }

    pub fn provenance(&self, signal: SignalId) -> Option<Provenance> {
        let at = self.mapped.binary_search_by_key(&signal, |(known, _)| *known).ok()?;
        self.mapped.get(at).map(|(_, provenance)| *provenance)
    }

    /// The leaves of the catalogue that this architecture has no source for, by path.
    pub fn not_available(&self) -> impl Iterator<Item = &Arc<Leaf>> {
        self.catalogue.leaves().filter(|leaf| self.provenance(leaf.id).is_none())
    }

    /// The actuators that can be set on this architecture.
    pub fn actuators(&self) -> impl Iterator<Item = &Arc<Leaf>> {
        let routes = self.resolved.targets.iter().map(|route| &route.leaf);
        let actuators = |leaf: &&Arc<Leaf>| leaf.kind == signals::LeafKind::Actuator;
        routes.chain(self.services.iter().flat_map(|service| &service.leaves).filter(actuators))
    }

    /// Mapped paths that the catalogue does not have: it is another release of VSS.
    pub fn unknown_paths(&self) -> &[Arc<str>] {
        &self.resolved.unknown_paths
    }

    /// The way from frames to signals, for one car.
    pub fn decoder(self: &Arc<Self>) -> ProfileDecoder {
        ProfileDecoder::new(Arc::clone(self))
    }

    /// The way from signals to frames, for one car.
    pub fn encoder(self: &Arc<Self>) -> ProfileEncoder {
        ProfileEncoder::new(Arc::clone(self))
    }

    /// How far what this architecture's source can say may be from a value, in the leaf's unit.
    /// `None` for values that come whole (texts, enumerations) or are computed.
    pub fn resolution(&self, signal: SignalId) -> Option<f64> {
        let route = self.resolved.routes.iter().find(|route| route.leaf.id == signal)?;
        let message = &self.database().messages()[route.source.frame];
        let resolution = route.resolution(&message.signals()[route.source.signal].coding);
        (resolution > 0.0).then_some(resolution)
    }

    fn read(text: &str, external: Option<&Database>, catalogue: &Arc<Catalogue>) -> Result<Self, Error> {
        let mut file: ProfileFile = toml::from_str(text)
            .map_err(|error| Error::Profile { profile: "the file".to_owned(), problem: error.to_string() })?;
        let name = file.profile.name.clone();
        let refuse = |problem: String| Error::Profile { profile: name.clone(), problem };
        match (file.external.as_ref().is_some_and(|external| external.dbc), external.is_some()) {
            (true, true) | (false, false) => {}
            (true, false) => {
                return Err(refuse("maps the frames of a DBC; give it with --dbc FILE".to_owned()));
            }
            (false, true) => return Err(refuse("has frames of its own; leave --dbc away".to_owned())),
        }
        compile::with_extensions(&mut file).map_err(refuse)?;
        let resolved = compile::resolve(&file, external, catalogue).map_err(refuse)?;
        let services = services(&file, catalogue).map_err(refuse)?;
        let diagnostics = diagnostics::resolve(&file.diagnostic, catalogue).map_err(refuse)?;
        Ok(Self::assemble(file, resolved, services, diagnostics, catalogue))
    }

    fn assemble(
        file: ProfileFile,
        mut resolved: Resolved,
        services: Vec<Service>,
        diagnostics: Vec<Diagnostic>,
        catalogue: &Arc<Catalogue>,
    ) -> Self {
        for leaf in services.iter().flat_map(|service| &service.leaves) {
            resolved.slots.push(Arc::clone(leaf));
        }
        let by_frame = (0..resolved.frames.len()).map(|frame| FrameParts {
            routes: run_of(&resolved.routes, frame, |route| route.source.frame),
            formulas: run_of(&resolved.formulas, frame, Formula::frame),
            rules: run_of(&resolved.rules, frame, |rule| rule.source.frame),
        });
        let by_frame = by_frame.collect();
        let mapped = mapped(&resolved, &services, &diagnostics);
        Self {
            name: file.profile.name.into(),
            title: file.profile.title.into(),
            description: file.profile.description.into(),
            transport: match file.profile.transport {
                TransportFile::Can => Transport::Can,
                TransportFile::Zonal => Transport::Zonal,
            },
            sources: file.profile.sources.iter().map(|source| source.as_str().into()).collect(),
            stale_cycles: file.profile.stale_cycles,
            catalogue: Arc::clone(catalogue),
            resolved,
            by_frame,
            services,
            diagnostics,
            mapped,
        }
    }

    /// How long a sender may be silent before what it said is stale; `None` for one without a cycle.
    fn stale_after(&self, cycle: Micros) -> Option<Micros> {
        let missed = Micros(cycle.0.saturating_mul(i64::from(self.stale_cycles)));
        (cycle > Micros::ZERO).then(|| missed.max(STALE_AFTER_MIN))
    }

    fn routes(&self) -> &[Route] {
        &self.resolved.routes
    }

    fn routes_of(&self, frame: usize) -> &[Route] {
        self.resolved.routes.get(self.by_frame[frame].routes.clone()).unwrap_or_default()
    }

    fn formulas_of(&self, frame: usize) -> &[Formula] {
        self.resolved.formulas.get(self.by_frame[frame].formulas.clone()).unwrap_or_default()
    }

    fn rules_of(&self, frame: usize) -> &[EncodeRule] {
        self.resolved.rules.get(self.by_frame[frame].rules.clone()).unwrap_or_default()
    }

    fn targets(&self) -> &[Route] {
        &self.resolved.targets
    }

    fn slots(&self) -> &[Arc<Leaf>] {
        &self.resolved.slots
    }

    /// The zonal service that takes a target for the signal.
    fn service_target(&self, signal: SignalId) -> Option<(u16, &Arc<Leaf>)> {
        let leaves =
            self.services.iter().flat_map(|service| service.leaves.iter().map(|leaf| (service.id, leaf)));
        leaves.into_iter().find(|(_, leaf)| leaf.id == signal && leaf.kind == signals::LeafKind::Actuator)
    }
}

impl Formula {
    /// The frame that makes it speak.
    fn frame(&self) -> usize {
        self.inputs.first().map_or(0, |source| source.frame)
    }
}

/// Where in a sorted list a frame's entries stand.
fn run_of<T>(list: &[T], frame: usize, frame_of: impl Fn(&T) -> usize) -> Range<usize> {
    list.partition_point(|entry| frame_of(entry) < frame)
        ..list.partition_point(|entry| frame_of(entry) <= frame)
}

fn services(file: &ProfileFile, catalogue: &Catalogue) -> Result<Vec<Service>, String> {
    let mut services: Vec<Service> = Vec::new();
    for service in &file.service {
        if services.iter().any(|known| known.id == service.id) {
            return Err(format!("service id {} stands twice", service.id));
        }
        let leaves = service.paths.iter().filter_map(|path| catalogue.by_path(path));
        services.push(Service {
            id: service.id,
            name: service.name.as_str().into(),
            cycle: Micros::from_millis(i64::from(service.cycle_ms)),
            leaves: leaves.cloned().collect(),
        });
    }
    Ok(services)
}

fn mapped(
    resolved: &Resolved,
    services: &[Service],
    diagnostics: &[Diagnostic],
) -> Vec<(SignalId, Provenance)> {
    let of_frame = |source: Source| match resolved.frames[source.frame].origin {
        Origin::Marque => Provenance::Extension,
        Origin::OpenDbc(_) | Origin::PsaRe(_) | Origin::External => Provenance::Native,
    };
    let routes = resolved.routes.iter().map(|route| (route.leaf.id, of_frame(route.source)));
    let formulas = resolved.formulas.iter().map(|formula| {
        let worst = formula.inputs.iter().map(|input| of_frame(*input)).max();
        (formula.leaf.id, worst.unwrap_or(Provenance::Native))
    });
    let services =
        services.iter().flat_map(|service| &service.leaves).map(|leaf| (leaf.id, Provenance::Native));
    let diagnostics = diagnostics.iter().map(|diagnostic| (diagnostic.leaf.id, Provenance::Diagnostic));
    let mut mapped: Vec<_> = routes.chain(formulas).chain(services).chain(diagnostics).collect();
    mapped.sort_unstable();
    // The best source of a signal stands first.
    mapped.dedup_by_key(|(signal, _)| *signal);
    mapped
}

fn unknown(name: &str) -> Error {
    let known = ARCHITECTURES.iter().chain(EXTERNAL).copied().collect::<Vec<_>>().join(", ");
    Error::Profile {
        profile: name.to_owned(),
        problem: format!("there is no such profile; there are {known}"),
    }
}

#[cfg(test)]
mod tests;
