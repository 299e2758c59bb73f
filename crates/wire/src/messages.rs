//! Small messages beside the batches: report and fetch go up, notice comes down.

use model::{CampaignId, CampaignVersion, CatalogueHash, Lane, QueueEpoch, Seq, Timestamp};
use prost::Message as _;
use signals::SignalId;

use crate::{
    Error, Kind, SeqRange,
    batch::{lane_code, lane_from, ranges_from, ranges_to_pb, unknown},
    documents::parse,
    pb,
};

const REPORT: &str = "the report";
const FETCH: &str = "the fetch";
const NOTICE: &str = "the notice";

/// What a car has applied and can do; sent when any of it changes, and after each connect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// By the car's clock.
    pub at: Timestamp,
    /// Name and version of the car's software.
    pub software: String,
    pub catalogue: CatalogueHash,
    pub applied: Vec<Applied>,
    /// Paths that the car has no source for.
    pub not_available: Vec<String>,
    pub queues: Vec<QueueReport>,
}

/// A version of a kind of desired state that a car took up, or why it did not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    pub kind: Kind,
    pub version: u64,
    pub error: Option<String>,
}

/// The state of a lane of a car's queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueReport {
    pub lane: Lane,
    pub epoch: QueueEpoch,
    /// The number that the next batch will have.
    pub next_seq: Seq,
    pub pending_batches: u64,
    pub pending_bytes: u64,
    /// Since the car's software was started.
    pub dropped_batches: u64,
    /// The latest of them.
    pub dropped: Vec<SeqRange>,
}

/// Which versions a car has; what is newer comes down.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fetch {
    /// Version 0 where the car has none.
    pub have: Vec<(Kind, u64)>,
    /// The number of the newest [`crate::AccessNotice`] that it has, 0 without any; none of a car that takes none.
    pub access: Option<u64>,
}

/// What was wrong with what a car sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Notice {
    pub refused: Vec<RefusedBatch>,
    pub bad_columns: Vec<BadColumnNotice>,
}

/// A batch that was not stored, for ever.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedBatch {
    pub lane: Lane,
    pub epoch: QueueEpoch,
    pub seq: Seq,
    pub reason: String,
}

/// A signal whose columns were quarantined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadColumnNotice {
    pub campaign: CampaignId,
    pub version: CampaignVersion,
    pub signal: SignalId,
    pub samples: u64,
    /// A [`crate::ColumnProblem`]'s slug, or a later release's.
    pub reason: String,
}

pub fn encode_report(report: &Report) -> Vec<u8> {
    let applied = report.applied.iter().map(|applied| pb::Applied {
        kind: applied.kind.code(),
        version: applied.version,
        error: applied.error.clone().unwrap_or_default(),
    });
    let queues = report.queues.iter().map(|queue| pb::QueueReport {
        lane: lane_code(queue.lane),
        queue_epoch: queue.epoch.0,
        next_seq: queue.next_seq.0,
        pending_batches: queue.pending_batches,
        pending_bytes: queue.pending_bytes,
        dropped_batches: queue.dropped_batches,
        dropped: ranges_to_pb(&queue.dropped),
    });
    pb::Report {
        at: report.at.0,
        software: report.software.clone(),
        catalogue_hash: report.catalogue.0,
        applied: applied.collect(),
        not_available: report.not_available.clone(),
        queues: queues.collect(),
    }
    .encode_to_vec()
}

/// Each kind is named at most once, and no error has a NUL, which databases do not store.
pub fn decode_report(bytes: &[u8]) -> Result<Report, Error> {
    let report: pb::Report = parse(REPORT, bytes)?;
    let mut kinds: Vec<_> = report.applied.iter().map(|applied| applied.kind).collect();
    kinds.sort_unstable();
    let once = kinds.windows(2).all(|pair| pair[0] != pair[1]);
    let plain = report.applied.iter().all(|applied| !applied.error.contains('\0'));
    if !once || !plain {
        return Err(Error::Field { message: REPORT, field: "applied" });
    }
    let applied = report.applied.into_iter().map(|applied| {
        Ok(Applied {
            kind: kind_from(REPORT, applied.kind)?,
            version: applied.version,
            error: (!applied.error.is_empty()).then_some(applied.error),
        })
    });
    let queues = report.queues.iter().map(|queue| {
        Ok(QueueReport {
            lane: lane_from(REPORT, queue.lane)?,
            epoch: QueueEpoch(queue.queue_epoch),
            next_seq: Seq(queue.next_seq),
            pending_batches: queue.pending_batches,
            pending_bytes: queue.pending_bytes,
            dropped_batches: queue.dropped_batches,
            dropped: ranges_from(REPORT, &queue.dropped)?,
        })
    });
    Ok(Report {
        at: Timestamp(report.at),
        software: report.software,
        catalogue: CatalogueHash(report.catalogue_hash),
        applied: applied.collect::<Result<_, Error>>()?,
        not_available: report.not_available,
        queues: queues.collect::<Result<_, Error>>()?,
    })
}

pub fn encode_fetch(fetch: &Fetch) -> Vec<u8> {
    let have = fetch.have.iter().map(|(kind, version)| pb::Have { kind: kind.code(), version: *version });
    pb::Fetch { have: have.collect(), access: fetch.access }.encode_to_vec()
}

/// A kind that this release does not know is left out: a newer car still gets what both know.
pub fn decode_fetch(bytes: &[u8]) -> Result<Fetch, Error> {
    let fetch: pb::Fetch = parse(FETCH, bytes)?;
    let known = fetch.have.iter().filter_map(|have| Some((Kind::from_code(have.kind)?, have.version)));
    Ok(Fetch { have: known.collect(), access: fetch.access })
}

pub fn encode_notice(notice: &Notice) -> Vec<u8> {
    let refused = notice.refused.iter().map(|batch| pb::RefusedBatch {
        lane: lane_code(batch.lane),
        queue_epoch: batch.epoch.0,
        seq: batch.seq.0,
        reason: batch.reason.clone(),
    });
    let bad_columns = notice.bad_columns.iter().map(|column| pb::BadColumn {
        campaign: column.campaign.0,
        campaign_version: column.version.0,
        signal: column.signal.0,
        samples: column.samples,
        reason: column.reason.clone(),
    });
    pb::Notice { refused: refused.collect(), bad_columns: bad_columns.collect() }.encode_to_vec()
}

pub fn decode_notice(bytes: &[u8]) -> Result<Notice, Error> {
    let notice: pb::Notice = parse(NOTICE, bytes)?;
    let refused = notice.refused.into_iter().map(|batch| {
        Ok(RefusedBatch {
            lane: lane_from(NOTICE, batch.lane)?,
            epoch: QueueEpoch(batch.queue_epoch),
            seq: Seq(batch.seq),
            reason: batch.reason,
        })
    });
    let bad_columns = notice.bad_columns.into_iter().map(|column| BadColumnNotice {
        campaign: CampaignId(column.campaign),
        version: CampaignVersion(column.campaign_version),
        signal: SignalId(column.signal),
        samples: column.samples,
        reason: column.reason,
    });
    Ok(Notice { refused: refused.collect::<Result<_, Error>>()?, bad_columns: bad_columns.collect() })
}

fn kind_from(message: &'static str, code: u32) -> Result<Kind, Error> {
    Kind::from_code(code).ok_or_else(|| unknown(message, "kind", code))
}
