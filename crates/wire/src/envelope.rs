//! Desired state on its way down: COSE_Sign1 (RFC 9052) with Ed25519 (RFC 8032, RFC 9053).

use std::{collections::BTreeMap, fmt};

use aws_lc_rs::{
    digest,
    signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey},
};
use coset::{CborSerializable as _, CoseSign1, CoseSign1Builder, Header, HeaderBuilder, iana};
use model::{Timestamp, VehicleId, limits};
use prost::Message as _;

use crate::{EnvelopeError, Error, pb};

/// Signed along with each envelope, so that a signature made for another use never fits here.
const CONTEXT: &[u8] = b"marque.v1.desired";

/// A document and what surrounds it: header, signature, CBOR.
const ENVELOPE_BYTES_MAX: usize = limits::DOCUMENT_BYTES_MAX + 1_024;

const MESSAGE: &str = "the envelope";

/// What a document is about; each kind has its own versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// All campaigns assigned to a car.
    Campaigns,
    /// What its owner granted.
    Consent,
}

impl Kind {
    pub const ALL: [Self; 2] = [Self::Campaigns, Self::Consent];

    pub const fn slug(self) -> &'static str {
        match self {
            Self::Campaigns => "campaigns",
            Self::Consent => "consent",
        }
    }

    /// The number that stands for it on the wire. Never renumbered.
    pub const fn code(self) -> u32 {
        match self {
            Self::Campaigns => 1,
            Self::Consent => 2,
        }
    }

    pub fn from_slug(slug: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.slug() == slug)
    }

    pub fn from_code(code: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.slug())
    }
}

/// A version of a kind of desired state for one car.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    pub kind: Kind,
    pub vehicle: VehicleId,
    /// Only ever goes up.
    pub version: u64,
    pub not_before: Timestamp,
    /// Not valid at this time any more.
    pub expires: Timestamp,
    /// The document, encoded.
    pub payload: Vec<u8>,
}

/// What a car checks an envelope against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expected {
    pub kind: Kind,
    pub vehicle: VehicleId,
    /// The version that is applied; 0 for none. Only a higher one is taken.
    pub have: u64,
    pub now: Timestamp,
}

/// Names a key: the first 8 bytes of the SHA-256 of its public half.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId([u8; 8]);

impl KeyId {
    /// Of an Ed25519 public key.
    pub fn of(public_key: &[u8; 32]) -> Self {
        let hash = digest::digest(&digest::SHA256, public_key);
        let mut id = [0; 8];
        id.copy_from_slice(&hash.as_ref()[..8]);
        Self(id)
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Signs envelopes.
pub struct SigningKey {
    pair: Ed25519KeyPair,
    public_key: [u8; 32],
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.id())
    }
}

impl SigningKey {
    /// Reads PKCS#8 in DER, version 1 or 2.
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, EnvelopeError> {
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).map_err(|_| EnvelopeError::Key)?;
        let public_key = pair.public_key().as_ref().try_into().map_err(|_| EnvelopeError::Key)?;
        Ok(Self { pair, public_key })
    }

    pub fn public_key(&self) -> &[u8; 32] {
        &self.public_key
    }

    pub fn id(&self) -> KeyId {
        KeyId::of(&self.public_key)
    }

    /// The same envelope gives the same bytes.
    pub fn sign(&self, envelope: &Envelope) -> Result<Vec<u8>, EnvelopeError> {
        let content = pb::Desired {
            kind: envelope.kind.code(),
            vehicle: envelope.vehicle.as_bytes().to_vec(),
            version: envelope.version,
            not_before: envelope.not_before.0,
            expires: envelope.expires.0,
            payload: envelope.payload.clone(),
        };
        let signed = CoseSign1Builder::new()
            .protected(protected(self.id()))
            .payload(content.encode_to_vec())
            .create_signature(CONTEXT, |message| self.pair.sign(message).as_ref().to_vec())
            .build();
        let bytes =
            signed.to_vec().map_err(|_| EnvelopeError::Malformed { problem: "it cannot be encoded" })?;
        within_limit(&bytes)?;
        Ok(bytes)
    }
}

/// The keys that a car trusts for desired state; several while keys rotate.
#[derive(Debug, Clone, Default)]
pub struct VerifyingKeys(BTreeMap<KeyId, [u8; 32]>);

impl VerifyingKeys {
    pub fn new(public_keys: impl IntoIterator<Item = [u8; 32]>) -> Self {
        Self(public_keys.into_iter().map(|key| (KeyId::of(&key), key)).collect())
    }

    /// Checks the signature first, then that the envelope is for this car, of this kind, newer, and
    /// valid now.
    pub fn open(&self, bytes: &[u8], expected: &Expected) -> Result<Envelope, EnvelopeError> {
        let envelope = self.verify(bytes)?;
        if envelope.vehicle != expected.vehicle {
            return Err(EnvelopeError::Vehicle { ours: expected.vehicle });
        }
        if envelope.kind != expected.kind {
            return Err(EnvelopeError::Kind { got: envelope.kind.slug(), expected: expected.kind.slug() });
        }
        if envelope.version <= expected.have {
            return Err(EnvelopeError::Version { got: envelope.version, have: expected.have });
        }
        if expected.now < envelope.not_before {
            return Err(EnvelopeError::NotYetValid);
        }
        if expected.now >= envelope.expires {
            return Err(EnvelopeError::Expired);
        }
        Ok(envelope)
    }

    /// Checks the signature and reads the content, whoever it is for.
    fn verify(&self, bytes: &[u8]) -> Result<Envelope, EnvelopeError> {
        within_limit(bytes)?;
        let malformed = |problem| EnvelopeError::Malformed { problem };
        let signed =
            CoseSign1::from_slice(bytes).map_err(|_| malformed("the CBOR is not as RFC 9052 has it"))?;
        if !signed.unprotected.is_empty() {
            return Err(malformed("it has unprotected headers"));
        }
        let id = signed.protected.header.key_id.as_slice();
        let id = KeyId(id.try_into().map_err(|_| malformed("its key id has not 8 bytes"))?);
        if signed.protected.header != protected(id) {
            return Err(malformed("its algorithm is not EdDSA, or it has other headers"));
        }
        let key = self.0.get(&id).ok_or_else(|| EnvelopeError::UnknownKey { kid: id.to_string() })?;
        let key = UnparsedPublicKey::new(&ED25519, key);
        signed
            .verify_signature(CONTEXT, |signature, message| key.verify(message, signature))
            .map_err(|_| EnvelopeError::Signature)?;
        let content = signed.payload.ok_or_else(|| malformed("it has no payload"))?;
        Ok(content_from(&content)?)
    }
}

fn protected(id: KeyId) -> Header {
    HeaderBuilder::new().algorithm(iana::Algorithm::EdDSA).key_id(id.0.to_vec()).build()
}

fn within_limit(bytes: &[u8]) -> Result<(), EnvelopeError> {
    if bytes.len() > ENVELOPE_BYTES_MAX {
        return Err(EnvelopeError::TooLarge { bytes: bytes.len(), max: ENVELOPE_BYTES_MAX });
    }
    Ok(())
}

fn content_from(bytes: &[u8]) -> Result<Envelope, Error> {
    let content = pb::Desired::decode(bytes)
        .map_err(|error| Error::Protobuf { message: MESSAGE, problem: error.to_string() })?;
    let vehicle: [u8; 16] = content
        .vehicle
        .as_slice()
        .try_into()
        .map_err(|_| Error::Field { message: MESSAGE, field: "vehicle" })?;
    let kind = Kind::from_code(content.kind).ok_or(Error::UnknownValue {
        message: MESSAGE,
        field: "kind",
        value: i64::from(content.kind),
    })?;
    Ok(Envelope {
        kind,
        vehicle: VehicleId::from_bytes(vehicle),
        version: content.version,
        not_before: Timestamp(content.not_before),
        expires: Timestamp(content.expires),
        payload: content.payload,
    })
}
