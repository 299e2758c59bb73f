//! Recorded buses: candump and GVRET logs as iterators of frames, and the pace of their replay.

use std::io::BufRead;

use crate::{CanFrame, Error};

mod candump;
mod gvret;
mod replay;

pub use replay::{Pace, Replay};

/// The longest line that is looked at. A CAN FD frame takes some 200 characters; the rest of a
/// longer line is passed over, so that a file without line ends costs no memory.
const LINE_BYTES_MAX: usize = 4_096;

/// How a log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LogFormat {
    /// `(1436509052.249713) can0 044#2A366C2BBA`, CAN FD with `##`; as `candump -L` writes it.
    Candump,
    /// CSV with a head line, as SavvyCAN and the GVRET firmware write it.
    Gvret,
}

impl LogFormat {
    /// By a line of the log; `None` when it is of neither format.
    pub fn of_line(line: &[u8]) -> Option<Self> {
        let line = line.trim_ascii();
        if line.starts_with(b"(") {
            return Some(Self::Candump);
        }
        gvret::Columns::of_head(std::str::from_utf8(line).ok()?).map(|_| Self::Gvret)
    }
}

/// What a line says.
enum Line {
    Frame(CanFrame),
    /// Nothing that was on a bus: an empty line, a head line, a controller's error report.
    Other,
}

/// Iterates over a log's frames in the order of its lines.
///
/// A line that cannot be read gives one error with its number, and the next call goes on behind
/// it; a [tolerant](LogReader::tolerant) reader counts such lines instead.
#[derive(Debug)]
pub struct LogReader<R> {
    input: R,
    format: Option<LogFormat>,
    columns: Option<gvret::Columns>,
    interfaces: Vec<String>,
    line: Vec<u8>,
    line_number: u64,
    tolerant: bool,
    bad_lines: u64,
    failed: bool,
}

impl<R: BufRead> LogReader<R> {
    /// Takes the format from the first line that is not empty.
    pub fn new(input: R) -> Self {
        Self {
            input,
            format: None,
            columns: None,
            interfaces: Vec::new(),
            line: Vec::new(),
            line_number: 0,
            tolerant: false,
            bad_lines: 0,
            failed: false,
        }
    }

    /// Counts lines that cannot be read instead of reporting each.
    #[must_use]
    pub fn tolerant(self) -> Self {
        Self { tolerant: true, ..self }
    }

    /// Lines that could not be read, up to now.
    pub fn bad_lines(&self) -> u64 {
        self.bad_lines
    }

    /// `None` until the first line was read.
    pub fn format(&self) -> Option<LogFormat> {
        self.format
    }

    /// The interfaces' names by channel; a GVRET log numbers its buses and has none.
    pub fn interfaces(&self) -> &[String] {
        &self.interfaces
    }

    /// Reads a line without its end into `self.line`; false at the end of the input.
    fn read_line(&mut self) -> Result<bool, String> {
        self.line.clear();
        let mut any = false;
        loop {
            let available = self.input.fill_buf().map_err(|error| format!("it cannot be read: {error}"))?;
            if available.is_empty() {
                return Ok(any);
            }
            any = true;
            let end = available.iter().position(|byte| *byte == b'\n');
            let part = available.get(..end.unwrap_or(available.len())).unwrap_or_default();
            let room = (LINE_BYTES_MAX + 1).saturating_sub(self.line.len());
            self.line.extend_from_slice(part.get(..room).unwrap_or(part));
            let used = part.len() + usize::from(end.is_some());
            self.input.consume(used);
            if end.is_some() {
                return Ok(true);
            }
        }
    }

    fn parse_line(&mut self) -> Result<Line, String> {
        if self.line.len() > LINE_BYTES_MAX {
            return Err(format!("it is longer than {LINE_BYTES_MAX} bytes"));
        }
        // Byte order marks and carriage returns come from logs that went through an editor.
        let line = self.line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&self.line).trim_ascii();
        if line.is_empty() {
            return Ok(Line::Other);
        }
        let text = std::str::from_utf8(line).map_err(|_| "it is not text".to_owned())?;
        let format = match self.format {
            Some(format) => format,
            None => *self.format.insert(LogFormat::of_line(line).ok_or(
                "it is neither candump, `(seconds) interface id#data`, nor the head of a GVRET CSV, \
                 `Time Stamp,ID,Extended,Bus,LEN,D1,...`",
            )?),
        };
        match format {
            LogFormat::Candump => candump::parse(text, &mut self.interfaces),
            LogFormat::Gvret => gvret::parse(text, &mut self.columns),
        }
    }
}

impl<R: BufRead> Iterator for LogReader<R> {
    type Item = Result<CanFrame, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.failed {
            self.line_number += 1;
            let line = self.line_number;
            match self.read_line() {
                Ok(true) => {}
                Ok(false) => return None,
                Err(problem) => {
                    // The input is broken, not the line: going on would report it for ever.
                    self.failed = true;
                    return Some(Err(Error::Log { line, problem }));
                }
            }
            match self.parse_line() {
                Ok(Line::Frame(frame)) => return Some(Ok(frame)),
                Ok(Line::Other) => {}
                Err(problem) => {
                    self.bad_lines += 1;
                    if !self.tolerant {
                        return Some(Err(Error::Log { line, problem }));
                    }
                }
            }
        }
        None
    }
}

/// Seconds with up to 6 decimals, exact to the microsecond; further decimals are cut off.
fn micros_of_seconds(text: &str) -> Option<i64> {
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if seconds.is_empty() || !digits(seconds) || !digits(fraction) {
        return None;
    }
    let seconds: i64 = seconds.parse().ok()?;
    let micros = fraction.bytes().chain(std::iter::repeat(b'0')).take(6);
    let micros = micros.fold(0, |all, digit| all * 10 + i64::from(digit - b'0'));
    seconds.checked_mul(1_000_000)?.checked_add(micros).filter(|micros| *micros < LOG_TIME_MAX)
}

/// The year 2200: a later time is a mistake, and nobody waits for it.
const LOG_TIME_MAX: i64 = 7_258_118_400_000_000;

fn hex_digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
