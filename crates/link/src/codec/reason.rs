//! Reason codes (section 2.4).

use std::fmt;

use super::packet::PacketType;

macro_rules! reasons {
    ($($variant:ident $code:literal $text:literal [$($packet:ident)*]),+ $(,)?) => {
        /// The outcome of an operation. From 0x80 on it is a failure.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum ReasonCode { $($variant = $code),+ }

        impl ReasonCode {
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The reason that a byte stands for in a packet of this type; `None` where the
            /// standard does not allow it.
            pub fn from_byte(byte: u8, packet: PacketType) -> Option<Self> {
                match byte {
                    $($code => [$(PacketType::$packet),*].contains(&packet).then_some(Self::$variant),)+
                    _ => None,
                }
            }

            /// The standard's name of it.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }
    };
}

reasons! {
    Success 0x00 "success" [ConnAck PubAck PubRec PubRel PubComp SubAck UnsubAck Disconnect Auth],
    GrantedQoS1 0x01 "granted QoS 1" [SubAck],
    GrantedQoS2 0x02 "granted QoS 2" [SubAck],
    DisconnectWithWill 0x04 "disconnect with will message" [Disconnect],
    NoMatchingSubscribers 0x10 "no matching subscribers" [PubAck PubRec],
    NoSubscriptionExisted 0x11 "no subscription existed" [UnsubAck],
    ContinueAuthentication 0x18 "continue authentication" [Auth],
    ReAuthenticate 0x19 "re-authenticate" [Auth],
    UnspecifiedError 0x80 "unspecified error" [ConnAck PubAck PubRec SubAck UnsubAck Disconnect],
    MalformedPacket 0x81 "malformed packet" [ConnAck Disconnect],
    ProtocolError 0x82 "protocol error" [ConnAck Disconnect],
    ImplementationSpecific 0x83 "implementation specific error" [ConnAck PubAck PubRec SubAck UnsubAck Disconnect],
    UnsupportedProtocolVersion 0x84 "unsupported protocol version" [ConnAck],
    ClientIdentifierNotValid 0x85 "client identifier not valid" [ConnAck],
    BadUserNameOrPassword 0x86 "bad user name or password" [ConnAck],
    NotAuthorized 0x87 "not authorized" [ConnAck PubAck PubRec SubAck UnsubAck Disconnect],
    ServerUnavailable 0x88 "server unavailable" [ConnAck],
    ServerBusy 0x89 "server busy" [ConnAck Disconnect],
    Banned 0x8A "banned" [ConnAck],
    ServerShuttingDown 0x8B "server shutting down" [Disconnect],
    BadAuthenticationMethod 0x8C "bad authentication method" [ConnAck Disconnect],
    KeepAliveTimeout 0x8D "keep alive timeout" [Disconnect],
    SessionTakenOver 0x8E "session taken over" [Disconnect],
    TopicFilterInvalid 0x8F "topic filter invalid" [SubAck UnsubAck Disconnect],
    TopicNameInvalid 0x90 "topic name invalid" [ConnAck PubAck PubRec Disconnect],
    PacketIdentifierInUse 0x91 "packet identifier in use" [PubAck PubRec SubAck UnsubAck],
    PacketIdentifierNotFound 0x92 "packet identifier not found" [PubRel PubComp],
    ReceiveMaximumExceeded 0x93 "receive maximum exceeded" [Disconnect],
    TopicAliasInvalid 0x94 "topic alias invalid" [Disconnect],
    PacketTooLarge 0x95 "packet too large" [ConnAck Disconnect],
    MessageRateTooHigh 0x96 "message rate too high" [Disconnect],
    QuotaExceeded 0x97 "quota exceeded" [ConnAck PubAck PubRec SubAck Disconnect],
    AdministrativeAction 0x98 "administrative action" [Disconnect],
    PayloadFormatInvalid 0x99 "payload format invalid" [ConnAck PubAck PubRec Disconnect],
    RetainNotSupported 0x9A "retain not supported" [ConnAck Disconnect],
    QoSNotSupported 0x9B "QoS not supported" [ConnAck Disconnect],
    UseAnotherServer 0x9C "use another server" [ConnAck Disconnect],
    ServerMoved 0x9D "server moved" [ConnAck Disconnect],
    SharedSubscriptionsNotSupported 0x9E "shared subscriptions not supported" [SubAck Disconnect],
    ConnectionRateExceeded 0x9F "connection rate exceeded" [ConnAck Disconnect],
    MaximumConnectTime 0xA0 "maximum connect time" [Disconnect],
    SubscriptionIdentifiersNotSupported 0xA1 "subscription identifiers not supported" [SubAck Disconnect],
    WildcardSubscriptionsNotSupported 0xA2 "wildcard subscriptions not supported" [SubAck Disconnect],
}

impl ReasonCode {
    pub const fn byte(self) -> u8 {
        self as u8
    }

    pub const fn is_failure(self) -> bool {
        self.byte() >= 0x80
    }
}

impl fmt::Display for ReasonCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (0x{:02X})", self.name(), self.byte())
    }
}
