//! From the socket to the desk.

use std::{io, io::Read as _, ops::ControlFlow};

use link::Violation;

use super::Worker;
use crate::gateway::{
    backend::{Cause, Certificate},
    connection::{Connection, Phase},
    desk::Stop,
    directory::Key,
    tls::TlsError,
};

/// The worker's read buffer: the largest TLS record that was cut, and room for several more.
pub(super) const READ_BYTES: usize = 160 * 1024;

/// Reads from one socket in one tick, so that a car that floods leaves time for the others.
const READS_PER_TICK: usize = 4;

/// Read at once.
const CHUNK_BYTES: usize = 64 * 1024;

/// What a socket gave.
enum Got {
    Bytes(usize),
    /// Nothing for now.
    Nothing,
    End,
}

impl Worker {
    /// Reads what a socket holds, up to a share of the tick.
    pub(super) fn read(&mut self, key: Key) {
        let Some(mut connection) = self.slots.take(key) else { return };
        if matches!(connection.phase, Phase::Lingering { .. }) {
            return self.read_and_drop(key, connection);
        }
        for _ in 0..READS_PER_TICK {
            if connection.car.rests() || self.draining.is_some() {
                return self.slots.put(key, connection);
            }
            if self.desk.is_stuck() {
                break;
            }
            let held = connection.tls.as_mut().map_or(0, |tls| tls.restore(&mut self.buffers.read));
            let space = self.buffers.read.get_mut(held..held + CHUNK_BYTES).unwrap_or_default();
            let full = space.len();
            let got = get(&mut connection, space);
            let (bytes, end) = match got {
                Got::Bytes(bytes) => (bytes, false),
                Got::Nothing => (0, false),
                Got::End => (0, true),
            };
            self.desk.metrics.received_bytes.add(bytes);
            // Also without new bytes: the record that was cut goes back to its place.
            let stop = self.take_in(key, &mut connection, held + bytes);
            if let Some(stop) = stop {
                return self.stopped(key, connection, stop, end);
            }
            if end {
                return self.drop_connection(key, connection, Cause::Lost);
            }
            // Less than fits means that the socket is empty, and that the next byte is an event.
            if bytes < full {
                return self.slots.put(key, connection);
            }
        }
        if !connection.readable {
            connection.readable = true;
            self.readable.push_back(key);
        }
        self.slots.put(key, connection);
    }

    /// Takes the first bytes of the read buffer: through TLS if there is one, into packets.
    fn take_in(&mut self, key: Key, connection: &mut Connection, len: usize) -> Option<Stop> {
        let Some(tls) = &mut connection.tls else {
            let Self { buffers, desk, .. } = self;
            let data = buffers.read.get(..len).unwrap_or_default();
            desk.reply.clear();
            let stop = feed(desk, key, connection, data);
            return self.answer(connection, stop);
        };
        if len == 0 {
            return None;
        }
        let Self { buffers, desk, .. } = self;
        buffers.plain.clear();
        buffers.cipher.clear();
        desk.reply.clear();
        let data = buffers.read.get_mut(..len).unwrap_or_default();
        let read = tls.read(data, &mut buffers.plain, &mut buffers.cipher);
        let was_handshaking = matches!(connection.phase, Phase::Handshake { .. });
        let read = match read {
            Ok(read) => read,
            Err(error) => return Some(self.tls_failed(connection, &error)),
        };
        if was_handshaking && !tls.is_handshaking() {
            let resumed = tls.is_resumed();
            match tls.identity() {
                Err(error) => return Some(self.tls_failed(connection, &error)),
                Ok((urn, fingerprint)) => {
                    connection.car.session.identify(urn.vehicle);
                    connection.car.certificate = Some(Certificate { region: urn.region, fingerprint });
                    connection.phase = Phase::Open;
                    let metrics = &self.desk.metrics;
                    if resumed { metrics.handshakes_resumed.add(1) } else { metrics.handshakes_full.add(1) }
                }
            }
        }
        let stop = feed(&mut self.desk, key, connection, &self.buffers.plain);
        let stop = self.answer(connection, stop);
        stop.or_else(|| read.closed.then_some(Stop::Close(Cause::Lost)))
    }

    /// The rest of what a car had sent when it had to rest, after the reply that stands on the desk.
    pub(super) fn resume(&mut self, key: Key, mut connection: Box<Connection>) {
        if connection.car.rests() {
            return self.slots.put(key, connection);
        }
        let stop = feed(&mut self.desk, key, &mut connection, &[]);
        self.buffers.cipher.clear();
        let stop = self.answer(&mut connection, stop);
        if let Some(stop) = stop {
            return self.stopped(key, connection, stop, false);
        }
        self.slots.put(key, connection);
        self.read(key);
    }

    /// Sends what TLS and the session answered, in one write.
    fn answer(&mut self, connection: &mut Connection, stop: Option<Stop>) -> Option<Stop> {
        if let Some(Stop::Violation(violation)) = stop {
            self.violated(connection, violation);
        }
        connection.car.session.flush_acks(&mut self.desk.reply);
        let failed = self.transmit(connection);
        failed.map(Stop::Close).or(stop)
    }

    /// A car may rest and go on later; else its connection ends.
    fn stopped(&mut self, key: Key, connection: Box<Connection>, stop: Stop, end: bool) {
        match stop {
            Stop::Rest if !end => self.slots.put(key, connection),
            Stop::Rest => self.drop_connection(key, connection, Cause::Lost),
            Stop::Violation(_) => self.linger(key, connection, Cause::Violation),
            Stop::Close(cause) => self.linger(key, connection, cause),
        }
    }

    fn violated(&mut self, connection: &mut Connection, violation: Violation) {
        self.desk.metrics.violations.add(1);
        if !connection.car.session.is_connected() {
            self.desk.metrics.connects_refused.add(1);
        }
        tracing::debug!(vehicle = ?connection.car.vehicle, %violation, "a car broke the rules of the link");
        connection.car.session.fail(violation, &mut self.desk.reply);
    }

    /// The alert that TLS wrote goes out; then the connection ends.
    fn tls_failed(&mut self, connection: &mut Connection, error: &TlsError) -> Stop {
        if matches!(connection.phase, Phase::Handshake { .. }) {
            self.desk.metrics.handshakes_failed.add(1);
        }
        tracing::debug!(%error, "TLS failed");
        self.desk.reply.clear();
        let cause = self.transmit(connection).unwrap_or(Cause::Violation);
        Stop::Close(cause)
    }

    /// What comes after our last words is read, so that a reset does not eat them, and dropped.
    fn read_and_drop(&mut self, key: Key, mut connection: Box<Connection>) {
        for _ in 0..READS_PER_TICK {
            let space = self.buffers.read.get_mut(..CHUNK_BYTES).unwrap_or_default();
            match get(&mut connection, space) {
                Got::Bytes(_) => {}
                Got::Nothing => return self.slots.put(key, connection),
                Got::End => return self.drop_connection(key, connection, Cause::Lost),
            }
        }
        // It floods on; the last words had their chance.
        self.drop_connection(key, connection, Cause::Violation);
    }
}

fn get(connection: &mut Connection, space: &mut [u8]) -> Got {
    loop {
        match connection.socket.read(space) {
            Ok(0) => return Got::End,
            Ok(bytes) => return Got::Bytes(bytes),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Got::Nothing,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return Got::End,
        }
    }
}

/// Takes the packets in `data`, in order.
fn feed(
    desk: &mut crate::gateway::desk::Desk,
    key: Key,
    connection: &mut Connection,
    data: &[u8],
) -> Option<Stop> {
    let car = &mut connection.car;
    let mut frames = std::mem::take(&mut car.frames);
    let packet_bytes_max = desk.limits.packet_bytes_max;
    let flow = frames.feed(data, packet_bytes_max, |packet| desk.packet(key, car, packet));
    car.frames = frames;
    match flow {
        Ok(ControlFlow::Continue(())) => None,
        Ok(ControlFlow::Break(stop)) => Some(stop),
        Err(violation) => Some(Stop::Violation(violation)),
    }
}
