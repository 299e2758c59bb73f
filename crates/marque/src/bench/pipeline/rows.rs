//! Rows as PostgreSQL's binary COPY takes them.

use anyhow::{Context as _, bail};
use campaigns::{ColumnData, RowGroup};
use clap::ValueEnum;
use model::{Timestamp, VehicleId};
use signals::Catalogue;

use super::drive::SIGNALS;

/// How the peer's table is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Layout {
    /// A row for each sample, as those stacks have it: time, vehicle, signal, value.
    Narrow,
    /// The same with an index by vehicle, signal and time, which a query of one car needs.
    Indexed,
    /// A row for each moment with a column for each signal; every signal is known beforehand.
    Wide,
}

impl Layout {
    pub(super) const ALL: [Self; 3] = [Self::Narrow, Self::Indexed, Self::Wide];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Narrow => "narrow",
            Self::Indexed => "indexed",
            Self::Wide => "wide",
        }
    }

    /// What makes the table.
    pub(super) fn schema(self) -> Vec<String> {
        match self {
            Self::Narrow => vec![NARROW.to_owned()],
            Self::Indexed => {
                vec![NARROW.to_owned(), "CREATE INDEX ON samples (vehicle, signal, ts)".to_owned()]
            }
            Self::Wide => {
                let columns: Vec<_> = (0..SIGNALS).map(|place| format!("s{place} float8")).collect();
                let columns = columns.join(", ");
                vec![format!(
                    "CREATE TABLE samples (ts timestamptz NOT NULL, vehicle uuid NOT NULL, {columns})"
                )]
            }
        }
    }

    /// What counts the samples.
    pub(super) fn count(self) -> String {
        match self {
            Self::Narrow | Self::Indexed => "SELECT count(*) FROM samples".to_owned(),
            Self::Wide => {
                let counts: Vec<_> = (0..SIGNALS).map(|place| format!("count(s{place})")).collect();
                format!("SELECT {} FROM samples", counts.join(" + "))
            }
        }
    }
}

const NARROW: &str = "CREATE TABLE samples \
    (ts timestamptz NOT NULL, vehicle uuid NOT NULL, signal int4 NOT NULL, value float8 NOT NULL)";

/// The statement that the rows belong to.
pub(super) const COPY: &str = "COPY samples FROM STDIN (FORMAT binary)";

/// Signature, flags and the length of no header extension.
const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";

/// From 1970 to PostgreSQL's first moment, 2000-01-01.
const EPOCH_US: i64 = 946_684_800_000_000;

/// The bytes of one COPY.
#[derive(Debug)]
pub(super) struct Rows {
    layout: Layout,
    bytes: Vec<u8>,
}

impl Rows {
    pub(super) fn new(layout: Layout, capacity: usize) -> Self {
        let mut bytes = Vec::with_capacity(capacity.max(HEADER.len()));
        bytes.extend_from_slice(HEADER);
        Self { layout, bytes }
    }

    pub(super) fn bytes_len(&self) -> usize {
        self.bytes.len()
    }

    /// Adds what a car said. Only numbers without exceptions: that is what the bench sends.
    pub(super) fn push(
        &mut self,
        vehicle: VehicleId,
        group: &RowGroup,
        catalogue: &Catalogue,
    ) -> anyhow::Result<()> {
        match self.layout {
            Layout::Narrow | Layout::Indexed => self.push_narrow(vehicle, group, catalogue),
            Layout::Wide => self.push_wide(vehicle, group, catalogue),
        }
    }

    /// The bytes to send.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.bytes.extend_from_slice(&(-1_i16).to_be_bytes());
        self.bytes
    }

    fn push_narrow(
        &mut self,
        vehicle: VehicleId,
        group: &RowGroup,
        catalogue: &Catalogue,
    ) -> anyhow::Result<()> {
        for column in &group.columns {
            let leaf = catalogue.by_id(column.signal).context("find a signal")?;
            let numbers = numbers(&column.data)?;
            for (time, mantissa) in group.times.iter().zip(numbers) {
                self.begin(4, *time, vehicle);
                field(&mut self.bytes, &column.signal.0.to_be_bytes());
                field(&mut self.bytes, &leaf.scale.number(*mantissa).to_be_bytes());
            }
        }
        Ok(())
    }

    fn push_wide(
        &mut self,
        vehicle: VehicleId,
        group: &RowGroup,
        catalogue: &Catalogue,
    ) -> anyhow::Result<()> {
        if group.columns.len() != SIGNALS {
            bail!("a message of the bench has {SIGNALS} signals");
        }
        let mut columns = Vec::with_capacity(SIGNALS);
        for column in &group.columns {
            let leaf = catalogue.by_id(column.signal).context("find a signal")?;
            columns.push((leaf.scale, numbers(&column.data)?));
        }
        for (row, time) in group.times.iter().enumerate() {
            self.begin(2 + i16::try_from(SIGNALS)?, *time, vehicle);
            for (scale, numbers) in &columns {
                let mantissa = numbers.get(row).context("find a value")?;
                field(&mut self.bytes, &scale.number(*mantissa).to_be_bytes());
            }
        }
        Ok(())
    }

    fn begin(&mut self, fields: i16, time: Timestamp, vehicle: VehicleId) {
        self.bytes.extend_from_slice(&fields.to_be_bytes());
        field(&mut self.bytes, &(time.0 - EPOCH_US).to_be_bytes());
        field(&mut self.bytes, vehicle.as_bytes());
    }
}

fn numbers(data: &ColumnData) -> anyhow::Result<&[i64]> {
    match data {
        ColumnData::Fixed(numbers) => Ok(numbers),
        ColumnData::Bool(_) | ColumnData::Text(_) | ColumnData::Array(_) => {
            bail!("the bench sends numbers only")
        }
    }
}

fn field<const N: usize>(bytes: &mut Vec<u8>, value: &[u8; N]) {
    let len = i32::try_from(N).expect("a field is a few bytes long");
    bytes.extend_from_slice(&len.to_be_bytes());
    bytes.extend_from_slice(value);
}

#[cfg(test)]
mod tests;
