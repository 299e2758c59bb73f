//! Releases: a buyer whose seller did not let go, privacy that approves, an owner who objects.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use link::client::Connection;
use model::Micros;
use possession::{Code, CodeKind, Salt};
use store::LinkCodeRow;
use wire::AccessNoticeKind;

use super::{
    car::Car,
    ownership::{UNKNOWN, access_notices, customer, show},
    *,
};

const PATH: &str = "/v1/ownership-releases";
/// A machine with much to do still comes to it.
const WITHIN: Duration = Duration::from_secs(60);

/// A platform whose clock a test moves.
struct Moved {
    fixture: Fixture,
    ahead: Arc<AtomicI64>,
}

impl Moved {
    async fn new() -> Self {
        let (folder, ahead) = (tempfile::tempdir().unwrap(), Arc::new(AtomicI64::new(0)));
        let platform = start_at(&folder, clock(&ahead), |_| {}).await;
        Self { fixture: Fixture::of(platform, folder).await, ahead }
    }

    fn wait(&self, time: Micros) {
        self.ahead.fetch_add(time.0, Ordering::Relaxed);
    }

    /// What is due is looked at every minute, and at the start.
    async fn start_again_after(self, time: Micros) -> Self {
        self.wait(time);
        let Fixture { platform, folder, .. } = self.fixture;
        platform.stop().await;
        let platform = start_at(&folder, clock(&self.ahead), |_| {}).await;
        Self { fixture: Fixture::of(platform, folder).await, ahead: self.ahead }
    }

    /// The same person, signed in anew.
    async fn again(&self, person: PersonId, name: &str) -> Visitor<'_> {
        let token = sign_in_as(&self.fixture.platform.router(), name, &self.fixture.folder).await;
        Visitor { fixture: &self.fixture, person, token }
    }

    /// Waits until the platform has done this by itself, and recorded it: actor, outcome and reason, the newest first.
    async fn done(&self, action: &str) -> Vec<[Value; 3]> {
        let mut look = tokio::time::interval(Duration::from_millis(50));
        let done = async {
            loop {
                look.tick().await;
                let page = self.fixture.get(&format!("/v1/audit/entries?action={action}")).await.expect(200);
                let items = page["items"].as_array().unwrap();
                if items.len() == 2 {
                    let entry = |item: &Value| {
                        [item["actor"]["kind"].clone(), item["outcome"].clone(), item["reason"].clone()]
                    };
                    return items.iter().map(entry).collect();
                }
            }
        };
        tokio::time::timeout(WITHIN, done).await.unwrap()
    }
}

fn clock(ahead: &Arc<AtomicI64>) -> Clock {
    let offset = Arc::clone(ahead);
    Clock::from_fn(move || Clock::system().now() + Micros(offset.load(Ordering::Relaxed)))
}

/// A car of Anna's, which Ben has bought.
async fn sold(fixture: &Fixture) -> (Car, Connection, Visitor<'_>, Visitor<'_>) {
    let car = Car::enrol(fixture, 1, &[]).await;
    let mut link = car.connect(fixture).await.unwrap();
    let (anna, ben) = (customer(fixture, "anna").await, customer(fixture, "ben").await);
    anna.own(&mut link, 1).await;
    (car, link, anna, ben)
}

async fn privacy<'a>(fixture: &'a Fixture, name: &str, brand: Brand) -> Visitor<'a> {
    fixture.signed_in_as(name, "staff", &[("privacy", &[brand])]).await
}

impl Visitor<'_> {
    /// Asks for the car; the request's path.
    async fn ask_for(&self, link: &mut Connection, random: u8) -> String {
        let code = show(link, CodeKind::Owner, random).await;
        let asked = self.post(PATH, json!({ "code": code })).await.expect(201);
        format!("{PATH}/{}", asked["release_id"].as_str().unwrap())
    }

    /// The states of the requests that they see.
    async fn states(&self, query: &str) -> Vec<String> {
        let page = self.get(&format!("{PATH}{query}")).await.expect(200);
        let items = page["items"].as_array().unwrap().iter();
        items.map(|item| item["state"].as_str().unwrap().to_owned()).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_needs_the_code_and_that_somebody_else_owns_the_car() {
    let fixture = Fixture::new().await;
    let car = Car::enrol(&fixture, 1, &[]).await;
    let mut link = car.connect(&fixture).await.unwrap();
    let (anna, ben) = (customer(&fixture, "anna").await, customer(&fixture, "ben").await);
    let code = show(&mut link, CodeKind::Owner, 1).await;
    ben.post(PATH, json!({ "code": code })).await.problem(409, "conflict");
    anna.own(&mut link, 2).await;

    ben.post(PATH, json!({ "code": UNKNOWN })).await.problem(403, "code-refused");
    let for_a_driver = show(&mut link, CodeKind::Driver, 3).await;
    ben.post(PATH, json!({ "code": for_a_driver })).await.problem(403, "code-refused");
    let code = show(&mut link, CodeKind::Owner, 4).await;
    anna.post(PATH, json!({ "code": code })).await.problem(409, "conflict");
    fixture.post(PATH, json!({ "code": code })).await.problem(403, "forbidden");

    let asked = ben.post(PATH, json!({ "code": code })).await.expect(201);
    assert_eq!(asked["vehicle_id"], car.id);
    ben.post(PATH, json!({ "code": code })).await.problem(403, "code-refused");
    let code = show(&mut link, CodeKind::Owner, 5).await;
    let again = ben.post(PATH, json!({ "code": code })).await.problem(409, "conflict");
    assert!(again["detail"].as_str().unwrap().contains("already"), "{again}");
    assert_eq!(anna.told().await[0], "release-requested");
    // The operator answers for privacy.
    let waits = &fixture.get("/v1/notices").await.expect(200)["items"][0];
    assert_eq!((&waits["kind"], &waits["vehicle_id"]), (&json!("release-waits"), &json!(car.id)));
    let notices = access_notices(&mut link, 1).await;
    let kinds: Vec<_> = notices.iter().map(|notice| notice.kind).collect();
    assert_eq!(kinds, [AccessNoticeKind::ReleaseRequested]);
    ben.get(&format!("/v1/vehicles/{}", car.id)).await.problem(404, "not-found");
    let objection = format!("{PATH}/{}/objection", asked["release_id"].as_str().unwrap());
    assert_eq!(anna.act(&objection).await.status, 204);
    ben.post(PATH, json!({ "code": code })).await.expect(201);
    fixture.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_owner_objects_without_a_fresh_proof() {
    let moved = Moved::new().await;
    let (car, mut link, anna, ben) = sold(&moved.fixture).await;
    let paula = privacy(&moved.fixture, "paula", Brand::Peugeot).await;
    let request = ben.ask_for(&mut link, 2).await;
    let people = format!("/v1/vehicles/{}/people", car.id);
    let open = anna.get(&people).await.expect(200)["releases"].clone();
    assert_eq!(request, format!("{PATH}/{}", open[0]["release_id"].as_str().unwrap()));
    moved.wait(Micros(11 * Micros::MINUTE.0));
    let objection = format!("{request}/objection");
    paula.act(&objection).await.problem(403, "forbidden");
    for stranger in [&ben, &customer(&moved.fixture, "carl").await] {
        let denied = stranger.act(&objection).await.problem(404, "not-found");
        let unknown = stranger.act(&format!("{PATH}/00/objection")).await.problem(404, "not-found");
        assert_eq!(denied["detail"], unknown["detail"]);
    }
    assert_eq!(anna.act(&objection).await.status, 204);
    anna.act(&objection).await.problem(409, "conflict");
    assert_eq!(ben.told().await, ["release-objected"]);
    assert_eq!(anna.get(&people).await.expect(200)["releases"], json!([]));
    assert_eq!(paula.states("").await, ["objected"]);
    moved.fixture.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_privacy_of_the_brand_approves_and_proves_who_it_is() {
    let moved = Moved::new().await;
    let (car, mut link, anna, ben) = sold(&moved.fixture).await;
    let paula = privacy(&moved.fixture, "paula", Brand::Peugeot).await;
    let oscar = privacy(&moved.fixture, "oscar", Brand::Opel).await;
    let sam = moved.fixture.signed_in_as("sam", "staff", &[("support", &[Brand::Peugeot])]).await;
    let approval = format!("{}/approval", ben.ask_for(&mut link, 2).await);

    assert_eq!(oscar.states("").await, [""; 0]);
    oscar.get(&format!("{PATH}?brand=peugeot")).await.problem(403, "forbidden");
    let denied = oscar.act(&approval).await.problem(404, "not-found");
    let unknown = oscar.act(&format!("{PATH}/00/approval")).await.problem(404, "not-found");
    assert_eq!(denied["detail"], unknown["detail"]);
    for other in [&anna, &ben, &sam] {
        other.get(PATH).await.problem(403, "forbidden");
        other.act(&approval).await.problem(403, "forbidden");
    }

    moved.wait(Micros(11 * Micros::MINUTE.0));
    assert_eq!(paula.states("?state=requested&brand=peugeot").await, ["requested"]);
    paula.act(&approval).await.problem(403, "step-up-required");
    let proof = json!({ "password": password(&moved.fixture.folder) });
    paula.post("/v1/session/step-up", proof).await.expect(200);
    let approved = paula.act(&approval).await.expect(200);
    assert_eq!((&approved["state"], &approved["vehicle_id"]), (&json!("approved"), &json!(car.id)));
    assert_eq!(approved["requested_by"]["username"], "ben");
    assert!(!approved.to_string().contains("anna"), "whose it is the car's people say");
    paula.act(&approval).await.problem(409, "conflict");
    assert_eq!(paula.states("?state=requested").await, [""; 0]);
    paula.get(&format!("{PATH}?state=nonsense")).await.problem(400, "bad-request");
    assert_eq!(anna.told().await[0], "release-approved");
    assert_eq!(ben.told().await, ["release-approved"]);
    let query = "/v1/audit/entries?action=ownership_release.approve&outcome=allowed&brand=peugeot";
    assert_eq!(moved.fixture.get(query).await.expect(200)["items"][0]["reason"], Value::Null);
    moved.fixture.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_takes_effect_after_fourteen_days() {
    let moved = Moved::new().await;
    let (car, mut link, anna, ben) = sold(&moved.fixture).await;
    let paula = privacy(&moved.fixture, "paula", Brand::Peugeot).await;
    let request = ben.ask_for(&mut link, 2).await;
    paula.act(&format!("{request}/approval")).await.expect(200);
    let people = [anna.person, ben.person, paula.person];
    let moved = moved.start_again_after(Micros(14 * Micros::DAY.0)).await;
    let (anna, ben) = (moved.again(people[0], "anna").await, moved.again(people[1], "ben").await);
    let done = ["platform", "allowed"].map(Value::from);
    let entry = |reason: Value| [done[0].clone(), done[1].clone(), reason];
    assert_eq!(
        moved.done("ownership_release.take_effect").await,
        [entry(Value::Null), entry(json!("begun"))]
    );
    assert_eq!(ben.told().await[0], "released");
    let paula = moved.again(people[2], "paula").await;
    assert_eq!(paula.states("").await, ["released"]);
    assert_eq!(anna.told().await[0], "ownership-ended");
    let path = format!("/v1/vehicles/{}", car.id);
    for former in [&anna, &ben] {
        former.get(&path).await.problem(404, "not-found");
    }
    anna.act(&format!("{request}/objection")).await.problem(404, "not-found");

    // By a store's row, since the car's own clock stands at the beginning.
    let (code, now) = (Code::from_random([9; 5]), Clock::system().now() + Micros(14 * Micros::DAY.0));
    let hash = code.hash(Salt::of_region(&"eu".parse().unwrap()), CodeKind::Owner);
    let shown = LinkCodeRow {
        vehicle: car.id.parse().unwrap(),
        kind: CodeKind::Owner.slug().to_owned(),
        hash: hex::encode(hash.0),
        shown_at: now,
        until: now + Micros::HOUR,
    };
    assert!(moved.fixture.store().await.show_link_code(&shown).await.unwrap());
    ben.post("/v1/links", json!({ "code": code.to_string() })).await.expect(201);
    ben.get(&path).await.expect(200);
    moved.fixture.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_approves_lapses_after_thirty_days() {
    let moved = Moved::new().await;
    let (car, mut link, anna, ben) = sold(&moved.fixture).await;
    ben.ask_for(&mut link, 2).await;
    let people = [anna.person, ben.person];
    let moved = moved.start_again_after(Micros(30 * Micros::DAY.0)).await;
    let (anna, ben) = (moved.again(people[0], "anna").await, moved.again(people[1], "ben").await);
    moved.done("ownership_release.lapse").await;
    assert_eq!(ben.told().await[0], "release-lapsed");
    anna.get(&format!("/v1/vehicles/{}", car.id)).await.expect(200);
    moved.fixture.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_lapses_with_the_ownership_that_it_is_against() {
    let fixture = Fixture::new().await;
    let (car, mut link, anna, ben) = sold(&fixture).await;
    let paula = privacy(&fixture, "paula", Brand::Peugeot).await;
    let carl = customer(&fixture, "carl").await;
    let request = ben.ask_for(&mut link, 2).await;
    paula.act(&format!("{request}/approval")).await.expect(200);
    anna.act(&format!("/v1/vehicles/{}/transfer", car.id)).await.expect(201);
    let code = show(&mut link, CodeKind::Owner, 3).await;
    carl.post("/v1/transfers", json!({ "code": code })).await.expect(201);
    assert_eq!(ben.told().await[0], "release-lapsed");
    assert_eq!(paula.states("").await, ["lapsed"]);
    carl.act(&format!("{request}/objection")).await.problem(409, "conflict");

    let request = ben.ask_for(&mut link, 4).await;
    assert_eq!(carl.delete(&format!("/v1/vehicles/{}/owner", car.id)).await.status, 204);
    assert_eq!(paula.states("").await, ["lapsed", "lapsed"]);
    paula.act(&format!("{request}/approval")).await.problem(409, "conflict");
    fixture.platform.stop().await;
}
