//! A platform in the same process, for tests: the real session of `link` behind a pipe.

use std::{
    ops::ControlFlow,
    sync::{Arc, Mutex, OnceLock},
    time::Instant,
};

use campaigns::{Campaign, Group, How, UploadLimits};
use consent::{Grant, Grants, Jurisdiction};
use link::{
    Frames, PacketId, ReasonCode,
    client::{Connection, Options},
    server::{Event, Limits, Session},
};
use model::{
    CampaignId, CampaignVersion, ConsentEpoch, DataCategory, Lane, Micros, Purpose, Timestamp, VehicleId,
};
use possession::CodeKind;
use signals::{Catalogue, SignalId};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex},
    sync::watch,
};
use wire::{
    AccessNotice, AccessNoticeKind, ConsentDocument, Envelope, Kind, LinkCode, Report, SigningKey,
    VerifyingKeys, topic::Topic,
};

use crate::Connect;

pub(crate) const VEHICLE: VehicleId = VehicleId::from_bytes([0x5a; 16]);
const START: Timestamp = Timestamp(1_750_000_000_000_000);

/// The time of tokio's paused clock, so that tests wait for nothing.
pub(crate) fn paused_clock() -> Timestamp {
    static FIRST: OnceLock<tokio::time::Instant> = OnceLock::new();
    let now = tokio::time::Instant::now();
    let since = now.saturating_duration_since(*FIRST.get_or_init(|| now));
    START + Micros(i64::try_from(since.as_micros()).unwrap())
}

/// A clock that stands still, for tests that pass the time in.
pub(crate) fn still_clock() -> Timestamp {
    START
}

pub(crate) fn signal(path: &str) -> SignalId {
    Catalogue::core().by_path(path).unwrap().id
}

/// Speed and position live each second; odometer and speed in bulk each ten.
pub(crate) fn campaign() -> Campaign {
    let group = |paths: &[&str], lane, flush| Group {
        signals: paths.iter().map(|path| signal(path)).collect(),
        lane,
        how: How::Every(Micros::SECOND),
        flush_every: Micros::from_secs(flush),
    };
    let live = ["Vehicle.Speed", "Vehicle.CurrentLocation.Latitude", "Vehicle.CurrentLocation.Longitude"];
    Campaign {
        id: CampaignId(7),
        version: CampaignVersion(1),
        name: "test".to_owned(),
        purpose: Purpose::FleetManagement,
        groups: vec![
            group(&live, Lane::Live, 1),
            group(&["Vehicle.TraveledDistance", "Vehicle.Speed"], Lane::Bulk, 10),
        ],
        limits: UploadLimits::default(),
    }
}

pub(crate) fn consent(epoch: u32, categories: &[DataCategory]) -> ConsentDocument {
    let grants = categories.iter().map(|category| Grant {
        purpose: Purpose::FleetManagement,
        category: *category,
        granted: true,
        at: START,
    });
    ConsentDocument {
        grants: Grants::new(ConsentEpoch(epoch), grants),
        jurisdiction: Jurisdiction::Eu,
        first_epoch: ConsentEpoch(0),
    }
}

/// What the test and the connections of a cloud share.
#[derive(Debug, Clone)]
pub(crate) struct TestCloud {
    state: Arc<Mutex<State>>,
    changed: watch::Sender<u64>,
}

#[derive(Debug)]
struct State {
    key: SigningKey,
    reachable: bool,
    /// Batches that were sent up, each time they were.
    batches: Vec<(Lane, Vec<u8>)>,
    reports: Vec<Report>,
    codes: Vec<LinkCode>,
    notices: Vec<AccessNotice>,
    documents: Vec<(Kind, u64, Vec<u8>)>,
    refuse: Option<Lane>,
    /// Connections are cut at the next batch instead of acknowledging it.
    cut: bool,
    /// How far its clock is ahead of the cars'.
    clock_ahead: Micros,
}

impl TestCloud {
    pub(crate) fn new() -> Self {
        // PKCS#8 of an Ed25519 key (RFC 8410) whose seed nobody uses elsewhere.
        let mut pkcs8 = b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20".to_vec();
        pkcs8.extend([7; 32]);
        let state = State {
            key: SigningKey::from_pkcs8(&pkcs8).unwrap(),
            reachable: true,
            batches: Vec::new(),
            reports: Vec::new(),
            codes: Vec::new(),
            notices: Vec::new(),
            documents: Vec::new(),
            refuse: None,
            cut: false,
            clock_ahead: Micros::ZERO,
        };
        Self { state: Arc::new(Mutex::new(state)), changed: watch::Sender::new(0) }
    }

    pub(crate) fn keys(&self) -> Arc<VerifyingKeys> {
        Arc::new(VerifyingKeys::new([*self.state.lock().unwrap().key.public_key()]))
    }

    pub(crate) fn set_reachable(&self, reachable: bool) {
        self.state.lock().unwrap().reachable = reachable;
    }

    pub(crate) fn refuse(&self, lane: Lane) {
        self.state.lock().unwrap().refuse = Some(lane);
    }

    pub(crate) fn set_clock_ahead(&self, by: Micros) {
        self.state.lock().unwrap().clock_ahead = by;
    }

    /// The connection is lost before the next batch is acknowledged, once.
    pub(crate) fn cut_once(&self) {
        self.state.lock().unwrap().cut = true;
    }

    pub(crate) fn envelope(&self, kind: Kind, version: u64, payload: Vec<u8>) -> Vec<u8> {
        let (not_before, expires) = (Timestamp(0), START + Micros(365 * Micros::DAY.0));
        let envelope = Envelope { kind, vehicle: VEHICLE, version, not_before, expires, payload };
        self.state.lock().unwrap().key.sign(&envelope).unwrap()
    }

    pub(crate) fn want(&self, kind: Kind, version: u64, payload: Vec<u8>) {
        let envelope = self.envelope(kind, version, payload);
        self.state.lock().unwrap().documents.push((kind, version, envelope));
    }

    pub(crate) fn batches(&self) -> Vec<(Lane, Vec<u8>)> {
        self.state.lock().unwrap().batches.clone()
    }

    pub(crate) fn reports(&self) -> Vec<Report> {
        self.state.lock().unwrap().reports.clone()
    }

    pub(crate) fn codes(&self) -> Vec<LinkCode> {
        self.state.lock().unwrap().codes.clone()
    }

    /// Somebody got access; a car hears of it with its next fetch.
    pub(crate) fn notify(&self, number: u64, kind: CodeKind) {
        self.state.lock().unwrap().notices.push(AccessNotice {
            number,
            kind: AccessNoticeKind::Got(kind),
            at: START,
        });
    }

    /// Waits until something that came up makes `done` true.
    pub(crate) async fn until(&self, mut done: impl FnMut(&Self) -> bool) {
        let mut changes = self.changed.subscribe();
        while !done(self) {
            changes.changed().await.unwrap();
        }
    }

    /// Answers one packet; false to cut the connection.
    fn answer(&self, event: Event<'_>, session: &mut Session, out: &mut Vec<u8>) -> bool {
        let mut state = self.state.lock().unwrap();
        match event {
            Event::Connect(request) => {
                let time = paused_clock() + state.clock_ahead;
                session.accept(now(), time, &request, &Limits::default(), out);
            }
            Event::Batch { id, lane, payload } => {
                state.batches.push((lane, payload.to_vec()));
                if std::mem::take(&mut state.cut) {
                    return false;
                }
                let refused = state.refuse == Some(lane);
                acknowledge(session, id, refused);
            }
            Event::Report { id, payload } => {
                state.reports.push(wire::decode_report(payload).unwrap());
                session.taken(id);
            }
            Event::Fetch { id, payload } => {
                session.taken(id);
                let fetch = wire::decode_fetch(payload).unwrap();
                let newer = state.notices.iter().filter(|notice| Some(notice.number) > fetch.access);
                let newer: Vec<AccessNotice> = newer.copied().collect();
                if !newer.is_empty() {
                    session.publish(Topic::Access, &wire::encode_access_notices(&newer), out).unwrap();
                }
                for (kind, version, envelope) in &state.documents {
                    if fetch.have.iter().any(|(known, had)| known == kind && had < version) {
                        session.publish(Topic::Down(*kind), envelope, out).unwrap();
                    }
                }
            }
            Event::LinkCode { id, payload } => {
                state.codes.push(wire::decode_link_code(payload).unwrap());
                session.taken(id);
            }
            Event::Pong { .. } | Event::Rejected { .. } | Event::Subscribed => {}
            Event::Goodbye { .. } => return false,
        }
        drop(state);
        self.changed.send_modify(|count| *count += 1);
        true
    }

    async fn serve(self, mut stream: DuplexStream) {
        let limits = Limits::default();
        let mut session = Session::new(now(), None, &limits);
        let mut frames = Frames::new();
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(length @ 1..) = stream.read(&mut buffer).await {
            let mut out = Vec::new();
            let fed = frames.feed(&buffer[..length], limits.packet_bytes_max, |packet| {
                let event = session.handle_packet(now(), packet, &limits, &mut out).unwrap();
                let alive = event.is_none_or(|event| self.answer(event, &mut session, &mut out));
                if alive { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            });
            if fed.unwrap().is_break() {
                return;
            }
            session.flush_acks(&mut out);
            if stream.write_all(&out).await.is_err() {
                return;
            }
        }
    }
}

impl Connect for TestCloud {
    type Stream = DuplexStream;

    async fn connect(&self) -> Result<Connection<DuplexStream>, link::Error> {
        if !self.state.lock().unwrap().reachable {
            return Err(link::Error::Closed);
        }
        let (car, cloud) = duplex(256 * 1024);
        tokio::spawn(self.clone().serve(cloud));
        Connection::start(car, VEHICLE, Options::default()).await
    }
}

fn acknowledge(session: &mut Session, id: PacketId, refused: bool) {
    if refused {
        session.rejected(id, ReasonCode::ImplementationSpecific, "the test refuses this lane");
    } else {
        session.taken(id);
    }
}

fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}
