//! What a car's bus says, as readings of leaves.

use std::sync::Arc;

use model::{Timestamp, limits::SOURCE_LEAD_MAX};
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

impl LastService {
    fn new(time: Timestamp) -> Self {
        Self { time, values: Vec::new(), stale: false }
    }

    /// A service may take several datagrams, or send what changed only.
    fn remember(&mut self, leaf: &Arc<Leaf>, value: Option<&Value>) {
        let known = self.values.iter().position(|(known, _)| known.id == leaf.id);
        match (known, value) {
            (Some(place), Some(value)) => self.values[place].1 = value.clone(),
            (Some(place), None) => drop(self.values.swap_remove(place)),
            (None, Some(value)) => self.values.push((Arc::clone(leaf), value.clone())),
            (None, None) => {}
        }
    }
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

    /// Takes whatever the car's network carries, as it comes at `now`.
    pub fn handle(
        &mut self,
        message: &BusMessage,
        now: Timestamp,
        emit: &mut impl FnMut(Sample),
    ) -> Result<(), Error> {
        match message {
            BusMessage::Can(frame) => {
                self.handle_frame(frame, emit);
                Ok(())
            }
            BusMessage::Datagram(bytes) => self.handle_datagram(bytes, now, emit),
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

    /// Hands a sample of each record of a zonal datagram to `emit`. A sender whose clock is more than
    /// a minute ahead of `now` is taken to mean now.
    pub fn handle_datagram(
        &mut self,
        bytes: &[u8],
        now: Timestamp,
        emit: &mut impl FnMut(Sample),
    ) -> Result<(), Error> {
        let datagram = zonal::Datagram::parse(bytes)?;
        let service = self.profile.services().iter().position(|service| service.id == datagram.service);
        let Some(service) = service else { return Ok(()) };
        if datagram.kind != zonal::DatagramKind::Current {
            return Ok(());
        }
        let profile = Arc::clone(&self.profile);
        let time = if datagram.time > now + SOURCE_LEAD_MAX { now } else { datagram.time };
        let last = self.services[service].get_or_insert_with(|| LastService::new(time));
        last.time = time;
        last.stale = false;
        datagram.records(|signal, value| {
            let leaf = profile.services()[service].leaves.iter().find(|leaf| leaf.id == signal);
            let Some(leaf) = leaf else { return };
            let reading = zonal::reading(leaf, value, time);
            last.remember(leaf, reading.value.as_ref());
            emit(Sample { signal, reading });
        })
    }

    /// The clock went back to `now`: nothing was seen after that.
    pub fn set_back(&mut self, now: Timestamp) {
        for last in self.last.iter_mut().flatten() {
            last.frame = last.frame.at(last.frame.time.min(now));
        }
        for last in self.services.iter_mut().flatten() {
            last.time = last.time.min(now);
        }
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
                emit(Sample { signal: formula.leaf.id, reading });
            }
        }
    }

    /// `None` until each input has been seen once. From inputs that are not stale, if they give a
    /// value; else from what was seen last, and then the value is stale as they are.
    fn compute(&self, formula: &Formula, time: Timestamp) -> Option<Reading> {
        let mut any_stale = false;
        for input in &formula.inputs {
            any_stale |= self.last[input.frame].as_ref()?.stale;
        }
        let fresh = self.evaluate(formula, time, false);
        if !any_stale || fresh.value.is_some() {
            return Some(fresh);
        }
        Some(graded(self.evaluate(formula, time, true), Quality::Stale))
    }

    fn evaluate(&self, formula: &Formula, time: Timestamp, with_stale: bool) -> Reading {
        let operand = formula.expr.eval(|place| {
            let value = formula.inputs.get(place).and_then(|input| self.physical(*input, with_stale));
            value.map_or(Operand::Null, Operand::number)
        });
        match operand {
            Operand::Null => Reading::not_available(time),
            Operand::Number(number) => formula.leaf.read_number(number, time),
            Operand::Bool(value) => formula.leaf.read_number(f64::from(u8::from(value)), time),
            Operand::Text(text) => formula.leaf.read_text(text, time),
        }
    }

    /// The physical value of a source signal in its frame's unit, as it was last seen.
    fn physical(&self, source: Source, with_stale: bool) -> Option<f64> {
        let last = self.last[source.frame].as_ref().filter(|last| with_stale || !last.stale)?;
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
