//! Lines of GVRET CSV, whose columns the head line names.

use model::Timestamp;

use super::{LOG_TIME_MAX, Line, micros_of_seconds};
use crate::{CanFrame, CanId, FRAME_BYTES_MAX};

/// Where the columns stand. SavvyCAN's newer logs have `Dir` between `Extended` and `Bus`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Columns {
    time: usize,
    id: usize,
    extended: usize,
    bus: Option<usize>,
    len: usize,
    data: usize,
}

impl Columns {
    pub(super) fn of_head(line: &str) -> Option<Self> {
        let find = |name: &str| line.split(',').position(|cell| cell.trim().eq_ignore_ascii_case(name));
        Some(Self {
            time: find("Time Stamp")?,
            id: find("ID")?,
            extended: find("Extended")?,
            bus: find("Bus"),
            len: find("LEN")?,
            data: find("D1")?,
        })
    }
}

pub(super) fn parse(line: &str, columns: &mut Option<Columns>) -> Result<Line, String> {
    // A log put together from several has their head lines in between.
    if let Some(head) = Columns::of_head(line) {
        *columns = Some(head);
        return Ok(Line::Other);
    }
    let columns = columns.as_ref().ok_or("no head line names the columns before it")?;
    let cell = |index: usize, name: &str| {
        let cell = line.split(',').nth(index).map(str::trim).filter(|cell| !cell.is_empty());
        cell.ok_or_else(|| format!("it has no {name}"))
    };
    let time = cell(columns.time, "time stamp")?;
    // GVRET counts microseconds; with a point it is seconds.
    let micros = if time.contains('.') { micros_of_seconds(time) } else { time.parse().ok() };
    let micros = micros.filter(|micros| *micros < LOG_TIME_MAX);
    let time = micros.ok_or_else(|| format!("`{time}` is no time stamp in microseconds"))?;
    let id = parse_id(cell(columns.id, "id")?, cell(columns.extended, "`Extended`")?)?;
    let channel = match columns.bus {
        Some(bus) => {
            let bus = cell(bus, "bus")?;
            bus.parse().map_err(|_| format!("`{bus}` is no bus; a bus is 0 to 255"))?
        }
        None => 0,
    };
    let len = cell(columns.len, "length")?;
    let len: usize = len.parse().map_err(|_| format!("`{len}` is no length"))?;
    let mut data = [0; FRAME_BYTES_MAX];
    let data = data.get_mut(..len).ok_or_else(|| format!("a frame has at most 64 bytes; this says {len}"))?;
    let mut cells = line.split(',').skip(columns.data);
    for (index, byte) in data.iter_mut().enumerate() {
        let cell = cells.next().map(str::trim).filter(|cell| (1..=2).contains(&cell.len()));
        let value = cell.and_then(|cell| u8::from_str_radix(cell, 16).ok());
        *byte =
            value.ok_or_else(|| format!("it says {len} bytes, but D{} is no hexadecimal byte", index + 1))?;
    }
    let frame = CanFrame::new(id, data).map_err(|error| error.to_string())?;
    Ok(Line::Frame(frame.at(Timestamp(time)).on(channel)))
}

fn parse_id(id: &str, extended: &str) -> Result<CanId, String> {
    let extended = match extended {
        _ if extended.eq_ignore_ascii_case("true") || extended == "1" => true,
        _ if extended.eq_ignore_ascii_case("false") || extended == "0" => false,
        _ => return Err(format!("`{extended}` is neither true nor false")),
    };
    let bits = u32::from_str_radix(id.trim_start_matches("0x"), 16);
    let bits = bits.map_err(|_| format!("`{id}` is no hexadecimal id"))?;
    let found =
        if extended { CanId::extended(bits) } else { u16::try_from(bits).ok().and_then(CanId::standard) };
    found.ok_or_else(|| format!("`{id}` is no {} id", if extended { "29-bit" } else { "11-bit" }))
}
