//! Identifiers. Each is a type of its own, so that one cannot stand where another belongs.

use std::{fmt, str::FromStr};

use crate::{ParseError, Region};

macro_rules! random_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 16]);

        impl $name {
            /// Takes 128 random bits, drawn by the caller.
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(bytes)
            }

            pub const fn as_bytes(&self) -> &[u8; 16] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_hex(f, &self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl FromStr for $name {
            type Err = ParseError;

            fn from_str(text: &str) -> Result<Self, ParseError> {
                parse_hex(text).map(Self).ok_or(ParseError::Id { length: text.len() })
            }
        }
    };
}

random_id! {
    /// One car for its whole life: 128 random bits, never derived from the VIN.
    ///
    /// Written as 32 lower-case hexadecimal digits. It stands in certificates, topics and URLs.
    VehicleId
}

random_id! {
    /// One car in one ownership interval: 128 random bits.
    ///
    /// Log and lake carry it; only the control plane's SQL maps it to a [`VehicleId`].
    SubjectId
}

random_id! {
    /// An account of a person in one region: 128 random bits. It stands in the audit, never the name.
    PersonId
}

random_id! {
    /// A machine of ours with a token of its own: 128 random bits.
    ServiceId
}

random_id! {
    /// A fleet or a dealership: 128 random bits.
    OrganisationId
}

/// A car's name in its certificate: the SAN URI `urn:marque:vehicle:<region>:<vehicle id>`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct VehicleUrn {
    pub region: Region,
    pub vehicle: VehicleId,
}

impl fmt::Display for VehicleUrn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "urn:marque:vehicle:{}:{}", self.region, self.vehicle)
    }
}

impl FromStr for VehicleUrn {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let rest = text.strip_prefix("urn:marque:vehicle:").ok_or(ParseError::Urn)?;
        let (region, vehicle) = rest.split_once(':').ok_or(ParseError::Urn)?;
        Ok(Self { region: region.parse()?, vehicle: vehicle.parse()? })
    }
}

/// The number of a campaign within its region.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CampaignId(pub u64);

impl fmt::Display for CampaignId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The version of a campaign's document; every change of the document adds one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CampaignVersion(pub u32);

/// The version of a car's set of grants; every change of a grant adds one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConsentEpoch(pub u32);

/// Names a catalogue by its content; computed by `signals`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CatalogueHash(pub u64);

impl fmt::Display for CatalogueHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl FromStr for CatalogueHash {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let canonical = text.len() == 16 && text.bytes().all(|b| hex_digit(b).is_some());
        if !canonical {
            return Err(ParseError::CatalogueHash);
        }
        u64::from_str_radix(text, 16).map(Self).map_err(|_| ParseError::CatalogueHash)
    }
}

/// A shard of the durable log; also the unit of lease, twin ownership and replay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShardId(pub u8);

/// How many shards a region's log has: a power of two from 1 to 256, fixed when it is created.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShardCount(u16);

impl ShardCount {
    /// The embedded log is one file sequence.
    pub const EMBEDDED: Self = Self(1);

    pub fn new(count: u16) -> Result<Self, ParseError> {
        if count.is_power_of_two() && count <= 256 { Ok(Self(count)) } else { Err(ParseError::ShardCount) }
    }

    pub fn get(self) -> u16 {
        self.0
    }

    /// The shard of a car: the top bits of the 64-bit FNV-1a hash of its id, mixed once more.
    ///
    /// Golden-tested: a change would move every car's data to another shard.
    pub fn shard_of(self, vehicle: VehicleId) -> ShardId {
        let hash = fnv1a(vehicle.as_bytes());
        // FNV's high bits mix poorly on short keys; one xor-multiply round spreads them.
        let hash = (hash ^ (hash >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let index = (hash >> 32) % u64::from(self.0);
        ShardId(u8::try_from(index).expect("a shard count is at most 256"))
    }
}

/// The 64-bit FNV-1a hash: fast, the same everywhere for ever, and no protection against anybody.
pub fn fnv1a<'a>(bytes: impl IntoIterator<Item = &'a u8>) -> u64 {
    bytes.into_iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

fn write_hex(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

fn parse_hex(text: &str) -> Option<[u8; 16]> {
    let text: &[u8; 32] = text.as_bytes().try_into().ok()?;
    let mut bytes = [0; 16];
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        *byte = hex_digit(pair[0])? << 4 | hex_digit(pair[1])?;
    }
    Some(bytes)
}

/// Lower case only, so that an id has one spelling.
fn hex_digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    }
}
