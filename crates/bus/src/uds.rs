//! Unified diagnostic services (ISO 14229-1): requests, positive and negative responses.
//!
//! Payloads are whole messages, as [`isotp`](crate::isotp) delivers them.

use std::fmt;

use crate::Error;

/// `ReadDataByIdentifier`.
pub const READ_DATA_BY_IDENTIFIER: u8 = 0x22;
/// `ReadDTCInformation`.
pub const READ_DTC_INFORMATION: u8 = 0x19;

const NEGATIVE_RESPONSE: u8 = 0x7f;
/// A positive response repeats the service with this bit set.
const POSITIVE: u8 = 0x40;
const REPORT_DTC_BY_STATUS_MASK: u8 = 0x02;

/// What an ECU answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Response<'a> {
    /// `service` as it was asked for, `data` behind it.
    Positive {
        service: u8,
        data: &'a [u8],
    },
    Negative {
        service: u8,
        code: NegativeCode,
    },
}

impl<'a> Response<'a> {
    pub fn parse(payload: &'a [u8]) -> Result<Self, Error> {
        match payload {
            [NEGATIVE_RESPONSE, service, code, ..] => {
                Ok(Self::Negative { service: *service, code: NegativeCode(*code) })
            }
            [NEGATIVE_RESPONSE, ..] => Err(Error::Diagnostic { problem: "a negative response has 3 bytes" }),
            [service, data @ ..] if service & POSITIVE != 0 => {
                Ok(Self::Positive { service: service & !POSITIVE, data })
            }
            [_, ..] => Err(Error::Diagnostic { problem: "this is a request, not a response" }),
            [] => Err(Error::Diagnostic { problem: "the response is empty" }),
        }
    }

    /// The data of a positive response to `service`; a refusal or another service is an error.
    pub fn expect_service(payload: &'a [u8], service: u8) -> Result<&'a [u8], Error> {
        match Self::parse(payload)? {
            Self::Positive { service: answered, data } if answered == service => Ok(data),
            Self::Positive { .. } => Err(Error::Diagnostic { problem: "the response is to another service" }),
            Self::Negative { service, code } => Err(Error::Refused { service, code }),
        }
    }
}

/// Why an ECU did not do what it was asked (ISO 14229-1, annex A).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NegativeCode(pub u8);

impl NegativeCode {
    /// The answer is still to come; the requester waits on.
    pub const RESPONSE_PENDING: Self = Self(0x78);

    /// In words; `None` for what the standard leaves to makers.
    pub const fn meaning(self) -> Option<&'static str> {
        Some(match self.0 {
            0x10 => "general reject",
            0x11 => "service not supported",
            0x12 => "sub-function not supported",
            0x13 => "incorrect message length or invalid format",
            0x14 => "response too long",
            0x21 => "busy, repeat request",
            0x22 => "conditions not correct",
            0x24 => "request sequence error",
            0x25 => "no response from sub-net component",
            0x26 => "failure prevents execution of requested action",
            0x31 => "request out of range",
            0x33 => "security access denied",
            0x34 => "authentication required",
            0x35 => "invalid key",
            0x36 => "exceeded number of attempts",
            0x37 => "required time delay not expired",
            0x70 => "upload or download not accepted",
            0x71 => "transfer data suspended",
            0x72 => "general programming failure",
            0x73 => "wrong block sequence counter",
            0x78 => "response pending",
            0x7e => "sub-function not supported in active session",
            0x7f => "service not supported in active session",
            0x81 => "engine speed too high",
            0x82 => "engine speed too low",
            0x83 => "engine is running",
            0x84 => "engine is not running",
            0x85 => "engine run time too low",
            0x86 => "temperature too high",
            0x87 => "temperature too low",
            0x88 => "vehicle speed too high",
            0x89 => "vehicle speed too low",
            0x8f => "brake switch not closed",
            0x92 => "voltage too high",
            0x93 => "voltage too low",
            _ => return None,
        })
    }
}

impl fmt::Display for NegativeCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02X} ({})", self.0, self.meaning().unwrap_or("by the maker"))
    }
}

/// A request for the data of one or several identifiers.
pub fn read_data_request(identifiers: &[u16]) -> Vec<u8> {
    let identifiers = identifiers.iter().flat_map(|identifier| identifier.to_be_bytes());
    std::iter::once(READ_DATA_BY_IDENTIFIER).chain(identifiers).collect()
}

/// The records of a response to `ReadDataByIdentifier`: each identifier with its data.
///
/// The response does not say how long a record is; `len_of` does. For an identifier that it does
/// not know, the record takes all that is left.
pub fn data_records(
    payload: &[u8],
    len_of: impl Fn(u16) -> Option<usize>,
) -> Result<Vec<(u16, &[u8])>, Error> {
    let mut data = Response::expect_service(payload, READ_DATA_BY_IDENTIFIER)?;
    let mut records = Vec::new();
    while let Some((identifier, rest)) = data.split_first_chunk() {
        let identifier = u16::from_be_bytes(*identifier);
        let len = len_of(identifier).unwrap_or(rest.len());
        let record = rest.split_at_checked(len);
        let (record, rest) = record.ok_or(Error::Diagnostic { problem: "a data record is cut off" })?;
        records.push((identifier, record));
        data = rest;
    }
    if records.is_empty() || !data.is_empty() {
        return Err(Error::Diagnostic { problem: "the response ends within an identifier" });
    }
    Ok(records)
}

/// A request for the trouble codes that have one of the status bits.
pub fn read_dtcs_request(status_mask: u8) -> Vec<u8> {
    vec![READ_DTC_INFORMATION, REPORT_DTC_BY_STATUS_MASK, status_mask]
}

/// The trouble codes of a response to `ReadDTCInformation`, report by status mask.
pub fn dtcs(payload: &[u8]) -> Result<Vec<DtcRecord>, Error> {
    let data = Response::expect_service(payload, READ_DTC_INFORMATION)?;
    let [REPORT_DTC_BY_STATUS_MASK, _availability, records @ ..] = data else {
        return Err(Error::Diagnostic {
            problem: "the response is no report of trouble codes by status mask",
        });
    };
    let (records, rest) = records.as_chunks();
    if !rest.is_empty() {
        return Err(Error::Diagnostic { problem: "a trouble code is cut off; each takes 4 bytes" });
    }
    let record = |[high, low, failure, status]: &[u8; 4]| DtcRecord {
        code: Dtc([*high, *low]),
        failure: *failure,
        status: *status,
    };
    Ok(records.iter().map(record).collect())
}

/// A trouble code as it is written on paper: `P0301` (SAE J2012).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Dtc(pub [u8; 2]);

impl fmt::Display for Dtc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [high, low] = self.0;
        let system = match high >> 6 {
            0 => 'P',
            1 => 'C',
            2 => 'B',
            _ => 'U',
        };
        write!(f, "{system}{:X}{:X}{low:02X}", high >> 4 & 3, high & 15)
    }
}

/// A trouble code with how it failed and how it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DtcRecord {
    pub code: Dtc,
    /// The failure type byte of SAE J2012-DA; 0 for none.
    pub failure: u8,
    /// ISO 14229-1, annex D.2.
    pub status: u8,
}

impl DtcRecord {
    /// It fails now.
    pub fn is_failing(&self) -> bool {
        self.status & 0x01 != 0
    }

    /// It failed often enough to be sure.
    pub fn is_confirmed(&self) -> bool {
        self.status & 0x08 != 0
    }

    /// It asks for the warning lamp.
    pub fn wants_lamp(&self) -> bool {
        self.status & 0x80 != 0
    }
}

impl fmt::Display for DtcRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:02X}", self.code, self.failure)
    }
}

#[cfg(test)]
mod tests;
