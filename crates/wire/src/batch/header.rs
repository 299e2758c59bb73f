//! The header in domain types.

use model::{
    CampaignId, CampaignVersion, CatalogueHash, ClockState, ConsentEpoch, Lane, Purpose, QueueEpoch, Seq,
    Timestamp, limits,
};

use crate::{Error, pb};

const MESSAGE: &str = "the batch header";

/// Ranges of dropped batches that one header may announce; more are joined by the queue.
pub(crate) const DROPPED_RANGES_MAX: usize = 64;

/// How the body is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Encoding {
    Plain,
    Zstd,
}

/// Consecutive sequence numbers, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SeqRange {
    pub first: Seq,
    pub last: Seq,
}

/// What the sender says of a batch beside its columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchMeta {
    pub epoch: QueueEpoch,
    pub seq: Seq,
    pub lane: Lane,
    pub campaign: CampaignId,
    pub version: CampaignVersion,
    pub purpose: Purpose,
    pub consent_epoch: ConsentEpoch,
    pub clock: ClockState,
    /// What the queue dropped in this lane and epoch since the batch before.
    pub dropped: Vec<SeqRange>,
}

/// All that is known of a batch without reading its columns. The vehicle is not in it: the
/// certificate says who sent it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchHeader {
    pub meta: BatchMeta,
    pub catalogue: CatalogueHash,
    /// The first time in the body.
    pub base_time: Timestamp,
    pub samples: u32,
    pub columns: u32,
    /// Bytes of the body after decompression.
    pub raw_bytes: u32,
    pub encoding: Encoding,
}

const fn clock_code(clock: ClockState) -> u32 {
    match clock {
        ClockState::Unknown => 0,
        ClockState::Synced => 1,
        ClockState::FreeRunning => 2,
        ClockState::Corrected => 3,
    }
}

impl Encoding {
    const fn code(self) -> u32 {
        match self {
            Self::Plain => 0,
            Self::Zstd => 1,
        }
    }
}

/// An error for an enumeration's value that this release does not know.
pub(crate) fn unknown(message: &'static str, field: &'static str, value: u32) -> Error {
    Error::UnknownValue { message, field, value: i64::from(value) }
}

pub(crate) const fn lane_code(lane: Lane) -> u32 {
    match lane {
        Lane::Alert => 0,
        Lane::Live => 1,
        Lane::Bulk => 2,
    }
}

pub(crate) fn lane_from(message: &'static str, code: u32) -> Result<Lane, Error> {
    Lane::ALL.into_iter().find(|lane| lane_code(*lane) == code).ok_or_else(|| unknown(message, "lane", code))
}

pub(crate) fn purpose_from(message: &'static str, code: u32) -> Result<Purpose, Error> {
    let known = u8::try_from(code).ok().and_then(Purpose::from_code);
    known.ok_or_else(|| unknown(message, "purpose", code))
}

pub(crate) fn ranges_to_pb(ranges: &[SeqRange]) -> Vec<pb::SeqRange> {
    ranges.iter().map(|range| pb::SeqRange { first: range.first.0, last: range.last.0 }).collect()
}

/// Ranges go up, do not overlap and end with a number that a batch may have.
pub(crate) fn ranges_from(message: &'static str, ranges: &[pb::SeqRange]) -> Result<Vec<SeqRange>, Error> {
    let bad = Error::Field { message, field: "dropped" };
    let backwards = ranges.iter().any(|range| range.first > range.last);
    let unsorted = ranges.windows(2).any(|pair| pair[0].last >= pair[1].first);
    let beyond = ranges.iter().any(|range| range.last > limits::SEQ_MAX);
    if ranges.len() > DROPPED_RANGES_MAX || backwards || unsorted || beyond {
        return Err(bad);
    }
    Ok(ranges.iter().map(|range| SeqRange { first: Seq(range.first), last: Seq(range.last) }).collect())
}

impl BatchHeader {
    pub(super) fn to_pb(&self) -> pb::BatchHeader {
        pb::BatchHeader {
            queue_epoch: self.meta.epoch.0,
            seq: self.meta.seq.0,
            lane: lane_code(self.meta.lane),
            campaign: self.meta.campaign.0,
            campaign_version: self.meta.version.0,
            purpose: u32::from(self.meta.purpose.code()),
            consent_epoch: self.meta.consent_epoch.0,
            catalogue_hash: self.catalogue.0,
            base_time: self.base_time.0,
            samples: self.samples,
            columns: self.columns,
            raw_bytes: match self.encoding {
                Encoding::Plain => 0,
                Encoding::Zstd => self.raw_bytes,
            },
            encoding: self.encoding.code(),
            clock: clock_code(self.meta.clock),
            dropped: ranges_to_pb(&self.meta.dropped),
        }
    }

    /// `body_bytes` is the body's length as it travelled.
    pub(super) fn from_pb(header: &pb::BatchHeader, body_bytes: usize) -> Result<Self, Error> {
        let field = |name, valid: bool| {
            if valid { Ok(()) } else { Err(Error::Field { message: MESSAGE, field: name }) }
        };
        field("seq", header.seq <= limits::SEQ_MAX)?;
        field("samples", (1..=limits::BATCH_SAMPLES_MAX).contains(&header.samples))?;
        field("columns", (1..=limits::BATCH_COLUMNS_MAX.min(header.samples)).contains(&header.columns))?;
        let times = limits::SOURCE_TIME_MIN..=limits::SOURCE_TIME_MAX;
        field("base_time", times.contains(&Timestamp(header.base_time)))?;
        let clock = ClockState::ALL
            .into_iter()
            .find(|state| clock_code(*state) == header.clock)
            .ok_or_else(|| unknown(MESSAGE, "clock", header.clock))?;
        let encoding = [Encoding::Plain, Encoding::Zstd]
            .into_iter()
            .find(|encoding| encoding.code() == header.encoding)
            .ok_or_else(|| unknown(MESSAGE, "encoding", header.encoding))?;
        let raw_bytes = match encoding {
            Encoding::Plain => u32::try_from(body_bytes).ok().filter(|_| header.raw_bytes == 0),
            Encoding::Zstd => Some(header.raw_bytes),
        };
        let in_limits = |bytes: &u32| {
            usize::try_from(*bytes).is_ok_and(|bytes| (1..=limits::BATCH_RAW_BYTES_MAX).contains(&bytes))
        };
        let raw_bytes = raw_bytes.filter(in_limits);
        let raw_bytes = raw_bytes.ok_or(Error::Field { message: MESSAGE, field: "raw_bytes" })?;
        Ok(Self {
            meta: BatchMeta {
                epoch: QueueEpoch(header.queue_epoch),
                seq: Seq(header.seq),
                lane: lane_from(MESSAGE, header.lane)?,
                campaign: CampaignId(header.campaign),
                version: CampaignVersion(header.campaign_version),
                purpose: purpose_from(MESSAGE, header.purpose)?,
                consent_epoch: ConsentEpoch(header.consent_epoch),
                clock,
                dropped: ranges_from(MESSAGE, &header.dropped)?,
            },
            catalogue: CatalogueHash(header.catalogue_hash),
            base_time: Timestamp(header.base_time),
            samples: header.samples,
            columns: header.columns,
            raw_bytes,
            encoding,
        })
    }
}
