//! What a car's bus says, as readings of leaves.

use std::sync::Arc;

use model::Timestamp;
use signals::{Leaf, Quality, Reading, Sample, Value, expr::Operand};

use super::{BusMessage, Formula, Profile, Source, zonal};
use crate::{CanFrame, Error};

/// Turns one car's frames into samples. It holds the last frame of each id, so that expressions see
/// their other inputs and a silent frame's signals can be called stale.
#[derive(Debug)]
pub struct ProfileDecoder {
    profile: Arc<Profile>,
    /// By frame of the profile.
    last: Vec<Option<Last>>,
    /// By service of the profile: when it spoke last, and what of.
    services: Vec<Option<LastService>>,
}

#[derive(Debug, Clone)]
struct Last {
    frame: CanFrame,
    stale: bool,
}

#[derive(Debug, Clone)]
struct LastService {
    time: Timestamp,
    values: Vec<(Arc<Leaf>, Value)>,
    stale: bool,
}

impl ProfileDecoder {
    pub(super) fn new(profile: Arc<Profile>) -> Self {
        let last = vec![None; profile.frames().len()];
        let services = vec![None; profile.services().len()];
        Self { profile, last, services }
    }

    pub fn profile(&self) -> &Arc<Profile> {
        &self.profile
    }

    /// Takes whatever the car's network carries.
    pub fn handle(&mut self, message: &BusMessage, emit: &mut impl FnMut(Sample)) -> Result<(), Error> {
        match message {
            BusMessage::Can(frame) => {
                self.handle_frame(frame, emit);
                Ok(())
            }
            BusMessage::Datagram(bytes) => self.handle_datagram(bytes, emit),
        }
    }

    /// Hands a sample of each signal that the frame feeds to `emit`. A frame that the profile does
    /// not know, or from another bus, is passed over.
    pub fn handle_frame(&mut self, frame: &CanFrame, emit: &mut impl FnMut(Sample)) {
        let Some(index) = self.profile.database().position(frame.id()) else { return };
        let known = &self.profile.frames()[index];
        if known.channel.is_some_and(|channel| channel != frame.channel) {
            return;
        }
        self.last[index] = Some(Last { frame: *frame, stale: false });
        self.read_frame(index, frame.time, Quality::Good, emit);
    }

    /// Hands a sample of each record of a zonal datagram to `emit`.
    pub fn handle_datagram(&mut self, bytes: &[u8], emit: &mut impl FnMut(Sample)) -> Result<(), Error> {
        let datagram = zonal::Datagram::parse(bytes)?;
        let service = self.profile.services().iter().position(|service| service.id == datagram.service);
        let Some(service) = service else { return Ok(()) };
        if datagram.kind != zonal::DatagramKind::Current {
            return Ok(());
        }
        let profile = Arc::clone(&self.profile);
        let mut values = Vec::with_capacity(profile.services()[service].leaves.len());
        let time = datagram.time;
        datagram.records(|signal, value| {
            let leaf = profile.services()[service].leaves.iter().find(|leaf| leaf.id == signal);
            let Some(leaf) = leaf else { return };
            let reading = zonal::reading(leaf, value, time);
            if let Some(value) = &reading.value {
                values.push((Arc::clone(leaf), value.clone()));
            }
            emit(Sample { signal, reading });
        })?;
        self.services[service] = Some(LastService { time, values, stale: false });
        Ok(())
    }

    /// Emits a stale reading, once, for each signal whose frame has not come for too long.
    pub fn poll(&mut self, now: Timestamp, emit: &mut impl FnMut(Sample)) {
        for index in 0..self.last.len() {
            let Some(deadline) = self.frame_deadline(index).filter(|deadline| *deadline <= now) else {
                continue;
            };
            if let Some(last) = &mut self.last[index] {
                last.stale = true;
            }
            self.read_frame(index, deadline, Quality::Stale, emit);
        }
        for index in 0..self.services.len() {
            let deadline = self.service_deadline(index).filter(|deadline| *deadline <= now);
            let (Some(source_time), Some(last)) = (deadline, &mut self.services[index]) else { continue };
            last.stale = true;
            for (leaf, value) in &last.values {
                let reading = Reading { value: Some(value.clone()), quality: Quality::Stale, source_time };
                emit(Sample { signal: leaf.id, reading });
            }
        }
    }

    /// When [`ProfileDecoder::poll`] next has something to say, if nothing comes until then.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        let frames = (0..self.last.len()).filter_map(|index| self.frame_deadline(index));
        let services = (0..self.services.len()).filter_map(|index| self.service_deadline(index));
        frames.chain(services).min()
    }

    fn frame_deadline(&self, index: usize) -> Option<Timestamp> {
        let last = self.last[index].as_ref().filter(|last| !last.stale)?;
        let limit = self.profile.stale_after(self.profile.frames()[index].cycle)?;
        Some(last.frame.time + limit)
    }

    fn service_deadline(&self, index: usize) -> Option<Timestamp> {
        let last = self.services[index].as_ref().filter(|last| !last.stale)?;
        let limit = self.profile.stale_after(self.profile.services()[index].cycle)?;
        Some(last.time + limit)
    }

    fn read_frame(&self, index: usize, time: Timestamp, quality: Quality, emit: &mut impl FnMut(Sample)) {
        let Some(last) = &self.last[index] else { return };
        let message = &self.profile.database().messages()[index];
        for route in self.profile.routes_of(index) {
            let Some(decoded) = message.decode_signal(route.source.signal, last.frame.data()) else {
                continue;
            };
            let reading = graded(route.read(&decoded, time), quality);
            emit(Sample { signal: route.leaf.id, reading });
        }
        for formula in self.profile.formulas_of(index) {
            if let Some(reading) = self.compute(formula, time) {
                emit(Sample { signal: formula.leaf.id, reading: graded(reading, quality) });
            }
        }
    }

    /// `None` until each input has been seen once.
    fn compute(&self, formula: &Formula, time: Timestamp) -> Option<Reading> {
        if formula.inputs.iter().any(|input| self.last[input.frame].is_none()) {
            return None;
        }
        let operand = formula.expr.eval(|place| {
            let value = formula.inputs.get(place).and_then(|input| self.physical(*input));
            value.map_or(Operand::Null, Operand::number)
        });
        Some(match operand {
            Operand::Null => Reading::not_available(time),
            Operand::Number(number) => formula.leaf.read_number(number, time),
            Operand::Bool(value) => formula.leaf.read_number(f64::from(u8::from(value)), time),
            Operand::Text(text) => formula.leaf.read_text(text, time),
        })
    }

    /// The physical value of a source signal in its frame's unit, as it was last seen.
    fn physical(&self, source: Source) -> Option<f64> {
        let last = self.last[source.frame].as_ref().filter(|last| !last.stale)?;
        let message = &self.profile.database().messages()[source.frame];
        let decoded = message.decode_signal(source.signal, last.frame.data())?;
        let not_available = self.profile.frames()[source.frame].not_available[source.signal];
        (not_available != Some(decoded.raw)).then_some(decoded.value)
    }
}

/// A stale frame makes its good readings stale; what was out of range or without value stays so.
fn graded(reading: Reading, quality: Quality) -> Reading {
    match reading.quality {
        Quality::Good => Reading { quality, ..reading },
        Quality::Stale | Quality::OutOfRange | Quality::NotAvailable => reading,
    }
}
