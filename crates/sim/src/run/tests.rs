use brain::{BatchObserver as _, provider::Provider as _, queue::Key};
use model::{Lane, QueueEpoch, Seq, Timestamp, VehicleId};

use super::{
    books::{CarBook, Sums},
    http::mqtt_of,
    identity::{Identities, Identity},
    *,
};

fn key(lane: Lane, seq: u64) -> Key {
    Key { epoch: QueueEpoch(3), lane, seq: Seq(seq) }
}

#[test]
fn the_books_tell_what_was_sent_stored_and_left_by_an_earlier_run() {
    let book = CarBook::default();
    book.settled(key(Lane::Live, 8), 5, true);
    book.queued(key(Lane::Live, 9), 10);
    book.queued(key(Lane::Live, 10), 10);
    book.queued(key(Lane::Bulk, 0), 200);
    book.settled(key(Lane::Live, 9), 10, true);
    book.settled(key(Lane::Live, 10), 10, false);
    let [live, bulk] = book.lanes()[..] else { panic!("two lanes were expected") };
    assert_eq!((live.first, live.last), (Some(Seq(9)), Some(Seq(10))));
    assert_eq!(live.queued, Sums { batches: 2, samples: 20 });
    assert_eq!(live.stored, Sums { batches: 1, samples: 10 });
    assert_eq!(live.refused, Sums { batches: 1, samples: 10 });
    assert_eq!(live.carried, Sums { batches: 1, samples: 5 });
    assert_eq!((bulk.lane, bulk.queued.samples, bulk.stored.samples), (Lane::Bulk, 200, 0));
}

fn identities() -> Identities {
    let identity = |byte: u8| Identity {
        vehicle: VehicleId::from_bytes([byte; 16]),
        certificate_pem: format!("certificate {byte}"),
        key_pem: format!("key {byte}"),
        enrolled_at: NOW,
    };
    Identities { ca_pem: "ca".to_owned(), desired_key: [7; 32], cars: vec![identity(1), identity(2)] }
}

const NOW: Timestamp = Timestamp(1_795_420_800_000_000);

#[test]
fn identities_are_kept_for_the_next_start_of_the_same_fleet() {
    let state = tempfile::tempdir().unwrap();
    identities().save(state.path(), "http://here", 7).unwrap();
    let load = |cloud, seed, now| Identities::load(state.path(), cloud, seed, now).unwrap();
    let kept = load("http://here", 7, NOW).unwrap();
    assert_eq!(kept.desired_key, [7; 32]);
    assert_eq!(kept.cars[1].vehicle, VehicleId::from_bytes([2; 16]));
    assert_eq!(kept.cars[1].key_pem, "key 2");
    assert!(load("http://there", 7, NOW).is_none());
    assert!(load("http://here", 8, NOW).is_none());
    assert!(load("http://here", 7, NOW + Micros(80 * Micros::DAY.0)).is_none());
}

#[test]
fn a_fleet_that_grew_is_as_old_as_its_oldest_car() {
    let state = tempfile::tempdir().unwrap();
    let mut grown = identities();
    grown.cars[1].enrolled_at = NOW + Micros(19 * Micros::DAY.0);
    grown.save(state.path(), "http://here", 7).unwrap();
    let load = |days: i64| {
        let now = NOW + Micros(days * Micros::DAY.0);
        Identities::load(state.path(), "http://here", 7, now).unwrap()
    };
    assert!(load(19).is_some());
    assert!(load(21).is_none());
}

#[cfg(unix)]
#[test]
fn only_the_owner_may_read_the_cars_keys() {
    use std::os::unix::fs::PermissionsExt as _;
    let state = tempfile::tempdir().unwrap();
    identities().save(state.path(), "http://here", 7).unwrap();
    let mode = std::fs::metadata(state.path().join("fleet.json")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_damaged_file_is_named() {
    let state = tempfile::tempdir().unwrap();
    std::fs::write(state.path().join("fleet.json"), "{").unwrap();
    let error = Identities::load(state.path(), "http://here", 7, NOW).unwrap_err().to_string();
    assert!(error.contains("fleet.json") && error.contains("remove it"), "{error}");
}

#[test]
fn cars_connect_at_the_apis_host_when_nobody_says() {
    assert_eq!(mqtt_of("http://127.0.0.1:8080").as_deref(), Some("127.0.0.1:8883"));
    assert_eq!(mqtt_of("https://marque.example/").as_deref(), Some("marque.example:8883"));
    assert_eq!(mqtt_of("http://[::1]:8080").as_deref(), Some("[::1]:8883"));
    assert_eq!(mqtt_of("nonsense"), None);
}

fn options(state: &std::path::Path) -> RunOptions {
    RunOptions {
        fleet: FleetOptions::new(2),
        cloud: "http://127.0.0.1:1".to_owned(),
        est: None,
        mqtt: "127.0.0.1:1".to_owned(),
        login: Login::Token("secret".to_owned()),
        simulation_token: None,
        api_ca: None,
        region: RunOptions::REGION.to_owned(),
        state: state.to_owned(),
        step: Micros::from_millis(1),
        frame_interval_min: Micros::from_millis(1),
        grace: Micros::SECOND,
        connects_per_s: 1_000,
        probes: 0,
        journal: None,
    }
}

#[tokio::test]
async fn a_platform_that_is_not_there_is_said_so() {
    let state = tempfile::tempdir().unwrap();
    let options = RunOptions {
        login: Login::Password { username: "operator".to_owned(), password: "secret".to_owned() },
        ..options(state.path())
    };
    let error = run(options, |_| (), std::future::pending()).await.unwrap_err().to_string();
    assert!(error.contains("http://127.0.0.1:1") && error.contains("running"), "{error}");
}

#[tokio::test]
async fn a_car_is_a_source_of_messages_that_its_profile_decodes() {
    let state = tempfile::tempdir().unwrap();
    let options = options(state.path());
    let fleet = Fleet::new(options.fleet).unwrap();
    let spec = &fleet.specs()[0];
    let mut provider = SimProvider::new(fleet.car(spec), &options, 0);
    let mut decoder = fleet.profile(spec).decoder();
    let mut samples = 0;
    for _ in 0..20 {
        let input = provider.next().await.unwrap();
        let brain::provider::What::Bus(message) = input.what else { panic!("a bus message was expected") };
        decoder.handle(&message, input.time, &mut |_| samples += 1).unwrap();
    }
    assert!(samples > 20);
}

#[test]
fn a_login_never_shows_its_secret() {
    assert_eq!(format!("{:?}", Login::Token("secret".to_owned())), "Login(..)");
}

#[tokio::test(start_paused = true)]
async fn a_car_that_broke_is_counted_and_the_others_go_on() {
    let (probe, published) = mpsc::channel(1);
    let mut running = Running {
        cars: JoinSet::new(),
        books: Vec::new(),
        shared: Arc::default(),
        probe,
        published,
        journal: None,
        broken: 0,
        links: Vec::new(),
    };
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    running.cars.spawn(async { Err(brain::Error::Identity) });
    running.cars.spawn(async { panic!("a car's task breaks") });
    running.cars.spawn(async {
        stopped.await.unwrap();
        Err(brain::Error::Identity)
    });
    let watched = Duration::from_secs(5);
    tokio::time::timeout(watched, running.watch(&mut 0, &mut |_| ())).await.unwrap_err();
    assert_eq!((running.broken, running.cars.len()), (2, 1));
    stop.send(()).unwrap();
    running.finish(Micros::from_secs(1)).await;
    assert_eq!((running.broken, running.cars.len()), (3, 0));
}
