//! Properties (section 2.2.2): checked once when decoded, then read in place.

use super::{PacketType, ReasonCode, Unencodable, Violation, encode, reader::Reader};

/// Where properties stand: in a packet, or in the will within a CONNECT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Packet(PacketType),
    Will,
}

macro_rules! properties {
    ($($variant:ident($type:ty) $code:literal $read:ident [$($packet:ident)*]),+ $(,)?) => {
        /// One property.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[expect(clippy::enum_variant_names, reason = "the standard's own names")]
        pub enum Property<'a> { $($variant($type)),+ }

        impl<'a> Property<'a> {
            /// The identifier that stands before the value.
            pub const fn code(&self) -> u8 {
                match self { $(Self::$variant(_) => $code),+ }
            }

            fn read(code: u32, reader: &mut Reader<'a>) -> Result<Self, Violation> {
                Ok(match code {
                    $($code => Self::$variant(read::$read(reader)?),)+
                    _ => return Err(Violation::malformed("a property's identifier is unknown")),
                })
            }

            fn write(&self, out: &mut Vec<u8>) -> Result<(), Unencodable> {
                out.push(self.code());
                match *self { $(Self::$variant(value) => write::$read(out, value)),+ }
            }

            fn allowed(code: u8, place: Place) -> bool {
                match code {
                    $($code => [$(places::$packet),*].contains(&place),)+
                    _ => false,
                }
            }
        }
    };
}

mod places {
    #![expect(non_upper_case_globals, reason = "named as the packets are in the table of section 2.2.2.2")]
    use super::{PacketType, Place};

    pub(super) const Connect: Place = Place::Packet(PacketType::Connect);
    pub(super) const ConnAck: Place = Place::Packet(PacketType::ConnAck);
    pub(super) const Publish: Place = Place::Packet(PacketType::Publish);
    pub(super) const PubAck: Place = Place::Packet(PacketType::PubAck);
    pub(super) const PubRec: Place = Place::Packet(PacketType::PubRec);
    pub(super) const PubRel: Place = Place::Packet(PacketType::PubRel);
    pub(super) const PubComp: Place = Place::Packet(PacketType::PubComp);
    pub(super) const Subscribe: Place = Place::Packet(PacketType::Subscribe);
    pub(super) const SubAck: Place = Place::Packet(PacketType::SubAck);
    pub(super) const Unsubscribe: Place = Place::Packet(PacketType::Unsubscribe);
    pub(super) const UnsubAck: Place = Place::Packet(PacketType::UnsubAck);
    pub(super) const Disconnect: Place = Place::Packet(PacketType::Disconnect);
    pub(super) const Auth: Place = Place::Packet(PacketType::Auth);
    pub(super) const Will: Place = Place::Will;
}

properties! {
    PayloadFormatIndicator(bool) 0x01 flag [Publish Will],
    MessageExpiryInterval(u32) 0x02 u32 [Publish Will],
    ContentType(&'a str) 0x03 string [Publish Will],
    ResponseTopic(&'a str) 0x08 string [Publish Will],
    CorrelationData(&'a [u8]) 0x09 binary [Publish Will],
    SubscriptionIdentifier(u32) 0x0B varint [Publish Subscribe],
    SessionExpiryInterval(u32) 0x11 u32 [Connect ConnAck Disconnect],
    AssignedClientIdentifier(&'a str) 0x12 string [ConnAck],
    ServerKeepAlive(u16) 0x13 u16 [ConnAck],
    AuthenticationMethod(&'a str) 0x15 string [Connect ConnAck Auth],
    AuthenticationData(&'a [u8]) 0x16 binary [Connect ConnAck Auth],
    RequestProblemInformation(bool) 0x17 flag [Connect],
    WillDelayInterval(u32) 0x18 u32 [Will],
    RequestResponseInformation(bool) 0x19 flag [Connect],
    ResponseInformation(&'a str) 0x1A string [ConnAck],
    ServerReference(&'a str) 0x1C string [ConnAck Disconnect],
    ReasonString(&'a str) 0x1F string [ConnAck PubAck PubRec PubRel PubComp SubAck UnsubAck Disconnect Auth],
    ReceiveMaximum(u16) 0x21 u16 [Connect ConnAck],
    TopicAliasMaximum(u16) 0x22 u16 [Connect ConnAck],
    TopicAlias(u16) 0x23 u16 [Publish],
    MaximumQoS(bool) 0x24 flag [ConnAck],
    RetainAvailable(bool) 0x25 flag [ConnAck],
    UserProperty((&'a str, &'a str)) 0x26 pair [Connect ConnAck Publish Will PubAck PubRec PubRel PubComp
        Subscribe SubAck Unsubscribe UnsubAck Disconnect Auth],
    MaximumPacketSize(u32) 0x27 u32 [Connect ConnAck],
    WildcardSubscriptionAvailable(bool) 0x28 flag [ConnAck],
    SubscriptionIdentifierAvailable(bool) 0x29 flag [ConnAck],
    SharedSubscriptionAvailable(bool) 0x2A flag [ConnAck],
}

/// How each type of value is read; the names match those of `write`.
mod read {
    use super::{Reader, Violation};

    pub(super) fn flag(reader: &mut Reader<'_>) -> Result<bool, Violation> {
        match reader.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Violation::protocol("a property that is 0 or 1 has another value")),
        }
    }

    pub(super) fn u16(reader: &mut Reader<'_>) -> Result<u16, Violation> {
        reader.u16()
    }

    pub(super) fn u32(reader: &mut Reader<'_>) -> Result<u32, Violation> {
        reader.u32()
    }

    pub(super) fn varint(reader: &mut Reader<'_>) -> Result<u32, Violation> {
        reader.varint()
    }

    pub(super) fn string<'a>(reader: &mut Reader<'a>) -> Result<&'a str, Violation> {
        reader.string()
    }

    pub(super) fn binary<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], Violation> {
        reader.binary()
    }

    pub(super) fn pair<'a>(reader: &mut Reader<'a>) -> Result<(&'a str, &'a str), Violation> {
        Ok((reader.string()?, reader.string()?))
    }
}

/// How each type of value is written; the names match those of `read`.
mod write {
    use super::{Unencodable, encode};

    pub(super) fn flag(out: &mut Vec<u8>, value: bool) -> Result<(), Unencodable> {
        out.push(u8::from(value));
        Ok(())
    }

    pub(super) fn u16(out: &mut Vec<u8>, value: u16) -> Result<(), Unencodable> {
        out.extend_from_slice(&value.to_be_bytes());
        Ok(())
    }

    pub(super) fn u32(out: &mut Vec<u8>, value: u32) -> Result<(), Unencodable> {
        out.extend_from_slice(&value.to_be_bytes());
        Ok(())
    }

    pub(super) fn varint(out: &mut Vec<u8>, value: u32) -> Result<(), Unencodable> {
        encode::varint(out, usize::try_from(value).map_err(|_| Unencodable)?)
    }

    pub(super) fn string(out: &mut Vec<u8>, value: &str) -> Result<(), Unencodable> {
        encode::binary(out, value.as_bytes())
    }

    pub(super) fn binary(out: &mut Vec<u8>, value: &[u8]) -> Result<(), Unencodable> {
        encode::binary(out, value)
    }

    pub(super) fn pair(out: &mut Vec<u8>, (key, value): (&str, &str)) -> Result<(), Unencodable> {
        string(out, key)?;
        string(out, value)
    }
}

/// The checked properties of a packet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Properties<'a>(&'a [u8]);

impl<'a> Properties<'a> {
    pub const EMPTY: Self = Self(&[]);

    /// Reads and checks the properties at the front: allowed here, once each, with valid values.
    pub(super) fn read(reader: &mut Reader<'a>, place: Place) -> Result<Self, Violation> {
        let len = reader.varint()?;
        let len = usize::try_from(len).map_err(|_| Violation::malformed("properties are too long"))?;
        let bytes = reader.bytes(len)?;
        if !bytes.is_empty() {
            check(bytes, place)?;
        }
        Ok(Self(bytes))
    }

    pub const fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// Without the length before them.
    pub const fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    pub fn iter(self) -> PropertyIter<'a> {
        PropertyIter { reader: Reader::new(self.0) }
    }

    /// The reason string, if there is one.
    pub fn reason_string(self) -> Option<&'a str> {
        self.iter().find_map(
            |property| {
                if let Property::ReasonString(text) = property { Some(text) } else { None }
            },
        )
    }
}

/// Iterates over properties in their order.
#[derive(Debug, Clone)]
pub struct PropertyIter<'a> {
    reader: Reader<'a>,
}

impl<'a> Iterator for PropertyIter<'a> {
    type Item = Property<'a>;

    fn next(&mut self) -> Option<Property<'a>> {
        if self.reader.is_empty() {
            return None;
        }
        let code = self.reader.varint().ok()?;
        Property::read(code, &mut self.reader).ok()
    }
}

/// Properties on their way into a packet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PropertyBuf(Vec<u8>);

impl PropertyBuf {
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds a property; fails when a text in it is longer than 65,535 bytes.
    pub fn push(&mut self, property: Property<'_>) -> Result<(), Unencodable> {
        let len = self.0.len();
        property.write(&mut self.0).inspect_err(|_| self.0.truncate(len))
    }

    pub fn with(mut self, property: Property<'_>) -> Result<Self, Unencodable> {
        self.push(property)?;
        Ok(self)
    }

    pub fn as_properties(&self) -> Properties<'_> {
        Properties(&self.0)
    }
}

fn check(bytes: &[u8], place: Place) -> Result<(), Violation> {
    let mut reader = Reader::new(bytes);
    let mut seen = 0_u64;
    while !reader.is_empty() {
        let property = Property::read(reader.varint()?, &mut reader)?;
        let code = property.code();
        if !Property::allowed(code, place) {
            return Err(Violation::protocol("a property stands in a packet where it may not"));
        }
        let repeats = matches!(property, Property::UserProperty(_))
            || (matches!(property, Property::SubscriptionIdentifier(_))
                && place == Place::Packet(PacketType::Publish));
        if seen & (1 << code) != 0 && !repeats {
            return Err(Violation::protocol("a property that may stand once stands twice"));
        }
        seen |= 1 << code;
        check_value(&property)?;
    }
    let data_without_method = seen & (1 << 0x16) != 0 && seen & (1 << 0x15) == 0;
    if data_without_method {
        return Err(Violation::protocol("authentication data without an authentication method"));
    }
    Ok(())
}

fn check_value(property: &Property<'_>) -> Result<(), Violation> {
    match *property {
        Property::ReceiveMaximum(0) => Err(Violation::protocol("a receive maximum of 0")),
        Property::MaximumPacketSize(0) => Err(Violation::protocol("a maximum packet size of 0")),
        Property::SubscriptionIdentifier(0) => Err(Violation::protocol("a subscription identifier of 0")),
        Property::TopicAlias(0) => Err(Violation::new(ReasonCode::TopicAliasInvalid, "a topic alias of 0")),
        Property::ResponseTopic(topic) if topic.is_empty() || topic.contains(['#', '+']) => {
            Err(Violation::protocol("a response topic is empty or has wildcards"))
        }
        Property::PayloadFormatIndicator(_)
        | Property::MessageExpiryInterval(_)
        | Property::ContentType(_)
        | Property::ResponseTopic(_)
        | Property::CorrelationData(_)
        | Property::SubscriptionIdentifier(_)
        | Property::SessionExpiryInterval(_)
        | Property::AssignedClientIdentifier(_)
        | Property::ServerKeepAlive(_)
        | Property::AuthenticationMethod(_)
        | Property::AuthenticationData(_)
        | Property::RequestProblemInformation(_)
        | Property::WillDelayInterval(_)
        | Property::RequestResponseInformation(_)
        | Property::ResponseInformation(_)
        | Property::ServerReference(_)
        | Property::ReasonString(_)
        | Property::ReceiveMaximum(_)
        | Property::TopicAliasMaximum(_)
        | Property::TopicAlias(_)
        | Property::MaximumQoS(_)
        | Property::RetainAvailable(_)
        | Property::UserProperty(_)
        | Property::MaximumPacketSize(_)
        | Property::WildcardSubscriptionAvailable(_)
        | Property::SubscriptionIdentifierAvailable(_)
        | Property::SharedSubscriptionAvailable(_) => Ok(()),
    }
}
