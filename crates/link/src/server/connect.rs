//! CONNECT and its answer (3.1, 3.2).

use std::time::{Duration, Instant};

use model::{Timestamp, VehicleId};

use super::{Limits, Session, State, append, reason_string};
use crate::{
    TIME_US,
    codec::{ConnAck, Connect, Packet, Properties, Property, PropertyBuf, QoS, ReasonCode, Violation},
    server::Event,
};

/// A CONNACK with all that it may hold takes less. Who takes no packets of this size is not told what may be left out
/// (3.2.2.3.10).
const CONNACK_BYTES_MAX: usize = 128;

/// What a CONNECT asks for, once its form is found right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectRequest {
    pub vehicle: VehicleId,
    keep_alive_s: u16,
    assigned: bool,
}

/// Appends a CONNACK that refuses. Close when it is sent.
pub fn refuse(reason: ReasonCode, what: &str, out: &mut Vec<u8>) {
    let properties = reason_string(what, 0, usize::MAX);
    let properties = properties.as_properties();
    append(out, &Packet::ConnAck(ConnAck { session_present: false, reason, properties }));
}

impl Session {
    pub(super) fn handle_connect<'a>(
        &mut self,
        packet: &Packet<'_>,
        limits: &Limits,
    ) -> Result<Event<'a>, Violation> {
        let Packet::Connect(connect) = packet else {
            return Err(Violation::protocol("the first packet is not CONNECT"));
        };
        if connect.user_name.is_some() || connect.password.is_some() {
            return Err(Violation::new(
                ReasonCode::BadUserNameOrPassword,
                "the certificate is the identity; send no user name or password",
            ));
        }
        let (vehicle, assigned) = self.vehicle(connect.client_id)?;
        check_will(connect, vehicle)?;
        self.read_properties(connect.properties)?;
        self.vehicle = Some(vehicle);
        self.will = connect.will.is_some();
        self.state = State::Asked;
        let keep_alive_s = match connect.keep_alive_s {
            0 => limits.keep_alive_s_max,
            seconds => seconds.min(limits.keep_alive_s_max),
        };
        // The standard's allowance: one and a half times the keep alive (3.1.2.10).
        self.keep_alive = Duration::from_millis(u64::from(keep_alive_s) * 1_500);
        let told = keep_alive_s != connect.keep_alive_s;
        let keep_alive_s = if told { keep_alive_s } else { 0 };
        Ok(Event::Connect(ConnectRequest { vehicle, keep_alive_s, assigned }))
    }

    /// Lets the car in: appends CONNACK with all that is allowed here, and the time, by which a car can tell whether
    /// its clock is right.
    pub fn accept(
        &mut self,
        now: Instant,
        time: Timestamp,
        request: &ConnectRequest,
        limits: &Limits,
        out: &mut Vec<u8>,
    ) {
        if self.state != State::Asked {
            return;
        }
        let vehicle = request.vehicle.to_string();
        let time = time.0.to_string();
        let mut properties = PropertyBuf::new();
        let mut push =
            |property| properties.push(property).expect("an identifier and a time are some 32 digits");
        push(Property::SessionExpiryInterval(0));
        push(Property::ReceiveMaximum(limits.receive_maximum));
        push(Property::MaximumQoS(true));
        push(Property::RetainAvailable(false));
        push(Property::MaximumPacketSize(u32::try_from(limits.packet_bytes_max).unwrap_or(u32::MAX)));
        push(Property::TopicAliasMaximum(Limits::TOPIC_ALIAS_MAX));
        push(Property::SubscriptionIdentifierAvailable(false));
        push(Property::SharedSubscriptionAvailable(false));
        if request.keep_alive_s != 0 {
            push(Property::ServerKeepAlive(request.keep_alive_s));
        }
        if request.assigned {
            push(Property::AssignedClientIdentifier(&vehicle));
        }
        if self.packet_bytes_max >= CONNACK_BYTES_MAX {
            push(Property::UserProperty((TIME_US, &time)));
        }
        self.state = State::Connected;
        self.deadline = now + self.keep_alive;
        let properties = properties.as_properties();
        let reason = ReasonCode::Success;
        append(out, &Packet::ConnAck(ConnAck { session_present: false, reason, properties }));
    }

    /// Who it is, and whether the client identifier is left for the server to assign.
    fn vehicle(&self, client_id: &str) -> Result<(VehicleId, bool), Violation> {
        const INVALID: Violation = Violation::new(
            ReasonCode::ClientIdentifierNotValid,
            "the client identifier is empty or the vehicle id that the certificate names",
        );
        match self.vehicle {
            Some(vehicle) if client_id.is_empty() => Ok((vehicle, true)),
            certified => {
                let vehicle = client_id.parse().map_err(|_| INVALID)?;
                let consistent = certified.is_none_or(|certified| certified == vehicle);
                if consistent { Ok((vehicle, false)) } else { Err(INVALID) }
            }
        }
    }

    fn read_properties(&mut self, properties: Properties<'_>) -> Result<(), Violation> {
        for property in properties.iter() {
            if let Property::AuthenticationMethod(_) = property {
                return Err(Violation::new(
                    ReasonCode::BadAuthenticationMethod,
                    "the certificate is the identity; use no authentication method",
                ));
            }
            if let Property::MaximumPacketSize(bytes) = property {
                self.packet_bytes_max = usize::try_from(bytes).unwrap_or(usize::MAX);
            }
            if let Property::RequestProblemInformation(wanted) = property {
                self.tells_problems = wanted;
            }
        }
        Ok(())
    }
}

/// A will is allowed as long as it could be published: under the car's id, not retained, QoS 0 or 1.
fn check_will(connect: &Connect<'_>, vehicle: VehicleId) -> Result<(), Violation> {
    let Some(will) = connect.will else { return Ok(()) };
    if will.qos == QoS::ExactlyOnce {
        return Err(Violation::new(ReasonCode::QoSNotSupported, "the maximum QoS of a will is 1"));
    }
    if will.retain {
        return Err(Violation::new(
            ReasonCode::RetainNotSupported,
            "nothing is retained here, nor is a will",
        ));
    }
    let owned =
        will.topic.strip_prefix("v1/").and_then(|rest| rest.strip_prefix(vehicle.to_string().as_str()));
    if !owned.is_some_and(|rest| rest.starts_with('/')) {
        return Err(Violation::new(ReasonCode::TopicNameInvalid, "a will's topic lies under v1/<vehicle>/"));
    }
    Ok(())
}
