//! TLS of a connection without buffers of its own: what is read and written lies in the worker's
//! buffers, and only a record that was cut is kept.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use aws_lc_rs::digest;
use model::VehicleUrn;
use rustls::{
    HandshakeKind, ServerConfig,
    pki_types::CertificateDer,
    server::{ServerConnectionData, UnbufferedServerConnection},
    unbuffered::{ConnectionState, EncodeError, EncodeTlsData, EncryptError, UnbufferedStatus, WriteTraffic},
};

use super::backend::Fingerprint;

/// A record is at most 16 KiB and a handshake message at most 64 KiB; what needs more is no car.
const HELD_BYTES_MAX: usize = 80 * 1024;

/// What a record adds to its content, rounded up.
const RECORD_OVERHEAD_BYTES: usize = 32;

const RECORD_BYTES_MAX: usize = 16 * 1024;

/// Why TLS ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TlsError {
    #[error("{0}")]
    Protocol(#[from] rustls::Error),
    #[error("TLS could not digest what came; this is a bug, please report it")]
    Panicked,
    #[error("a handshake message has more than {HELD_BYTES_MAX} bytes")]
    TooLarge,
    #[error(
        "the certificate does not name a vehicle: its subject alternative name is not one URI `urn:marque:vehicle:<region>:<vehicle id>`"
    )]
    NoVehicle,
}

/// What was read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Read {
    /// The other side said that it sends no more.
    pub(super) closed: bool,
}

/// The server's side of one TLS connection.
pub(super) struct Tls {
    connection: UnbufferedServerConnection,
    held: Vec<u8>,
    over: bool,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("held_bytes", &self.held.len()).finish_non_exhaustive()
    }
}

impl Tls {
    pub(super) fn new(config: Arc<ServerConfig>) -> Result<Self, rustls::Error> {
        Ok(Self { connection: UnbufferedServerConnection::new(config)?, held: Vec::new(), over: false })
    }

    pub(super) fn is_handshaking(&self) -> bool {
        self.connection.is_handshaking()
    }

    pub(super) fn is_resumed(&self) -> bool {
        self.connection.handshake_kind() == Some(HandshakeKind::Resumed)
    }

    /// Moves the record that was cut to the front of a buffer; gives its length.
    pub(super) fn restore(&mut self, buffer: &mut [u8]) -> usize {
        let held = std::mem::take(&mut self.held);
        let len = held.len();
        if let Some(front) = buffer.get_mut(..len) {
            front.copy_from_slice(&held);
        }
        len
    }

    /// Takes what was read: appends content to `plain` and what TLS itself has to say to `cipher`.
    /// On an error, `cipher` tells the other side why, and the connection is over.
    pub(super) fn read(
        &mut self,
        data: &mut [u8],
        plain: &mut Vec<u8>,
        cipher: &mut Vec<u8>,
    ) -> Result<Read, TlsError> {
        // The bytes are a stranger's: should they ever make rustls panic, it costs their connection only.
        let read = catch_unwind(AssertUnwindSafe(|| self.read_records(data, plain, cipher)));
        let read = read.unwrap_or(Err(TlsError::Panicked));
        self.over |= read.is_err();
        read
    }

    fn read_records(
        &mut self,
        mut data: &mut [u8],
        plain: &mut Vec<u8>,
        cipher: &mut Vec<u8>,
    ) -> Result<Read, TlsError> {
        let mut read = Read::default();
        loop {
            let UnbufferedStatus { mut discard, state, .. } = self.connection.process_tls_records(data);
            let more = match state {
                Err(error) => {
                    self.alert(data.get_mut(discard..).unwrap_or_default(), cipher);
                    return Err(error.into());
                }
                Ok(ConnectionState::ReadTraffic(mut traffic)) => {
                    while let Some(record) = traffic.next_record() {
                        let record = record?;
                        discard += record.discard;
                        plain.extend_from_slice(record.payload);
                    }
                    true
                }
                Ok(ConnectionState::EncodeTlsData(encode)) => {
                    append_handshake(encode, cipher);
                    true
                }
                Ok(ConnectionState::TransmitTlsData(transmit)) => {
                    transmit.done();
                    true
                }
                Ok(ConnectionState::PeerClosed) => {
                    read.closed = true;
                    true
                }
                Ok(ConnectionState::Closed) => {
                    read.closed = true;
                    false
                }
                // Early data is off; the other states need more from the socket.
                Ok(_) => false,
            };
            data = data.get_mut(discard..).unwrap_or_default();
            if !more {
                break;
            }
        }
        if data.len() > HELD_BYTES_MAX {
            return Err(TlsError::TooLarge);
        }
        self.held = data.to_vec();
        Ok(read)
    }

    /// Appends content as records.
    pub(super) fn write(&mut self, plain: &[u8], cipher: &mut Vec<u8>) -> Result<(), TlsError> {
        self.transmit(cipher, |mut traffic, cipher| {
            let records = plain.len() / RECORD_BYTES_MAX + 1;
            let estimate = plain.len() + records * RECORD_OVERHEAD_BYTES;
            append(cipher, estimate, |space| encrypted(traffic.encrypt(plain, space)));
        })
    }

    /// Appends the alert that says that we send no more.
    pub(super) fn close(&mut self, cipher: &mut Vec<u8>) -> Result<(), TlsError> {
        self.transmit(cipher, |mut traffic, cipher| {
            append(cipher, RECORD_OVERHEAD_BYTES, |space| encrypted(traffic.queue_close_notify(space)));
        })
    }

    /// Brings the connection to where it takes content; it is over when there is no such place.
    fn transmit(
        &mut self,
        cipher: &mut Vec<u8>,
        mut send: impl FnMut(WriteTraffic<'_, ServerConnectionData>, &mut Vec<u8>),
    ) -> Result<(), TlsError> {
        while !self.over {
            // What is held goes in each time: rustls keeps offsets into it.
            let UnbufferedStatus { discard, state, .. } = self.connection.process_tls_records(&mut self.held);
            let more = match state? {
                ConnectionState::WriteTraffic(traffic) => {
                    send(traffic, cipher);
                    false
                }
                ConnectionState::EncodeTlsData(encode) => {
                    append_handshake(encode, cipher);
                    true
                }
                ConnectionState::TransmitTlsData(transmit) => {
                    transmit.done();
                    true
                }
                // Still in the handshake, or closed: there is nobody to write to.
                ConnectionState::BlockedHandshake
                | ConnectionState::PeerClosed
                | ConnectionState::Closed
                | ConnectionState::ReadTraffic(_)
                | ConnectionState::ReadEarlyData(_)
                | _ => false,
            };
            self.held.drain(..discard);
            if !more {
                break;
            }
        }
        Ok(())
    }

    /// Who the certificate says it is, once the handshake is done. A resumed session carries the
    /// certificate of the first.
    pub(super) fn identity(&self) -> Result<(VehicleUrn, Fingerprint), TlsError> {
        let leaf = self.connection.peer_certificates().and_then(<[_]>::first).ok_or(TlsError::NoVehicle)?;
        Ok((vehicle_of(leaf)?, fingerprint(leaf)))
    }

    /// Appends what TLS has to say of an error.
    fn alert(&mut self, mut data: &mut [u8], cipher: &mut Vec<u8>) {
        loop {
            let UnbufferedStatus { discard, state, .. } = self.connection.process_tls_records(data);
            let Ok(ConnectionState::EncodeTlsData(encode)) = state else { return };
            append_handshake(encode, cipher);
            data = data.get_mut(discard..).unwrap_or_default();
        }
    }
}

fn append_handshake<Data>(mut encode: EncodeTlsData<'_, Data>, cipher: &mut Vec<u8>) {
    append(cipher, 0, |space| match encode.encode(space) {
        Ok(len) => Ok(len),
        Err(EncodeError::InsufficientSize(size)) => Err(size.required_size),
        Err(EncodeError::AlreadyEncoded) => Ok(0),
    });
}

/// The length that was written, or the one that is needed.
fn encrypted(result: Result<usize, EncryptError>) -> Result<usize, usize> {
    match result {
        Ok(len) => Ok(len),
        Err(EncryptError::InsufficientSize(size)) => Err(size.required_size),
        Err(EncryptError::EncryptExhausted) => Ok(0),
    }
}

/// The one vehicle that a certificate names.
pub(crate) fn vehicle_of(leaf: &CertificateDer<'_>) -> Result<VehicleUrn, TlsError> {
    let parsed = webpki::EndEntityCert::try_from(leaf).map_err(|_| TlsError::NoVehicle)?;
    let mut names = parsed.valid_uri_names();
    match (names.next(), names.next()) {
        (Some(name), None) => name.parse().map_err(|_| TlsError::NoVehicle),
        (None | Some(_), _) => Err(TlsError::NoVehicle),
    }
}

/// SHA-256 of a certificate.
pub(crate) fn fingerprint(leaf: &CertificateDer<'_>) -> Fingerprint {
    let mut bytes = [0; 32];
    for (byte, hash) in bytes.iter_mut().zip(digest::digest(&digest::SHA256, leaf).as_ref()) {
        *byte = *hash;
    }
    Fingerprint(bytes)
}

/// Appends what `fill` writes; it is called again with the space that it says it needs.
fn append(out: &mut Vec<u8>, estimate: usize, mut fill: impl FnMut(&mut [u8]) -> Result<usize, usize>) {
    let start = out.len();
    let mut needed = estimate;
    for _ in 0..2 {
        out.resize(start + needed, 0);
        match fill(out.get_mut(start..).unwrap_or_default()) {
            Ok(len) => return out.truncate(start + len),
            Err(required) => needed = required,
        }
    }
    out.truncate(start);
}
