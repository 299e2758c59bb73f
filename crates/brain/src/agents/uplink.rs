//! What goes up and comes down while the link is there.
//!
//! Batches leave in the queue's order, as many at once as the platform takes. A batch is settled
//! when the platform has stored it or refused it for ever, and sent again after a lost link.

use std::sync::Arc;

use bytes::Bytes;
use campaigns::Permissions;
use link::{
    PacketId,
    client::{Connection, Event, NotSent, ServerTime},
};
use model::{Micros, Timestamp};
use possession::Code;
use signals::Leaf;
use tokio::io::{AsyncRead, AsyncWrite};
use wire::{
    Fetch, RowGroup, SeqRange, encode_fetch, encode_link_code, encode_report, parse_header, topic::Topic,
};

use crate::{
    CodeState,
    clock::monotonic,
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
    /// The platform has answered the latest fetch: what it wants, grants too, is applied.
    is_current: bool,
    report_due: bool,
    reported_at: Timestamp,
    /// Dropped batches that the latest report told of.
    reported_drops: u64,
}

#[derive(Debug, Clone)]
enum Sent {
    Batch { key: Key, samples: u32 },
    Report,
    Fetch,
    Code(Code),
}

/// A batch ready to be published, or why it is not.
enum Prepared {
    Send {
        payload: Bytes,
        samples: u32,
    },
    /// Nothing that may leave is left in it.
    Withdrawn,
    /// It cannot be read, or not be checked.
    Lost,
}

impl Uplink {
    pub(crate) fn new() -> Self {
        Self {
            in_flight: Vec::new(),
            fetch_due: false,
            is_current: false,
            report_due: false,
            reported_at: Timestamp(0),
            reported_drops: 0,
        }
    }

    /// A connection is there: ask for what is new and say who we are.
    pub(crate) fn connected(&mut self, core: &mut Core) {
        core.shared().stats.connects.add(1);
        self.in_flight.clear();
        self.ask();
        self.report_due = true;
        core.queue_mut().rewind();
    }

    /// The connection is gone: what was in flight goes up again with the next one.
    pub(crate) fn disconnected(&mut self, core: &mut Core) {
        core.shared().stats.disconnects.add(1);
        self.in_flight.clear();
        core.queue_mut().rewind();
    }

    /// Something newer may be wanted of the car. Until it is here no batch leaves: it may hold what
    /// was withdrawn meanwhile.
    fn ask(&mut self) {
        self.fetch_due = true;
        self.is_current = false;
    }

    /// Whether all that was published has been answered.
    pub(crate) fn is_idle(&self) -> bool {
        self.in_flight.is_empty()
    }

    /// Publishes what is due, as far as the window goes.
    pub(crate) fn fill<S>(&mut self, connection: &mut Connection<S>, core: &mut Core, now: Timestamp)
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        self.note_drops(core, now);
        while connection.window_free() > 0 {
            // Somebody looks at the code and waits.
            let code = self.code(connection.server_time(), core, now);
            let Some((topic, payload, sent)) = code.or_else(|| self.next_message(core, now)) else { return };
            match connection.publish(topic, &payload) {
                Ok(id) => {
                    if let (Sent::Batch { key, samples }, Some(observer)) = (&sent, core.observer()) {
                        observer.published(*key, *samples);
                    }
                    self.in_flight.push((id, sent));
                }
                Err(NotSent::WindowFull | NotSent::NotReady) => {
                    core.queue_mut().rewind();
                    return;
                }
                Err(NotSent::TooLarge { bytes_max }) => {
                    tracing::error!(
                        bytes = payload.len(),
                        bytes_max,
                        ?topic,
                        "a message is too large to send"
                    );
                    self.settle(core, sent, false);
                }
            }
        }
    }

    /// Takes what the connection tells. Gives whether the platform acknowledged something, which
    /// shows that the link works.
    pub(crate) fn handle(&mut self, event: Event, core: &mut Core, now: Timestamp) -> bool {
        match event {
            Event::Taken { id } => {
                if let Some(sent) = self.landed(id) {
                    self.settle(core, sent, true);
                }
                true
            }
            Event::Rejected { id, reason, text } => {
                if let Some(sent) = self.landed(id) {
                    tracing::warn!(?sent, %reason, text, "the platform refused a message");
                    self.settle(core, sent, false);
                }
                false
            }
            Event::Down { topic, payload } => {
                self.handle_down(topic, &payload, core, now);
                false
            }
        }
    }

    fn handle_down(&mut self, topic: Topic, payload: &[u8], core: &mut Core, now: Timestamp) {
        match topic {
            Topic::Down(kind) => match core.take_document(kind, payload, now) {
                Change::Nothing => {}
                Change::Plan | Change::Consent | Change::Refused => self.report_due = true,
            },
            Topic::Hint => self.ask(),
            Topic::Notice => notice(payload, core),
            Topic::Access => core.notices().take(payload),
            // The session hands on nothing else; a later release may.
            Topic::Up(_) | Topic::Report | Topic::Fetch | Topic::LinkCode | Topic::Pong | Topic::Ping => {}
        }
    }

    fn next_message(&mut self, core: &mut Core, now: Timestamp) -> Option<(Topic, Bytes, Sent)> {
        if std::mem::take(&mut self.fetch_due) {
            let fetch = Fetch { have: core.desired().have(), access: Some(core.notices().newest()) };
            return Some((Topic::Fetch, encode_fetch(&fetch).into(), Sent::Fetch));
        }
        if std::mem::take(&mut self.report_due) {
            self.reported_at = now;
            self.reported_drops = core.queue().counters().dropped_batches;
            let report = encode_report(&core.report(now));
            return Some((Topic::Report, report.into(), Sent::Report));
        }
        if !self.is_current {
            return None;
        }
        while let Some(outgoing) = core.queue_mut().next_outgoing() {
            let key = outgoing.key;
            match prepare(outgoing, core) {
                Prepared::Send { payload, samples } => {
                    return Some((Topic::Up(key.lane), payload, Sent::Batch { key, samples }));
                }
                Prepared::Withdrawn => core.queue_mut().withdraw(key),
                Prepared::Lost => {
                    core.shared().stats.batches_lost.add(1);
                    core.queue_mut().withdraw(key);
                }
            }
        }
        None
    }

    /// The code that the platform has to hear of, unless it is on its way.
    fn code(
        &self,
        platform: Option<ServerTime>,
        core: &Core,
        now: Timestamp,
    ) -> Option<(Topic, Bytes, Sent)> {
        let (code, mut message) = core.codes().unheard(now)?;
        // The car's clock may be off; the platform goes by its own.
        let ahead = platform.map(|time| time.range_at(monotonic().into_std()).0.since(now));
        message.until = message.until + ahead.unwrap_or_default();
        let is_sent =
            self.in_flight.iter().any(|(_, sent)| matches!(sent, Sent::Code(sent) if *sent == code));
        (!is_sent).then(|| (Topic::LinkCode, encode_link_code(&message).into(), Sent::Code(code)))
    }

    fn settle(&mut self, core: &mut Core, sent: Sent, stored: bool) {
        let (key, samples) = match sent {
            Sent::Batch { key, samples } => (key, samples),
            Sent::Fetch => {
                // The documents came before the answer; a newer hint has asked again meanwhile.
                let asked_again = self.fetch_due || self.in_flight.iter().any(|(_, sent)| sent.is_fetch());
                self.is_current = stored && !asked_again;
                return;
            }
            Sent::Report => return,
            Sent::Code(code) => {
                let state = if stored { CodeState::Taken } else { CodeState::Refused };
                return core.codes().settle(&code, state);
            }
        };
        core.queue_mut().settle(key);
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
    }

    fn landed(&mut self, id: PacketId) -> Option<Sent> {
        let place = self.in_flight.iter().position(|(known, _)| *known == id)?;
        Some(self.in_flight.remove(place).1)
    }

    /// A queue that drops data says so, but not every second.
    fn note_drops(&mut self, core: &Core, now: Timestamp) {
        let drops = core.queue().counters().dropped_batches;
        // A clock that was set back must not keep the report waiting.
        if drops > self.reported_drops
            && (now < self.reported_at || now.since(self.reported_at) >= REPORT_INTERVAL)
        {
            self.report_due = true;
        }
    }
}

impl Sent {
    fn is_fetch(&self) -> bool {
        matches!(self, Self::Fetch)
    }
}

/// Announces what was dropped before a batch, and deletes from one that was collected before the
/// consent was narrowed what is not allowed any more.
fn prepare(outgoing: Outgoing, core: &mut Core) -> Prepared {
    let Outgoing { key, payload, dropped } = outgoing;
    let Ok((header, body)) = parse_header(&payload) else {
        tracing::error!(lane = %key.lane, seq = key.seq.0, "a queued batch cannot be read");
        return Prepared::Lost;
    };
    if header.meta.consent_epoch < core.desired().first_epoch() {
        core.shared().stats.samples_withdrawn.add(u64::from(header.samples));
        return Prepared::Withdrawn;
    }
    if !core.must_check(key) {
        return announce(payload, dropped, header.samples);
    }
    let Some(catalogue) = core.catalogue_of(header.catalogue) else {
        tracing::error!(
            lane = %key.lane, seq = key.seq.0, catalogue = %header.catalogue,
            "a queued batch was made with a catalogue that is not here; it cannot be checked and stays in the car"
        );
        return Prepared::Lost;
    };
    let Ok(decoded) = wire::decode_columns(&header, body, &catalogue) else {
        tracing::error!(lane = %key.lane, seq = key.seq.0, "a queued batch cannot be decoded");
        return Prepared::Lost;
    };
    let permissions = core.permissions();
    let groups = allowed_only(decoded.groups, permissions, &header, [&catalogue, core.broker().catalogue()]);
    let left: usize = groups.iter().map(RowGroup::samples).sum();
    let left = u32::try_from(left).unwrap_or(u32::MAX);
    if left == header.samples {
        return announce(payload, dropped, left);
    }
    core.shared().stats.samples_withdrawn.add(u64::from(header.samples.saturating_sub(left)));
    if left == 0 {
        return Prepared::Withdrawn;
    }
    let mut meta = header.meta;
    meta.dropped = dropped.into_iter().collect();
    meta.consent_epoch = permissions.epoch();
    match core.shared().encode(&meta, &groups, &catalogue) {
        Ok(payload) => Prepared::Send { payload: payload.into(), samples: left },
        Err(error) => {
            tracing::error!(%error, lane = %key.lane, seq = key.seq.0, "a batch cannot be encoded again");
            Prepared::Lost
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

fn announce(payload: Bytes, dropped: Option<SeqRange>, samples: u32) -> Prepared {
    let Some(dropped) = dropped else { return Prepared::Send { payload, samples } };
    match wire::announce_dropped(&payload, vec![dropped]) {
        Ok(payload) => Prepared::Send { payload: payload.into(), samples },
        Err(error) => {
            tracing::error!(%error, "a hole cannot be announced with its batch");
            Prepared::Lost
        }
    }
}

/// What may leave by the catalogue that the batch was made with, and by the car's own of today,
/// which may know a leaf's category better.
fn allowed_only(
    mut groups: Vec<RowGroup>,
    permissions: Permissions,
    header: &wire::BatchHeader,
    [made_with, today]: [&signals::Catalogue; 2],
) -> Vec<RowGroup> {
    let allows = |leaf: &Arc<Leaf>| permissions.allows(header.meta.purpose, leaf.category);
    for group in &mut groups {
        group.columns.retain(|column| {
            made_with.by_id(column.signal).is_some_and(allows)
                && today.by_id(column.signal).is_none_or(allows)
        });
    }
    groups.retain(|group| !group.columns.is_empty());
    groups
}
