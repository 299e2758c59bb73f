//! The rest of the platform, as a test wants it.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
        mpsc as std_mpsc,
    },
    time::Duration,
};

use bytes::Bytes;
use campaigns::{Column, RowGroup};
use lake::log::{BoxFuture, Completion, DurableLog, Entry, Group, LogError, LogReader, Offset, Refused};
use model::{
    Brand, CampaignId, CampaignVersion, CatalogueHash, ConsentEpoch, Lane, Micros, Purpose, QueueEpoch, Seq,
    ShardCount, ShardId, SubjectId, Timestamp, VehicleId,
};
use signals::{Catalogue, DataType, Quality, ScalarType, Value};
use tokio::{
    runtime::Runtime,
    sync::{Notify, mpsc},
};
use wire::{BatchMeta, ClockState, Fetch, Kind, LinkCode, Report, encode_batch, topic::Topic};

use super::phone::Phone;
use crate::gateway::{
    Admission, Assignment, Backends, Change, Config, Connectivity, Credentials, Denial, Desired, Gateway,
    Registry, Reports, Sighting, Transport, Unavailable,
};

const PATIENCE: Duration = Duration::from_secs(20);

/// Suspicions that nobody has taken.
pub(super) const SUSPICIONS_MAX: usize = 20;

pub(super) const CAMPAIGN: CampaignId = CampaignId(1);
pub(super) const OTHERS_CAMPAIGN: CampaignId = CampaignId(2);
pub(super) const STRANGE_CAMPAIGN: CampaignId = CampaignId(3);

pub(super) fn vehicle(number: u8) -> VehicleId {
    VehicleId::from_bytes([number; 16])
}

pub(super) fn subject(number: u8) -> SubjectId {
    SubjectId::from_bytes([number ^ 0xff; 16])
}

pub(super) fn header(seq: u64) -> BatchMeta {
    BatchMeta {
        epoch: QueueEpoch(1),
        seq: Seq(seq),
        lane: Lane::Live,
        campaign: CAMPAIGN,
        version: CampaignVersion(1),
        purpose: Purpose::FleetManagement,
        consent_epoch: ConsentEpoch(1),
        clock: ClockState::Synced,
        dropped: Vec::new(),
    }
}

pub(super) fn batch(seq: u64) -> Vec<u8> {
    batch_with(&header(seq))
}

pub(super) fn batch_with(meta: &BatchMeta) -> Vec<u8> {
    let catalogue = Catalogue::core();
    let float = DataType::Scalar(ScalarType::Float);
    let leaf = catalogue.leaves().find(|leaf| leaf.data_type == float).unwrap();
    let mut column = Column::new(leaf);
    column.push(leaf, Some(&Value::Float(1.5)), Quality::Good);
    let group = RowGroup { times: vec![Timestamp(1_767_225_600_000_000)], columns: vec![column] };
    encode_batch(meta, &[group], &catalogue).unwrap()
}

pub(super) fn report() -> Report {
    Report {
        at: Timestamp(1),
        software: "brain 0.1".to_owned(),
        catalogue: Catalogue::core().hash(),
        applied: Vec::new(),
        not_available: vec!["Vehicle.Speed".to_owned()],
        queues: Vec::new(),
    }
}

/// A gateway between fakes, with one worker so that events are in order.
pub(super) struct Stage {
    pub(super) gateway: Gateway,
    pub(super) log: Arc<FakeLog>,
    pub(super) registry: Arc<FakeRegistry>,
    pub(super) reports: Arc<FakeReports>,
    pub(super) runtime: Runtime,
    connectivity: mpsc::Sender<Connectivity>,
    news: mpsc::Receiver<Connectivity>,
    clones: (mpsc::Sender<Sighting>, mpsc::Receiver<Sighting>),
    suspicions: (mpsc::Sender<Sighting>, mpsc::Receiver<Sighting>),
}

impl Stage {
    pub(super) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(super) fn with(change: impl FnOnce(&mut Config)) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let (connectivity, news) = mpsc::channel(100);
        let (clones, suspicions) = (mpsc::channel(100), mpsc::channel(SUSPICIONS_MAX));
        let (log, registry, reports) = (Arc::default(), Arc::default(), Arc::default());
        let backends = backends(&log, &registry, &reports, (&connectivity, &clones.0, &suspicions.0));
        let mut config = config();
        change(&mut config);
        let gateway = Gateway::start(config, backends, runtime.handle()).unwrap();
        Self { gateway, log, registry, reports, runtime, connectivity, news, clones, suspicions }
    }

    pub(super) fn config(&self) -> Config {
        config()
    }

    pub(super) fn backends(&self) -> Backends {
        let told = (&self.connectivity, &self.clones.0, &self.suspicions.0);
        backends(&self.log, &self.registry, &self.reports, told)
    }

    /// A connection that has said nothing.
    pub(super) fn phone(&self) -> Phone {
        Phone::new(self.gateway.address())
    }

    /// The same, from another network.
    pub(super) fn phone_elsewhere(&self) -> Phone {
        self.phone_at(7)
    }

    /// From the network of this number.
    pub(super) fn phone_at(&self, network: u8) -> Phone {
        Phone::from(&format!("127.0.{network}.1"), self.gateway.address())
    }

    /// A car that is connected and listens.
    pub(super) fn listening(&self, number: u8) -> Phone {
        let mut phone = self.car(number);
        phone.subscribe();
        assert_eq!(phone.hear(), "suback");
        phone
    }

    /// A car that is connected.
    pub(super) fn car(&self, number: u8) -> Phone {
        let mut phone = self.phone();
        phone.connect(number, 60);
        phone
    }

    pub(super) fn next_clone(&mut self) -> Sighting {
        let seen = async { tokio::time::timeout(PATIENCE, self.clones.1.recv()).await };
        self.runtime.block_on(seen).expect("clones are told of in time").unwrap()
    }

    pub(super) fn next_suspicion(&mut self) -> Sighting {
        let seen = async { tokio::time::timeout(PATIENCE, self.suspicions.1.recv()).await };
        self.runtime.block_on(seen).expect("suspicions are told of in time").unwrap()
    }

    /// Those that came and were not looked at.
    pub(super) fn suspicions_left(&mut self) -> Vec<Sighting> {
        std::iter::from_fn(|| self.suspicions.1.try_recv().ok()).collect()
    }

    pub(super) fn next_news(&mut self) -> (VehicleId, Change) {
        let news = self.runtime.block_on(async { tokio::time::timeout(PATIENCE, self.news.recv()).await });
        let news = news.expect("news come in time").unwrap();
        (news.vehicle, news.change)
    }
}

fn config() -> Config {
    let listen = "127.0.0.1:0".parse().unwrap();
    let mut config = Config::new(listen, Transport::PlainLoopback, "eu".parse().unwrap());
    config.workers = 1;
    config.answer_wait = Micros(50_000);
    config
}

fn backends(
    log: &Arc<FakeLog>,
    registry: &Arc<FakeRegistry>,
    reports: &Arc<FakeReports>,
    (connectivity, clones, suspicions): (
        &mpsc::Sender<Connectivity>,
        &mpsc::Sender<Sighting>,
        &mpsc::Sender<Sighting>,
    ),
) -> Backends {
    Backends {
        log: Arc::<FakeLog>::clone(log),
        registry: Arc::<FakeRegistry>::clone(registry),
        desired: Arc::new(FakeDesired),
        reports: Arc::<FakeReports>::clone(reports),
        connectivity: connectivity.clone(),
        clones: clones.clone(),
        suspicions: suspicions.clone(),
    }
}

/// What the log does with a group.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Mode {
    #[default]
    Confirm,
    Hold,
    Full,
    Fail,
}

pub(super) struct FakeLog {
    mode: Mutex<Mode>,
    held: Mutex<Vec<Completion>>,
    room: Arc<Notify>,
    seen: (Mutex<std_mpsc::Sender<Vec<Entry>>>, Mutex<std_mpsc::Receiver<Vec<Entry>>>),
    refused: (Mutex<std_mpsc::Sender<()>>, Mutex<std_mpsc::Receiver<()>>),
}

impl std::fmt::Debug for FakeLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FakeLog")
    }
}

impl Default for FakeLog {
    fn default() -> Self {
        let (seen_in, seen_out) = std_mpsc::channel();
        let (refused_in, refused_out) = std_mpsc::channel();
        Self {
            mode: Mutex::default(),
            held: Mutex::default(),
            room: Arc::default(),
            seen: (Mutex::new(seen_in), Mutex::new(seen_out)),
            refused: (Mutex::new(refused_in), Mutex::new(refused_out)),
        }
    }
}

impl FakeLog {
    pub(super) fn set(&self, mode: Mode) {
        *self.mode.lock().unwrap() = mode;
    }

    /// Confirms what was held, and from now on all.
    pub(super) fn release(&self) {
        self.set(Mode::Confirm);
        for done in self.held.lock().unwrap().drain(..) {
            done(Ok(Offset(0)));
        }
    }

    pub(super) fn make_room(&self) {
        self.room.notify_one();
    }

    pub(super) fn next_group(&self) -> Vec<Entry> {
        self.seen.1.lock().unwrap().recv_timeout(PATIENCE).unwrap()
    }

    pub(super) fn next_refusal(&self) {
        self.refused.1.lock().unwrap().recv_timeout(PATIENCE).unwrap();
    }
}

impl DurableLog for FakeLog {
    fn state(&self) -> Result<(), LogError> {
        Ok(())
    }

    fn shards(&self) -> ShardCount {
        ShardCount::new(4).unwrap()
    }

    #[expect(clippy::unwrap_in_result, reason = "a lock that is poisoned fails the test")]
    fn submit(&self, group: Group, done: Completion) -> Result<(), Box<Refused>> {
        let mode = *self.mode.lock().unwrap();
        if mode == Mode::Full {
            self.refused.0.lock().unwrap().send(()).unwrap();
            return Err(Box::new(Refused { reason: LogError::Full { bytes_max: 0 }, group, done }));
        }
        let entries = group.entries().collect();
        match mode {
            // Before it is told of, so that who hears of it can release it.
            Mode::Hold => self.held.lock().unwrap().push(done),
            Mode::Fail => done(Err(LogError::Closed)),
            Mode::Confirm | Mode::Full => done(Ok(Offset(0))),
        }
        self.seen.0.lock().unwrap().send(entries).unwrap();
        Ok(())
    }

    fn room(&self) -> BoxFuture<'static, ()> {
        let room = Arc::clone(&self.room);
        Box::pin(async move { room.notified().await })
    }

    fn end(&self, _: ShardId) -> Offset {
        Offset(0)
    }

    fn read(&self, shard: ShardId, _: Offset) -> Result<Box<dyn LogReader>, LogError> {
        Err(LogError::NoSuchShard { shard: shard.0, shards: 0 })
    }

    fn trim(&self, _: ShardId, _: Offset) -> Result<(), LogError> {
        Ok(())
    }

    fn start(&self, _: ShardId) -> Offset {
        Offset(0)
    }
}

#[derive(Debug, Default)]
pub(super) struct FakeRegistry {
    denial: Mutex<Option<Denial>>,
    gate: Mutex<Option<Arc<Notify>>>,
    until: Mutex<Option<Timestamp>>,
    more: Mutex<Vec<CampaignId>>,
    catalogues_forgotten: AtomicBool,
}

impl FakeRegistry {
    pub(super) fn deny(&self, denial: Option<Denial>) {
        *self.denial.lock().unwrap() = denial;
    }

    /// When certificates end.
    pub(super) fn end_at(&self, until: Timestamp) {
        *self.until.lock().unwrap() = Some(until);
    }

    /// Answers only when the gate is opened.
    pub(super) fn hold(&self) -> Arc<Notify> {
        Arc::clone(self.gate.lock().unwrap().insert(Arc::default()))
    }

    pub(super) fn assign(&self, campaign: CampaignId) {
        self.more.lock().unwrap().push(campaign);
    }

    pub(super) fn forget_catalogues(&self) {
        self.catalogues_forgotten.store(true, Ordering::SeqCst);
    }

    pub(super) fn know_catalogues(&self) {
        self.catalogues_forgotten.store(false, Ordering::SeqCst);
    }
}

impl Registry for FakeRegistry {
    fn admit(&self, who: Credentials) -> BoxFuture<'static, Result<Admission, Denial>> {
        let denial = *self.denial.lock().unwrap();
        let gate = self.gate.lock().unwrap().clone();
        let until = *self.until.lock().unwrap();
        let mut campaigns = vec![CAMPAIGN];
        campaigns.extend_from_slice(&self.more.lock().unwrap());
        Box::pin(async move {
            if let Some(gate) = gate {
                gate.notified().await;
            }
            if let Some(denial) = denial {
                return Err(denial);
            }
            let number = who.vehicle.as_bytes()[0];
            let assigned = |campaign| Assignment {
                campaign,
                version: CampaignVersion(2),
                purpose: Purpose::FleetManagement,
                ended_at: None,
            };
            Ok(Admission {
                subject: subject(number),
                brand: Brand::Jeep,
                first_epoch: model::ConsentEpoch(0),
                campaigns: campaigns.into_iter().map(assigned).collect(),
                until,
            })
        })
    }

    fn knows_catalogue(&self, catalogue: CatalogueHash) -> bool {
        catalogue == Catalogue::core().hash() && !self.catalogues_forgotten.load(Ordering::SeqCst)
    }

    fn knows_campaign(&self, campaign: CampaignId) -> bool {
        campaign != STRANGE_CAMPAIGN
    }
}

/// Has campaigns of version 4 in a document of 200,000 bytes.
#[derive(Debug)]
struct FakeDesired;

impl Desired for FakeDesired {
    fn newer(
        &self,
        _: VehicleId,
        have: Fetch,
    ) -> BoxFuture<'static, Result<Vec<(Topic, Bytes)>, Unavailable>> {
        let newer = have.have.iter().all(|(kind, version)| *kind != Kind::Campaigns || *version < 4);
        let envelope = (Topic::Down(Kind::Campaigns), Bytes::from(vec![0; 200_000]));
        Box::pin(async move { Ok(if newer { vec![envelope] } else { Vec::new() }) })
    }
}

#[derive(Debug, Default)]
pub(super) struct FakeReports {
    kept: Mutex<Vec<(VehicleId, Report)>>,
    codes: Mutex<Vec<(VehicleId, LinkCode)>>,
    gate: Mutex<Option<Arc<Gate>>>,
}

/// Holds answers back until it is opened for good.
#[derive(Debug)]
pub(super) struct Gate {
    open: tokio::sync::Semaphore,
    asked: Mutex<usize>,
    changed: std::sync::Condvar,
}

impl Gate {
    /// Waits until so many have asked.
    pub(super) fn next_asked(&self, count: usize) {
        let asked = self.asked.lock().unwrap();
        let (asked, late) = self.changed.wait_timeout_while(asked, PATIENCE, |asked| *asked < count).unwrap();
        assert!(!late.timed_out(), "{asked} asked");
    }

    pub(super) fn open(&self) {
        self.open.add_permits(tokio::sync::Semaphore::MAX_PERMITS / 2);
    }
}

impl FakeReports {
    pub(super) fn codes(&self) -> Vec<(VehicleId, LinkCode)> {
        self.codes.lock().unwrap().clone()
    }

    pub(super) fn kept(&self) -> Vec<(VehicleId, Report)> {
        self.kept.lock().unwrap().clone()
    }

    /// Answers only when the gate is opened.
    pub(super) fn hold(&self) -> Arc<Gate> {
        let gate = Gate {
            open: tokio::sync::Semaphore::new(0),
            asked: Mutex::new(0),
            changed: std::sync::Condvar::new(),
        };
        Arc::clone(self.gate.lock().unwrap().insert(Arc::new(gate)))
    }
}

impl Reports for FakeReports {
    fn report(
        &self,
        vehicle: VehicleId,
        _: Timestamp,
        report: Report,
    ) -> BoxFuture<'static, Result<(), Unavailable>> {
        self.kept.lock().unwrap().push((vehicle, report));
        let gate = self.gate.lock().unwrap().clone();
        if let Some(gate) = &gate {
            *gate.asked.lock().unwrap() += 1;
            gate.changed.notify_all();
        }
        Box::pin(async move {
            if let Some(gate) = gate {
                gate.open.acquire().await.map(drop).map_err(|_| Unavailable("closed".to_owned()))?;
            }
            Ok(())
        })
    }

    fn shows_code(
        &self,
        vehicle: VehicleId,
        _: Timestamp,
        code: LinkCode,
    ) -> BoxFuture<'static, Result<(), Unavailable>> {
        self.codes.lock().unwrap().push((vehicle, code));
        Box::pin(async { Ok(()) })
    }
}
