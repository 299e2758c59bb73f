use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use model::{DataCategory, Lane, Micros, Seq};
use signals::{Catalogue, Reading, Sample, Value};
use tempfile::TempDir;
use tokio::{sync::oneshot, task::JoinHandle};
use wire::{BatchHeader, ClockState, Kind, encode_campaigns, encode_consent, parse_header};

use super::*;
use crate::{
    Shared, TlsConnect,
    provider::{ChannelProvider, ChannelSender, What, channel},
    testcloud::{TestCloud, VEHICLE, campaign, consent, paused_clock, signal},
};

struct Drive {
    source: ChannelSender,
    handle: Handle,
    shared: Arc<Shared>,
    stop: oneshot::Sender<()>,
    running: JoinHandle<Result<(), Error>>,
}

fn config(dir: &Path, cloud: &TestCloud) -> Config {
    let mut config = Config::new(VEHICLE, dir.to_owned(), Catalogue::core());
    config.keys = cloud.keys();
    config.clock = paused_clock;
    config.phase = Micros::ZERO;
    config
}

fn start(dir: &Path, cloud: &TestCloud) -> Drive {
    start_with(config(dir, cloud), cloud)
}

fn start_with(config: Config, cloud: &TestCloud) -> Drive {
    let shared = Arc::clone(&config.shared);
    let (source, provider) = channel(16);
    let brain = Brain::<TestCloud, ChannelProvider>::open(config, Some(cloud.clone()), provider).unwrap();
    let handle = brain.handle();
    let (stop, stopped) = oneshot::channel::<()>();
    let running = tokio::spawn(brain.run(async move { drop(stopped.await) }));
    Drive { source, handle, shared, stop, running }
}

impl Drive {
    /// Says a speed and a place each second.
    async fn go(&self, seconds: i64) {
        for _ in 0..seconds {
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
            let time = paused_clock();
            let say = |path, value| Sample {
                signal: signal(path),
                reading: Reading::good(Value::Float(value), time),
            };
            let samples = vec![say("Vehicle.Speed", 50.0), say("Vehicle.CurrentLocation.Latitude", 48.5)];
            self.source.inputs.send(Input { time, what: What::Samples(samples) }).await.unwrap();
        }
    }

    async fn stop(self) {
        self.stop.send(()).unwrap();
        self.running.await.unwrap().unwrap();
    }
}

fn cloud() -> TestCloud {
    let cloud = TestCloud::new();
    cloud.want(Kind::Campaigns, 1, encode_campaigns(&[campaign()]));
    let granted = [DataCategory::Driving, DataCategory::Location];
    cloud.want(Kind::Consent, 1, encode_consent(&consent(1, &granted)));
    cloud
}

fn headers(cloud: &TestCloud) -> Vec<BatchHeader> {
    cloud.batches().iter().map(|(_, payload)| parse_header(payload).unwrap().0).collect()
}

fn seqs(cloud: &TestCloud, lane: Lane) -> Vec<u64> {
    let of_lane = headers(cloud).into_iter().filter(|header| header.meta.lane == lane);
    of_lane.map(|header| header.meta.seq.0).collect()
}

/// A car that knows its campaigns from an earlier life and has driven without a link for a while; with
/// it how many batches the cloud had before.
async fn start_without_link(dir: &Path, cloud: &TestCloud) -> (Drive, usize) {
    let car = start(dir, cloud);
    car.go(3).await;
    cloud.until(|cloud| !cloud.batches().is_empty()).await;
    car.stop().await;
    cloud.set_reachable(false);
    let before = cloud.batches().len();
    let car = start(dir, cloud);
    car.go(15).await;
    (car, before)
}

/// Batches from number `before` on have values, and none of the latitude.
#[track_caller]
fn check_without_latitude(cloud: &TestCloud, before: usize) {
    let latitude = signal("Vehicle.CurrentLocation.Latitude");
    for (_, payload) in cloud.batches().split_off(before) {
        let (header, body) = parse_header(&payload).unwrap();
        let decoded = wire::decode_columns(&header, body, &Catalogue::core()).unwrap();
        let columns: Vec<_> = decoded.groups.iter().flat_map(|group| &group.columns).collect();
        assert!(!columns.is_empty());
        assert!(columns.iter().all(|column| column.signal != latitude));
    }
}

#[tokio::test(start_paused = true)]
async fn a_car_fetches_its_campaigns_and_sends_what_they_ask_for() {
    let (dir, cloud) = (TempDir::new().unwrap(), cloud());
    let car = start(dir.path(), &cloud);
    car.go(12).await;
    cloud.until(|cloud| seqs(cloud, Lane::Bulk).len() == 1 && seqs(cloud, Lane::Live).len() >= 8).await;
    let live = seqs(&cloud, Lane::Live);
    assert!(live.windows(2).all(|pair| pair[1] == pair[0] + 1), "{live:?}");
    let report = cloud.reports().pop().unwrap();
    let applied: Vec<_> = report.applied.iter().map(|applied| (applied.kind, applied.version)).collect();
    assert_eq!(applied, [(Kind::Campaigns, 1), (Kind::Consent, 1)]);
    let shared = Arc::clone(&car.shared);
    car.stop().await;
    let stats = shared.stats.snapshot();
    assert!(stats.samples_queued > 0);
    assert_eq!(stats.samples_queued, stats.samples_acknowledged, "{stats}");
}

/// What the batches of a car say of its clock when the platform's is ahead by so much.
async fn clock_states(ahead: Micros) -> BTreeSet<ClockState> {
    let (dir, cloud) = (TempDir::new().unwrap(), cloud());
    cloud.set_clock_ahead(ahead);
    let car = start(dir.path(), &cloud);
    car.go(5).await;
    car.stop().await;
    headers(&cloud).iter().map(|header| header.meta.clock).collect()
}

#[tokio::test(start_paused = true)]
async fn batches_say_that_the_clock_is_right_when_the_platforms_agrees() {
    assert_eq!(clock_states(Micros::ZERO).await, BTreeSet::from([ClockState::Synced]));
    assert_eq!(clock_states(Micros::HOUR).await, BTreeSet::from([ClockState::FreeRunning]));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_known_of_the_clock_before_the_first_connection() {
    let (dir, cloud) = (TempDir::new().unwrap(), cloud());
    let (car, before) = start_without_link(dir.path(), &cloud).await;
    cloud.set_reachable(true);
    cloud.until(|cloud| seqs(cloud, Lane::Bulk).len() > 2).await;
    car.go(12).await;
    car.stop().await;
    let states: Vec<_> = headers(&cloud)[before..]
        .iter()
        .filter(|header| header.meta.lane == Lane::Bulk)
        .map(|header| header.meta.clock)
        .collect();
    assert_eq!(states.first(), Some(&ClockState::Unknown));
    assert_eq!(states.last(), Some(&ClockState::Synced));
}

#[tokio::test(start_paused = true)]
async fn a_car_whose_campaigns_ended_sends_what_it_has_and_collects_nothing_more() {
    let (dir, cloud) = (TempDir::new().unwrap(), cloud());
    let car = start(dir.path(), &cloud);
    car.go(2).await;
    cloud.want(Kind::Campaigns, 2, encode_campaigns(&[]));
    // It fetches when it comes back.
    cloud.cut_once();
    car.go(4).await;
    let applied = |report: &wire::Report| {
        report.applied.iter().any(|applied| (applied.kind, applied.version) == (Kind::Campaigns, 2))
    };
    cloud.until(|cloud| cloud.reports().iter().any(applied)).await;
    // What waited for the bulk lane's ten seconds.
    cloud.until(|cloud| seqs(cloud, Lane::Bulk) == [0]).await;
    let (shared, queued) = (Arc::clone(&car.shared), car.shared.stats.snapshot().samples_queued);
    car.go(15).await;
    car.stop().await;
    let stats = shared.stats.snapshot();
    assert_eq!((stats.samples_queued, stats.samples_acknowledged), (queued, queued), "{stats}");
}

#[tokio::test(start_paused = true)]
async fn a_car_without_a_link_goes_on_and_catches_up_with_live_data_first() {
    let (dir, cloud) = (TempDir::new().unwrap(), cloud());
    let car = start(dir.path(), &cloud);
    car.go(2).await;
    cloud.until(|cloud| !cloud.batches().is_empty()).await;
    car.stop().await;

    cloud.set_reachable(false);
    let before = cloud.batches().len();
    let car = start(dir.path(), &cloud);
    car.go(60).await;
    assert_eq!(cloud.batches().len(), before);
    assert!(car.shared.stats.snapshot().connect_failures > 3);
    cloud.set_reachable(true);
    cloud.until(|cloud| seqs(cloud, Lane::Bulk).len() >= 6).await;
    let after: Vec<_> = headers(&cloud).split_off(before);
    let first_bulk = after.iter().position(|header| header.meta.lane == Lane::Bulk).unwrap();
    assert!(first_bulk >= 55, "only {first_bulk} live batches came before the first bulk batch");
    for lane in Lane::ALL {
        let seqs = seqs(&cloud, lane);
        assert!(seqs.windows(2).all(|pair| pair[1] == pair[0] + 1), "{lane}: {seqs:?}");
    }
    car.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_was_not_acknowledged_comes_again_under_its_key() {
    let (dir, cloud) = (TempDir::new().unwrap(), cloud());
    let car = start(dir.path(), &cloud);
    car.go(2).await;
    cloud.cut_once();
    car.go(10).await;
    cloud.until(|cloud| seqs(cloud, Lane::Live).len() >= 9).await;
    let mut payloads: BTreeMap<_, BTreeSet<Vec<u8>>> = BTreeMap::new();
    let mut resent = 0;
    for (lane, payload) in cloud.batches() {
        let meta = parse_header(&payload).unwrap().0.meta;
        let known = payloads.entry((meta.epoch, lane, meta.seq)).or_default();
        resent += usize::from(!known.is_empty());
        known.insert(payload);
    }
    assert!(resent >= 1);
    assert!(payloads.values().all(|payloads| payloads.len() == 1), "one key stood for two batches");
    car.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_refused_batch_is_counted_and_never_sent_again() {
    let (dir, cloud) = (TempDir::new().unwrap(), cloud());
    cloud.refuse(Lane::Bulk);
    let car = start(dir.path(), &cloud);
    car.go(25).await;
    cloud.until(|cloud| seqs(cloud, Lane::Bulk).len() >= 2).await;
    let shared = Arc::clone(&car.shared);
    car.stop().await;
    let bulk = seqs(&cloud, Lane::Bulk);
    assert_eq!(bulk.iter().collect::<BTreeSet<_>>().len(), bulk.len(), "{bulk:?}");
    assert_eq!(shared.stats.snapshot().batches_refused, bulk.len() as u64);
}

#[tokio::test(start_paused = true)]
async fn what_waits_is_deleted_when_the_driver_goes_private_before_it_left() {
    let (dir, cloud) = (TempDir::new().unwrap(), cloud());
    let car = start(dir.path(), &cloud);
    car.go(3).await;
    cloud.until(|cloud| !cloud.batches().is_empty()).await;
    car.stop().await;
    cloud.set_reachable(false);
    let car = start(dir.path(), &cloud);
    car.go(15).await;
    car.handle.set_mode(DriverMode::AllPrivate);
    car.go(1).await;
    let before = cloud.batches().len();
    cloud.set_reachable(true);
    cloud.until(|cloud| cloud.reports().len() >= 3).await;
    car.go(10).await;
    assert_eq!(cloud.batches().len(), before);
    assert!(car.shared.stats.snapshot().samples_withdrawn > 0);

    // Once the driver is open again, the next batch tells of the hole.
    car.handle.set_mode(DriverMode::Open);
    car.go(3).await;
    cloud.until(|cloud| cloud.batches().len() > before).await;
    let meta = headers(&cloud).split_off(before).remove(0).meta;
    let dropped = meta.dropped.last().unwrap();
    assert_eq!(dropped.last, Seq(meta.seq.0 - 1));
    car.stop().await;
}

#[tokio::test(start_paused = true)]
async fn location_is_cut_out_of_waiting_batches_when_its_grant_is_gone() {
    let (dir, cloud) = (TempDir::new().unwrap(), cloud());
    let (car, before) = start_without_link(dir.path(), &cloud).await;
    car.handle.set_mode(DriverMode::NoLocation);
    car.go(1).await;
    cloud.set_reachable(true);
    cloud.until(|cloud| cloud.batches().len() >= before + 10).await;
    check_without_latitude(&cloud, before);
    car.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_brain_that_was_killed_goes_on_with_the_same_keys() {
    let (dir, cloud) = (TempDir::new().unwrap(), cloud());
    for _ in 0..5 {
        let car = start(dir.path(), &cloud);
        car.go(7).await;
        car.running.abort();
        assert!(car.running.await.unwrap_err().is_cancelled());
    }
    let car = start(dir.path(), &cloud);
    car.go(3).await;
    car.stop().await;
    let live: BTreeSet<_> = seqs(&cloud, Lane::Live).into_iter().collect();
    let epochs: BTreeSet<_> = headers(&cloud).iter().map(|header| header.meta.epoch).collect();
    assert_eq!(epochs.len(), 1);
    assert_eq!(live.last().map(|last| last + 1), Some(live.len() as u64), "{live:?}");
}

#[tokio::test(start_paused = true)]
async fn what_an_app_publishes_is_collected_too() {
    let (dir, cloud) = (TempDir::new().unwrap(), cloud());
    let car = start(dir.path(), &cloud);
    cloud.until(|cloud| cloud.reports().iter().any(|report| report.applied.len() == 2)).await;
    for second in 0..4 {
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        let reading = Reading::good(Value::Float(f64::from(second)), paused_clock());
        car.handle.broker().publish(signal("Vehicle.Speed"), reading);
    }
    cloud.until(|cloud| !seqs(cloud, Lane::Live).is_empty()).await;
    car.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_car_stops_by_itself_when_its_recording_was_sent() {
    let (dir, cloud) = (TempDir::new().unwrap(), cloud());
    let (source, provider) = channel(64);
    let mut config = config(dir.path(), &cloud);
    config.end_with_source = true;
    let brain = Brain::open(config, Some(cloud.clone()), provider).unwrap();
    let running = tokio::spawn(brain.run(std::future::pending()));
    cloud.until(|cloud| cloud.reports().iter().any(|report| report.applied.len() == 2)).await;
    for _ in 0..5 {
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        let reading = Reading::good(Value::Float(3.0), paused_clock());
        let what = What::Samples(vec![Sample { signal: signal("Vehicle.Speed"), reading }]);
        source.inputs.send(Input { time: paused_clock(), what }).await.unwrap();
    }
    drop(source);
    running.await.unwrap().unwrap();
    assert_eq!(seqs(&cloud, Lane::Bulk), [0]);
}

#[tokio::test]
async fn a_running_car_takes_little_room() {
    let dir = TempDir::new().unwrap();
    let config = config(dir.path(), &TestCloud::new());
    let (_source, provider) = channel(1);
    let brain = Brain::<TlsConnect, ChannelProvider>::open(config, None, provider).unwrap();
    let running = brain.run(std::future::pending());
    assert!(size_of_val(&running) <= 2_048, "{} bytes", size_of_val(&running));
}

/// The shipped catalogue of a later release: one leaf more, another hash.
fn later_catalogue() -> Arc<Catalogue> {
    let core = Catalogue::core();
    let mut builder = signals::CatalogueBuilder::default();
    for leaf in core.leaves() {
        builder.add((**leaf).clone());
    }
    let speed = core.by_path("Vehicle.Speed").unwrap();
    let path = "Vehicle.Later";
    builder.add(signals::Leaf {
        id: signals::SignalId::hashed(path),
        path: path.into(),
        ..(**speed).clone()
    });
    Arc::new(builder.build().unwrap())
}

#[tokio::test(start_paused = true)]
async fn what_waited_during_an_update_is_read_with_its_own_catalogue() {
    let (dir, cloud) = (TempDir::new().unwrap(), cloud());
    let (car, before) = start_without_link(dir.path(), &cloud).await;
    car.handle.set_mode(DriverMode::NoLocation);
    car.stop().await;

    cloud.set_reachable(true);
    let later = later_catalogue();
    let config = Config { catalogue: Arc::clone(&later), ..config(dir.path(), &cloud) };
    let car = start_with(config, &cloud);
    cloud.until(|cloud| cloud.batches().len() >= before + 10).await;
    let core = Catalogue::core();
    assert_ne!(core.hash(), later.hash());
    let latitude = signal("Vehicle.CurrentLocation.Latitude");
    for (_, payload) in cloud.batches().split_off(before) {
        let (header, body) = parse_header(&payload).unwrap();
        assert_eq!(header.catalogue, core.hash());
        let decoded = wire::decode_columns(&header, body, &core).unwrap();
        let columns: Vec<_> = decoded.groups.iter().flat_map(|group| &group.columns).collect();
        assert!(!columns.is_empty() && columns.iter().all(|column| column.signal != latitude));
    }
    assert_eq!(car.shared.stats.snapshot().batches_lost, 0);
    car.stop().await;
}

#[tokio::test(start_paused = true)]
async fn no_batch_leaves_before_the_platform_has_said_what_is_granted_now() {
    let (dir, cloud) = (TempDir::new().unwrap(), cloud());
    let (car, before) = start_without_link(dir.path(), &cloud).await;
    cloud.want(Kind::Consent, 2, encode_consent(&consent(2, &[DataCategory::Driving])));
    cloud.set_reachable(true);
    cloud.until(|cloud| cloud.batches().len() >= before + 10).await;
    check_without_latitude(&cloud, before);
    car.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_stop_waits_for_a_link_that_is_coming_up() {
    let (dir, cloud) = (TempDir::new().unwrap(), cloud());
    let (car, before) = start_without_link(dir.path(), &cloud).await;
    car.stop().await;
    assert_eq!(cloud.batches().len(), before);
    cloud.set_reachable(true);
    start(dir.path(), &cloud).stop().await;
    assert!(cloud.batches().len() >= before + 10);
}

thread_local! {
    static SET_BACK: std::cell::Cell<Micros> = const { std::cell::Cell::new(Micros::ZERO) };
}

/// The paused clock, four years early until it is set back.
fn clock_that_goes_back() -> Timestamp {
    paused_clock() + Micros(1_460 * Micros::DAY.0) - SET_BACK.get()
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_goes_back_does_not_keep_a_car_offline() {
    let (dir, cloud) = (TempDir::new().unwrap(), cloud());
    cloud.set_reachable(false);
    let config = Config { clock: clock_that_goes_back, ..config(dir.path(), &cloud) };
    let car = start_with(config, &cloud);
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    assert!(car.shared.stats.snapshot().connect_failures > 0);
    SET_BACK.set(Micros(1_460 * Micros::DAY.0));
    cloud.set_reachable(true);
    tokio::time::sleep(std::time::Duration::from_secs(600)).await;
    assert_eq!(car.shared.stats.snapshot().connects, 1);
    car.stop().await;
}

/// Waits until the platform has said what it thinks of the code that is shown.
async fn heard_of(car: &Drive) -> ShownCode {
    let mut shown = car.handle.shown_code();
    let settled = |shown: &Option<ShownCode>| {
        shown.as_ref().is_some_and(|shown| shown.state != crate::CodeState::Unheard)
    };
    let shown = shown.wait_for(settled).await.unwrap();
    shown.clone().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_code_that_is_shown_is_announced_by_its_hash() {
    let (dir, cloud) = (TempDir::new().unwrap(), cloud());
    let region: model::Region = "eu".parse().unwrap();
    let config = Config { region: Some(region.clone()), ..config(dir.path(), &cloud) };
    cloud.set_clock_ahead(Micros::HOUR);
    let car = start_with(config, &cloud);
    cloud.until(|cloud| !cloud.reports().is_empty()).await;
    let shown = car.handle.show_code(CodeKind::Driver).unwrap();
    assert_eq!(heard_of(&car).await.state, crate::CodeState::Taken);
    let [announced] = cloud.codes()[..] else { panic!("{:?}", cloud.codes()) };
    let hash = shown.code.hash(possession::Salt::of_region(&region), CodeKind::Driver);
    assert_eq!((announced.kind, announced.hash), (CodeKind::Driver, hash));
    // By the platform's clock.
    let ahead = announced.until.since(shown.until);
    assert!((Micros::HOUR..Micros(Micros::HOUR.0 + Micros::SECOND.0)).contains(&ahead), "{ahead}");
    car.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_code_that_is_shown_without_a_link_is_announced_when_there_is_one() {
    let (dir, cloud) = (TempDir::new().unwrap(), cloud());
    cloud.set_reachable(false);
    let region = Some("eu".parse().unwrap());
    let car = start_with(Config { region, ..config(dir.path(), &cloud) }, &cloud);
    car.go(2).await;
    car.handle.show_code(CodeKind::Owner).unwrap();
    car.go(2).await;
    assert_eq!(cloud.codes(), []);
    cloud.set_reachable(true);
    assert_eq!(heard_of(&car).await.state, crate::CodeState::Taken);
    car.stop().await;
}

#[tokio::test(start_paused = true)]
async fn who_got_access_is_told_at_the_next_connection_and_stays() {
    let (dir, cloud) = (TempDir::new().unwrap(), cloud());
    let numbers = |car: &Drive| -> Vec<u64> {
        car.handle.access_notices().borrow().iter().map(|notice| notice.number).collect()
    };
    cloud.notify(1, CodeKind::Owner);
    let car = start(dir.path(), &cloud);
    let mut notices = car.handle.access_notices();
    notices.wait_for(|notices| notices.len() == 1).await.unwrap();
    car.stop().await;
    cloud.set_reachable(false);
    let car = start(dir.path(), &cloud);
    assert_eq!(numbers(&car), [1]);
    cloud.notify(2, CodeKind::Workshop);
    cloud.set_reachable(true);
    let mut notices = car.handle.access_notices();
    notices.wait_for(|notices| notices.len() == 2).await.unwrap();
    assert_eq!(numbers(&car), [1, 2]);
    car.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_waits_of_a_former_owner_never_leaves() {
    let (dir, cloud) = (TempDir::new().unwrap(), cloud());
    let (car, before) = start_without_link(dir.path(), &cloud).await;
    // Meanwhile the car was sold, and its new owner grants the same.
    let granted = [DataCategory::Driving, DataCategory::Location];
    let first_epoch = model::ConsentEpoch(2);
    let sold = wire::ConsentDocument { first_epoch, ..consent(3, &granted) };
    cloud.want(Kind::Consent, 2, encode_consent(&sold));
    cloud.set_reachable(true);
    let applied = |report: &wire::Report| {
        report.applied.iter().any(|applied| (applied.kind, applied.version) == (Kind::Consent, 2))
    };
    cloud.until(|cloud| cloud.reports().iter().any(applied)).await;
    car.go(3).await;
    cloud.until(|cloud| cloud.batches().len() > before).await;
    assert!(car.shared.stats.snapshot().samples_withdrawn > 0);
    car.stop().await;
    let epochs: BTreeSet<_> =
        headers(&cloud)[before..].iter().map(|header| header.meta.consent_epoch).collect();
    assert_eq!(epochs, BTreeSet::from([model::ConsentEpoch(3)]));
}
