//! On-board diagnostics as every car has them (SAE J1979, ISO 15031-5): current data and stored
//! trouble codes.
//!
//! Payloads are whole messages, as [`isotp`](crate::isotp) delivers them.

use crate::{
    Error,
    uds::{Dtc, Response},
};

mod pids;

pub use pids::{Item, PIDS, Pid};

/// Current data.
pub const CURRENT_DATA: u8 = 0x01;
/// Confirmed emission-related trouble codes.
pub const STORED_DTCS: u8 = 0x03;
/// Trouble codes of this or the last driving cycle.
pub const PENDING_DTCS: u8 = 0x07;
/// Trouble codes that clearing does not remove.
pub const PERMANENT_DTCS: u8 = 0x0a;

/// A value of a response.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quantity {
    pub pid: u8,
    pub item: &'static Item,
    /// In the item's unit.
    pub value: f64,
}

impl Quantity {
    /// What the value means, if the standard gives it a name.
    pub fn value_name(&self) -> Option<&'static str> {
        self.item.values.iter().find(|(value, _)| f64::from(*value) == self.value).map(|(_, name)| *name)
    }
}

/// A parameter by its number.
pub fn pid(number: u8) -> Option<&'static Pid> {
    let at = PIDS.binary_search_by_key(&number, |pid| pid.number).ok()?;
    PIDS.get(at)
}

/// A request for the current values of 1 to 6 parameters.
pub fn current_data_request(numbers: &[u8]) -> Vec<u8> {
    std::iter::once(CURRENT_DATA).chain(numbers.iter().copied()).collect()
}

/// The values of a response to [`CURRENT_DATA`], which may hold several parameters.
///
/// The response does not say how long a parameter is, so one that [`PIDS`] does not have is an
/// error. A last parameter shorter than it should be gives the items that it has.
pub fn current_data(payload: &[u8]) -> Result<Vec<Quantity>, Error> {
    let mut data = Response::expect_service(payload, CURRENT_DATA)?;
    let mut quantities = Vec::new();
    while let Some((&number, rest)) = data.split_first() {
        let pid = pid(number).ok_or(Error::UnknownPid { number })?;
        let (record, rest) = rest.split_at(rest.len().min(pid.len));
        if record.is_empty() {
            return Err(Error::Diagnostic { problem: "a parameter has no data" });
        }
        for item in pid.items {
            quantities.extend(item.decode(record).map(|value| Quantity { pid: number, item, value }));
        }
        data = rest;
    }
    Ok(quantities)
}

/// The parameters that an ECU says it has, from the data of parameter 00, 20, 40 ... E0.
///
/// `first` is that parameter's number; bit by bit, from the highest, they follow it.
pub fn supported_pids(first: u8, data: [u8; 4]) -> impl Iterator<Item = u8> {
    let bits = u32::from_be_bytes(data);
    let set = (1..=32_u8).filter(move |place| bits >> (32 - u32::from(*place)) & 1 != 0);
    set.filter_map(move |place| first.checked_add(place))
}

/// The trouble codes of a response to [`STORED_DTCS`], [`PENDING_DTCS`] or [`PERMANENT_DTCS`].
///
/// On CAN the service is followed by their number.
pub fn dtcs(payload: &[u8], service: u8) -> Result<Vec<Dtc>, Error> {
    let data = Response::expect_service(payload, service)?;
    let (&count, data) =
        data.split_first().ok_or(Error::Diagnostic { problem: "the number of codes is missing" })?;
    let (codes, _) = data.as_chunks();
    let codes = codes.get(..usize::from(count));
    let codes = codes.ok_or(Error::Diagnostic { problem: "fewer trouble codes than announced" })?;
    Ok(codes.iter().map(|code| Dtc(*code)).collect())
}

#[cfg(test)]
mod tests;
