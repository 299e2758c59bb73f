//! Samples as lines of JSON.

use std::{
    collections::BTreeSet,
    io::{BufRead, Write},
    sync::Arc,
};

use anyhow::Context as _;
use bus::{
    CanFrame,
    log::{LogReader, Replay},
    profile::Profile,
};
use model::{Micros, Timestamp};
use serde::Serialize;
use signals::{Catalogue, Leaf, Sample, SignalId, Value};

use super::{Decoding, Summary, rfc3339};

/// A line of the output.
#[derive(Serialize)]
struct Line<'a> {
    /// The log's own time.
    time: String,
    path: &'a str,
    value: serde_json::Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    unit: Option<&'a str>,
    quality: &'static str,
}

/// Plays the log and writes each sample as it comes, with the log's own time.
pub(super) async fn json<R: BufRead + Send, W: Write + Send>(
    mut reader: LogReader<R>,
    profile: &Arc<Profile>,
    mut replay: Replay,
    now: impl Fn() -> Timestamp + Send,
    out: &mut W,
) -> anyhow::Result<Summary> {
    let mut printer = Printer::new(profile, out);
    for frame in reader.by_ref() {
        let frame = frame?;
        let due = replay.time_of(frame.time);
        let wait = replay.wait(due, now());
        if wait > Micros::ZERO {
            // Who watches sees everything up to here while we wait.
            printer.out.flush().context("write a sample")?;
            tokio::time::sleep(wait.to_duration()).await;
        }
        printer.handle_frame(&frame)?;
    }
    printer.out.flush().context("write a sample")?;
    let coverage = printer.decoding.coverage(reader.bad_lines());
    Ok(Summary { coverage, signals: printer.seen.len() })
}

struct Printer<'a, W> {
    decoding: Decoding,
    catalogue: &'a Catalogue,
    out: &'a mut W,
    /// Reused from frame to frame.
    samples: Vec<Sample>,
    seen: BTreeSet<SignalId>,
}

impl<'a, W: Write> Printer<'a, W> {
    fn new(profile: &'a Arc<Profile>, out: &'a mut W) -> Self {
        Self {
            decoding: Decoding::new(profile),
            catalogue: profile.catalogue(),
            out,
            samples: Vec::new(),
            seen: BTreeSet::new(),
        }
    }

    fn handle_frame(&mut self, frame: &CanFrame) -> anyhow::Result<()> {
        self.decoding.take(frame, |sample| self.samples.push(sample));
        for sample in std::mem::take(&mut self.samples) {
            self.write(&sample)?;
        }
        Ok(())
    }

    fn write(&mut self, sample: &Sample) -> anyhow::Result<()> {
        let Some(leaf) = self.catalogue.by_id(sample.signal) else { return Ok(()) };
        let line = Line {
            time: rfc3339(sample.reading.source_time),
            path: &leaf.path,
            value: sample
                .reading
                .value
                .as_ref()
                .map_or(serde_json::Value::Null, |value| json_of(value, leaf)),
            unit: leaf.unit.as_deref(),
            quality: sample.reading.quality.slug(),
        };
        serde_json::to_writer(&mut *self.out, &line)
            .map_err(std::io::Error::from)
            .context("write a sample")?;
        self.out.write_all(b"\n").context("write a sample")?;
        self.seen.insert(sample.signal);
        Ok(())
    }
}

/// Numbers have the leaf's decimals, as they are sent and stored.
fn json_of(value: &Value, leaf: &Leaf) -> serde_json::Value {
    match value {
        Value::Bool(value) => (*value).into(),
        Value::Int(value) => (*value).into(),
        Value::Uint(value) => (*value).into(),
        Value::Float(value) => {
            leaf.scale.mantissa(*value).map_or(*value, |mantissa| leaf.scale.number(mantissa)).into()
        }
        Value::Text(text) => (**text).into(),
        Value::Array(values) => values.iter().map(|value| json_of(value, leaf)).collect(),
    }
}
