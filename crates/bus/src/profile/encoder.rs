//! A car's frames from the values of leaves: what the simulator sends, and commands to actuators.

use std::{collections::HashMap, sync::Arc};

use model::{Micros, Timestamp};
use signals::{Sample, SignalId, Value};

use super::{BusMessage, Profile, zonal};
use crate::{CanFrame, Error, FRAME_BYTES_MAX};

/// Holds what one car's control units know and makes their frames.
#[derive(Debug)]
pub struct ProfileEncoder {
    profile: Arc<Profile>,
    slots: HashMap<SignalId, usize>,
    values: Vec<Option<Value>>,
    /// By frame, then by service: when the next is due.
    due: Vec<Timestamp>,
    counters: Vec<u64>,
    sequence: u16,
}

impl ProfileEncoder {
    pub(super) fn new(profile: Arc<Profile>) -> Self {
        let slots = profile.slots().iter().enumerate().map(|(slot, leaf)| (leaf.id, slot)).collect();
        let values = vec![None; profile.slots().len()];
        let senders = profile.frames().len() + profile.services().len();
        let counters = vec![0; profile.frames().len()];
        Self { profile, slots, values, due: vec![Timestamp::MIN; senders], counters, sequence: 0 }
    }

    pub fn profile(&self) -> &Arc<Profile> {
        &self.profile
    }

    /// Sets what the car knows of a signal; `false` when no frame of this architecture says it.
    pub fn set(&mut self, signal: SignalId, value: Option<Value>) -> bool {
        let Some(slot) = self.slots.get(&signal) else { return false };
        self.values[*slot] = value;
        true
    }

    /// Whether a frame of this architecture says the signal.
    pub fn knows(&self, signal: SignalId) -> bool {
        self.slots.contains_key(&signal)
    }

    /// Hands each frame to `emit` whose cycle is over. No frame comes more often than every
    /// `interval_min`; one that has nothing to say does not come at all.
    pub fn poll(&mut self, now: Timestamp, interval_min: Micros, emit: &mut impl FnMut(BusMessage)) {
        let frames = self.profile.frames().len();
        for sender in 0..self.due.len() {
            if self.due[sender] > now {
                continue;
            }
            let cycle = match sender.checked_sub(frames) {
                None => self.profile.frames()[sender].cycle,
                Some(service) => self.profile.services()[service].cycle,
            };
            self.due[sender] = now + cycle.max(interval_min);
            match sender.checked_sub(frames) {
                None => {
                    if let Some(frame) = self.frame(sender, now) {
                        emit(BusMessage::Can(frame));
                    }
                }
                Some(service) => self.datagrams(service, now, emit),
            }
        }
    }

    /// Sets values and makes the frames that carry them.
    pub fn encode(&mut self, values: &[(SignalId, Value)], now: Timestamp) -> Vec<BusMessage> {
        let mut touched = Vec::new();
        for (signal, value) in values {
            if self.set(*signal, Some(value.clone())) {
                touched.extend(self.slots.get(signal));
            }
        }
        let mut messages = Vec::new();
        for index in 0..self.profile.frames().len() {
            let rules = self.profile.rules_of(index);
            if rules.iter().any(|rule| rule.slots().any(|slot| touched.contains(&slot))) {
                messages.extend(self.frame(index, now).map(BusMessage::Can));
            }
        }
        for service in 0..self.profile.services().len() {
            let leaves = &self.profile.services()[service].leaves;
            if leaves.iter().any(|leaf| values.iter().any(|(signal, _)| *signal == leaf.id)) {
                self.datagrams(service, now, &mut |message| messages.push(message));
            }
        }
        messages
    }

    /// The frame of a place in the profile, or `None` when the car knows nothing that it says.
    fn frame(&mut self, index: usize, now: Timestamp) -> Option<CanFrame> {
        let profile = Arc::clone(&self.profile);
        let message = &profile.database().messages()[index];
        let known = &profile.frames()[index];
        let mut payload = [0; FRAME_BYTES_MAX];
        let data = payload.get_mut(..message.payload_len())?;
        let mut speaks = false;
        for rule in profile.rules_of(index) {
            let coding = &message.signals()[rule.source.signal].coding;
            let not_available = known.not_available[rule.source.signal];
            let raw = rule.raw(coding, profile.routes(), not_available, &self.values);
            speaks |= raw.is_some() && rule.slots().next().is_some();
            if let Some(raw) = raw.or(not_available) {
                coding.set_raw(data, raw).ok()?;
            }
        }
        if !speaks {
            return None;
        }
        if let Some(counter) = known.counter {
            message.signals()[counter].coding.set_raw(data, self.counters[index]).ok()?;
            self.counters[index] = self.counters[index].wrapping_add(1);
        }
        let channel = known.channel.unwrap_or_default();
        CanFrame::new(message.id(), data).ok().map(|frame| frame.at(now).on(channel))
    }

    fn datagrams(&mut self, service: usize, now: Timestamp, emit: &mut impl FnMut(BusMessage)) {
        let profile = Arc::clone(&self.profile);
        let service = &profile.services()[service];
        let known = service.leaves.iter().filter_map(|leaf| {
            let slot = self.slots.get(&leaf.id)?;
            Some((&**leaf, self.values[*slot].as_ref()?))
        });
        let header = zonal::Header { kind: zonal::DatagramKind::Current, service: service.id, time: now };
        self.sequence =
            zonal::encode(header, self.sequence, known, |bytes| emit(BusMessage::Datagram(bytes)));
    }
}

impl Profile {
    /// The message that asks the car to bring an actuator to a value.
    pub fn target(&self, signal: SignalId, value: &Value, now: Timestamp) -> Result<BusMessage, Error> {
        let refuse = |problem: &str| {
            let path = self
                .catalogue()
                .by_id(signal)
                .map_or_else(|| signal.to_string(), |leaf| leaf.path.to_string());
            Error::Profile { profile: self.name().to_owned(), problem: format!("`{path}` {problem}") }
        };
        if let Some((service, leaf)) = self.service_target(signal) {
            let header = zonal::Header { kind: zonal::DatagramKind::Target, service, time: now };
            let mut datagram = None;
            zonal::encode(header, 0, [(&**leaf, value)], |bytes| datagram = Some(bytes));
            return datagram.map(BusMessage::Datagram).ok_or_else(|| refuse("takes no such value"));
        }
        let route = self.targets().iter().find(|route| route.leaf.id == signal);
        let route = route.ok_or_else(|| refuse("cannot be set on this car"))?;
        let message = &self.database().messages()[route.source.frame];
        let known = &self.frames()[route.source.frame];
        let mut payload = [0; FRAME_BYTES_MAX];
        let data =
            payload.get_mut(..message.payload_len()).ok_or_else(|| refuse("has a command frame too long"))?;
        // What the command does not speak of says so, and stays as it is.
        for (signal, not_available) in message.signals().iter().zip(&known.not_available) {
            if let Some(raw) = not_available {
                signal.coding.set_raw(data, *raw)?;
            }
        }
        let coding = &message.signals()[route.source.signal].coding;
        let raw = route.raw_of(coding, value).ok_or_else(|| refuse("takes no such value"))?;
        coding.set_raw(data, raw)?;
        let frame = CanFrame::new(message.id(), data)?;
        Ok(BusMessage::Can(frame.at(now).on(known.channel.unwrap_or_default())))
    }

    /// What a command asks for, as the control unit that obeys it reads it.
    pub fn read_targets(&self, message: &BusMessage, emit: &mut impl FnMut(Sample)) -> Result<(), Error> {
        let frame = match message {
            BusMessage::Can(frame) => frame,
            BusMessage::Datagram(bytes) => return self.read_target_datagram(bytes, emit),
        };
        let Some(index) = self.database().position(frame.id()) else { return Ok(()) };
        let layout = &self.database().messages()[index];
        for route in self.targets().iter().filter(|route| route.source.frame == index) {
            let Some(decoded) = layout.decode_signal(route.source.signal, frame.data()) else { continue };
            let reading = route.read(&decoded, frame.time);
            if reading.value.is_some() {
                emit(Sample { signal: route.leaf.id, reading });
            }
        }
        Ok(())
    }

    fn read_target_datagram(&self, bytes: &[u8], emit: &mut impl FnMut(Sample)) -> Result<(), Error> {
        let datagram = zonal::Datagram::parse(bytes)?;
        if datagram.kind != zonal::DatagramKind::Target {
            return Ok(());
        }
        let time = datagram.time;
        datagram.records(|signal, value| {
            let Some((_, leaf)) = self.service_target(signal) else { return };
            let reading = zonal::reading(leaf, value, time);
            if reading.value.is_some() {
                emit(Sample { signal, reading });
            }
        })
    }
}
