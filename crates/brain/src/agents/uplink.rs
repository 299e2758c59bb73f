//! What goes up and comes down while the link is there.
//!
//! Batches leave in the queue's order, as many at once as the platform takes. A batch is settled
//! when the platform has stored it or refused it for ever, and sent again after a lost link.

use bytes::Bytes;
use campaigns::Permissions;
use link::{
    PacketId,
    client::{Connection, Event, NotSent},
};
use model::{Lane, Micros, Timestamp};
use tokio::io::{AsyncRead, AsyncWrite};
use wire::{Fetch, RowGroup, SeqRange, encode_fetch, encode_report, parse_header, topic::Topic};

use crate::{
    Error,
    core::Core,
    desired::Change,
    queue::{Key, Outgoing},
};

/// Reports about the queue alone come no more often.
const REPORT_INTERVAL: Micros = Micros::MINUTE;

/// The state of one car's traffic with the cloud.
#[derive(Debug)]
pub(crate) struct Uplink {
    in_flight: Vec<(PacketId, Sent)>,
    fetch_due: bool,
    report_due: bool,
    reported_at: Timestamp,
    /// Dropped batches that the latest report told of.
    reported_drops: u64,
    /// By lane: sequence numbers of batches that consent deleted before they left, not announced yet.
    withdrawn: [Vec<SeqRange>; Lane::ALL.len()],
}

#[derive(Debug, Clone, Copy)]
enum Sent {
    Batch { key: Key, samples: u32 },
    Report,
    Fetch,
}

/// A batch ready to be published, or why it is not.
enum Prepared {
    Send {
        payload: Bytes,
        samples: u32,
    },
    /// Nothing that may leave is left in it.
    Withdrawn,
    /// It cannot be read.
    Damaged,
}

impl Uplink {
    pub(crate) fn new() -> Self {
        Self {
            in_flight: Vec::new(),
            fetch_due: false,
            report_due: false,
            reported_at: Timestamp(0),
            reported_drops: 0,
            withdrawn: Default::default(),
        }
    }

    /// A connection is there: ask for what is new and say who we are.
    pub(crate) fn connected(&mut self, core: &mut Core) {
        core.shared().stats.connects.add(1);
        self.in_flight.clear();
        self.fetch_due = true;
        self.report_due = true;
        core.queue_mut().rewind();
    }

    /// The connection is gone: what was in flight goes up again with the next one.
    pub(crate) fn disconnected(&mut self, core: &mut Core) {
        core.shared().stats.disconnects.add(1);
        self.in_flight.clear();
        core.queue_mut().rewind();
    }

    /// Whether all that was published has been answered.
    pub(crate) fn is_idle(&self) -> bool {
        self.in_flight.is_empty()
    }

    /// Publishes what is due, as far as the window goes.
    pub(crate) fn fill<S>(
        &mut self,
        connection: &mut Connection<S>,
        core: &mut Core,
        now: Timestamp,
    ) -> Result<(), Error>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        self.note_drops(core, now);
        while connection.window_free() > 0 {
            let Some((topic, payload, sent)) = self.next_message(core, now)? else { return Ok(()) };
            match connection.publish(topic, &payload) {
                Ok(id) => {
                    if let (Sent::Batch { key, samples }, Some(observer)) = (sent, core.observer()) {
                        observer.published(key, samples);
                    }
                    self.in_flight.push((id, sent));
                }
                Err(NotSent::WindowFull | NotSent::NotReady) => {
                    core.queue_mut().rewind();
                    return Ok(());
                }
                Err(NotSent::TooLarge { bytes_max }) => {
                    tracing::error!(
                        bytes = payload.len(),
                        bytes_max,
                        ?topic,
                        "a message is too large to send"
                    );
                    self.settle(core, sent, false)?;
                }
            }
        }
        Ok(())
    }

    /// Takes what the connection tells. Gives whether the platform acknowledged something, which
    /// shows that the link works.
    pub(crate) fn handle(&mut self, event: Event, core: &mut Core, now: Timestamp) -> Result<bool, Error> {
        match event {
            Event::Taken { id } => {
                if let Some(sent) = self.landed(id) {
                    self.settle(core, sent, true)?;
                }
                Ok(true)
            }
            Event::Rejected { id, reason, text } => {
                if let Some(sent) = self.landed(id) {
                    tracing::warn!(?sent, %reason, text, "the platform refused a message");
                    self.settle(core, sent, false)?;
                }
                Ok(false)
            }
            Event::Down { topic, payload } => {
                self.handle_down(topic, &payload, core, now);
                Ok(false)
            }
        }
    }

    fn handle_down(&mut self, topic: Topic, payload: &[u8], core: &mut Core, now: Timestamp) {
        match topic {
            Topic::Down(kind) => match core.take_document(kind, payload, now) {
                Change::Nothing => {}
                Change::Plan | Change::Consent | Change::Refused => self.report_due = true,
            },
            Topic::Hint => self.fetch_due = true,
            Topic::Notice => notice(payload, core),
            // The session hands on nothing else; a later release may.
            Topic::Up(_) | Topic::Report | Topic::Fetch => {}
        }
    }

    fn next_message(
        &mut self,
        core: &mut Core,
        now: Timestamp,
    ) -> Result<Option<(Topic, Bytes, Sent)>, Error> {
        if std::mem::take(&mut self.fetch_due) {
            let fetch = encode_fetch(&Fetch { have: core.desired().have() });
            return Ok(Some((Topic::Fetch, fetch.into(), Sent::Fetch)));
        }
        if std::mem::take(&mut self.report_due) {
            self.reported_at = now;
            self.reported_drops = core.queue().counters().dropped_batches;
            let report = encode_report(&core.report(now));
            return Ok(Some((Topic::Report, report.into(), Sent::Report)));
        }
        while let Some(outgoing) = core.queue_mut().next_outgoing()? {
            let key = outgoing.key;
            match self.prepare(outgoing, core) {
                Prepared::Send { payload, samples } => {
                    return Ok(Some((Topic::Up(key.lane), payload, Sent::Batch { key, samples })));
                }
                Prepared::Withdrawn => {
                    push_range(&mut self.withdrawn[key.lane.index()], key);
                    core.queue_mut().settle(key)?;
                }
                Prepared::Damaged => {
                    core.shared().stats.batches_lost.add(1);
                    core.queue_mut().settle(key)?;
                }
            }
        }
        Ok(None)
    }

    /// Announces what was dropped before a batch, and deletes from one that was collected before the
    /// consent was narrowed what is not allowed any more.
    fn prepare(&mut self, outgoing: Outgoing, core: &Core) -> Prepared {
        let Outgoing { key, payload, dropped } = outgoing;
        let Ok((header, body)) = parse_header(&payload) else {
            tracing::error!(lane = %key.lane, seq = key.seq.0, "a queued batch cannot be read");
            return Prepared::Damaged;
        };
        let mut dropped: Vec<_> = dropped.into_iter().collect();
        dropped.append(&mut self.withdrawn[key.lane.index()]);
        if !core.must_check(key) {
            return announce(payload, dropped, header.samples);
        }
        let (permissions, catalogue) = (core.permissions(), core.broker().catalogue());
        let Ok(decoded) = wire::decode_columns(&header, body, catalogue) else {
            return Prepared::Damaged;
        };
        let groups = allowed_only(decoded.groups, permissions, &header, catalogue);
        let left: usize = groups.iter().map(RowGroup::samples).sum();
        let left = u32::try_from(left).unwrap_or(u32::MAX);
        if left == header.samples {
            return announce(payload, dropped, left);
        }
        core.shared().stats.samples_withdrawn.add(u64::from(header.samples.saturating_sub(left)));
        if left == 0 {
            self.withdrawn[key.lane.index()] = dropped;
            return Prepared::Withdrawn;
        }
        let mut meta = header.meta;
        meta.dropped = sorted(dropped);
        meta.consent_epoch = permissions.epoch();
        match core.shared().encode(&meta, &groups, catalogue) {
            Ok(payload) => Prepared::Send { payload: payload.into(), samples: left },
            Err(_) => Prepared::Damaged,
        }
    }

    fn settle(&mut self, core: &mut Core, sent: Sent, stored: bool) -> Result<(), Error> {
        let Sent::Batch { key, samples } = sent else { return Ok(()) };
        core.queue_mut().settle(key)?;
        let stats = &core.shared().stats;
        let (batches, all) = if stored {
            (&stats.batches_acknowledged, &stats.samples_acknowledged)
        } else {
            (&stats.batches_refused, &stats.samples_refused)
        };
        batches.add(1);
        all.add(u64::from(samples));
        if let Some(observer) = core.observer() {
            observer.settled(key, samples, stored);
        }
        Ok(())
    }

    fn landed(&mut self, id: PacketId) -> Option<Sent> {
        let place = self.in_flight.iter().position(|(known, _)| *known == id)?;
        Some(self.in_flight.remove(place).1)
    }

    /// A queue that drops data says so, but not every second.
    fn note_drops(&mut self, core: &Core, now: Timestamp) {
        let drops = core.queue().counters().dropped_batches;
        if drops > self.reported_drops && now.since(self.reported_at) >= REPORT_INTERVAL {
            self.report_due = true;
        }
    }
}

fn notice(payload: &[u8], core: &Core) {
    let Ok(notice) = wire::decode_notice(payload) else { return };
    let columns = u64::try_from(notice.bad_columns.len()).unwrap_or(u64::MAX);
    core.shared().stats.bad_columns.add(columns);
    for column in notice.bad_columns {
        tracing::warn!(signal = %column.signal, reason = column.reason, "columns are in quarantine");
    }
    for batch in notice.refused {
        tracing::warn!(lane = %batch.lane, seq = batch.seq.0, reason = batch.reason, "a batch was refused");
    }
}

fn announce(payload: Bytes, dropped: Vec<SeqRange>, samples: u32) -> Prepared {
    if dropped.is_empty() {
        return Prepared::Send { payload, samples };
    }
    match wire::announce_dropped(&payload, sorted(dropped)) {
        Ok(payload) => Prepared::Send { payload: payload.into(), samples },
        Err(_) => Prepared::Damaged,
    }
}

fn allowed_only(
    mut groups: Vec<RowGroup>,
    permissions: Permissions,
    header: &wire::BatchHeader,
    catalogue: &signals::Catalogue,
) -> Vec<RowGroup> {
    for group in &mut groups {
        group.columns.retain(|column| {
            let leaf = catalogue.by_id(column.signal);
            leaf.is_some_and(|leaf| permissions.allows(header.meta.purpose, leaf.category))
        });
    }
    groups.retain(|group| !group.columns.is_empty());
    groups
}

fn push_range(ranges: &mut Vec<SeqRange>, key: Key) {
    match ranges.last_mut() {
        Some(range) if range.last.0 + 1 == key.seq.0 => range.last = key.seq,
        Some(_) | None => ranges.push(SeqRange { first: key.seq, last: key.seq }),
    }
}

/// In order, with neighbours joined, as a header has them.
fn sorted(mut ranges: Vec<SeqRange>) -> Vec<SeqRange> {
    ranges.sort_by_key(|range| range.first);
    ranges.dedup_by(|next, range| {
        let adjacent = next.first.0 <= range.last.0 + 1;
        if adjacent {
            range.last = range.last.max(next.last);
        }
        adjacent
    });
    ranges
}
