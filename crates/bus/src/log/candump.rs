//! Lines of `candump -L`.

use model::Timestamp;

use super::{Line, hex_digit, micros_of_seconds};
use crate::{CanFrame, CanId, FRAME_BYTES_MAX};

/// Interfaces get their channel by first appearance; a car has some ten buses.
const INTERFACES_MAX: usize = 255;

/// The flag of SocketCAN ids that reports an error of the controller, not a frame.
const ERROR_FLAG: u32 = 0x2000_0000;

pub(super) fn parse(line: &str, interfaces: &mut Vec<String>) -> Result<Line, String> {
    let mut words = line.split_ascii_whitespace();
    let mut word = |what: &str| words.next().ok_or_else(|| format!("it has no {what}"));
    let time = word("time")?;
    let interface = word("interface")?;
    let frame = word("frame")?;
    let time = time
        .strip_prefix('(')
        .and_then(|time| time.strip_suffix(')'))
        .and_then(micros_of_seconds)
        .ok_or_else(|| format!("`{time}` is no time; candump writes `(seconds.micros)`"))?;
    let (id, rest) = frame.split_once('#').ok_or_else(|| format!("`{frame}` has no `#` behind its id"))?;
    if is_error_report(id) {
        return Ok(Line::Other);
    }
    let id: CanId = id.parse().map_err(|error| format!("{error}"))?;
    let frame = match rest.strip_prefix('#') {
        Some(rest) => parse_fd(id, rest)?,
        None => parse_classic(id, rest)?,
    };
    let channel = channel_of(interface, interfaces)?;
    Ok(Line::Frame(frame.at(Timestamp(time)).on(channel)))
}

fn is_error_report(id: &str) -> bool {
    id.len() == 8 && u32::from_str_radix(id, 16).is_ok_and(|id| id & ERROR_FLAG != 0)
}

fn parse_classic(id: CanId, rest: &str) -> Result<CanFrame, String> {
    // A raw DLC of 9 to 15 may stand behind `_`; the frame has 8 bytes all the same.
    let data = rest.split_once('_').map_or(rest, |(data, _)| data);
    if let Some(len) = data.strip_prefix('R') {
        let len = if len.is_empty() { Some(0) } else { len.parse().ok() };
        let len =
            len.ok_or_else(|| format!("`{rest}` is no remote frame; it is written `R` or `R<length>`"))?;
        return CanFrame::remote(id, len).map_err(|error| error.to_string());
    }
    let mut bytes = [0; FRAME_BYTES_MAX];
    let bytes = parse_bytes(data, &mut bytes)?;
    if bytes.len() > 8 {
        return Err(format!("a classic frame has at most 8 bytes; this has {}", bytes.len()));
    }
    CanFrame::new(id, bytes).map_err(|error| error.to_string())
}

fn parse_fd(id: CanId, rest: &str) -> Result<CanFrame, String> {
    let flags = rest.bytes().next().and_then(hex_digit);
    let flags = flags.ok_or("a CAN FD frame has its flags, one hexadecimal digit, behind `##`")?;
    let mut bytes = [0; FRAME_BYTES_MAX];
    let bytes = parse_bytes(rest.get(1..).unwrap_or_default(), &mut bytes)?;
    CanFrame::fd(id, bytes, flags & 1 != 0).map_err(|error| error.to_string())
}

/// Pairs of hexadecimal digits, with or without `.` between them.
fn parse_bytes<'a>(text: &str, bytes: &'a mut [u8; FRAME_BYTES_MAX]) -> Result<&'a [u8], String> {
    let mut len = 0;
    let mut digits = text.bytes().filter(|byte| *byte != b'.');
    while let Some(high) = digits.next() {
        let byte = hex_digit(high).zip(digits.next().and_then(hex_digit));
        let (high, low) = byte.ok_or_else(|| format!("`{text}` is not pairs of hexadecimal digits"))?;
        let slot = bytes.get_mut(len).ok_or("a frame has at most 64 bytes")?;
        *slot = high << 4 | low;
        len += 1;
    }
    Ok(bytes.get(..len).unwrap_or_default())
}

fn channel_of(interface: &str, interfaces: &mut Vec<String>) -> Result<u8, String> {
    let channel = match interfaces.iter().position(|known| known == interface) {
        Some(channel) => channel,
        None if interfaces.len() < INTERFACES_MAX => {
            interfaces.push(interface.to_owned());
            interfaces.len() - 1
        }
        None => return Err(format!("`{interface}` is one interface too many; {INTERFACES_MAX} are read")),
    };
    u8::try_from(channel).map_err(|_| format!("`{interface}` is one interface too many"))
}
