//! `kill -9` under load, with the real processes: the platform (`marque cloud`) and a simulated fleet
//! (`marque sim`), whose cars are brains with their queues on disk. Afterwards every batch that was
//! acknowledged must stand in the Delta tables exactly once.
//!
//! `MARQUE_CRASH_KILLS` says how often (5 without it), `MARQUE_CRASH_SEED` when.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test ends where something is not as it should be, and says what it counted"
)]

mod api;
mod books;
mod moment;
mod process;
mod tables;

use std::time::Duration;

use api::OwnerCounts;
use books::{Books, Figures};
use moment::{Moment, Random};
use process::World;

/// Cars: several of each brand, and enough for several hundred batches a second.
const CARS: u64 = 42;

/// How long a condition may take that comes within seconds on a machine with nothing else to do.
const PATIENCE: Duration = Duration::from_secs(120);

/// How often something is killed.
fn kills() -> u32 {
    number("MARQUE_CRASH_KILLS").map_or(5, |kills| u32::try_from(kills).unwrap())
}

/// What the moments are drawn from.
fn seed() -> u64 {
    number("MARQUE_CRASH_SEED").unwrap_or(2026)
}

#[expect(clippy::disallowed_methods, reason = "the one place of these tests that reads the environment")]
fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is `{text}`, not a whole number")))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_platform_killed_under_load_keeps_each_acknowledged_batch_once() {
    let kills = kills();
    let mut random = Random::new(seed());
    let world = World::new("platform");
    let mut platform = world.start_platform();
    world.ready(&mut platform).await;
    let fleet = world.start_fleet();
    world.assign_campaign().await;
    for kill in 0..kills {
        let moment = Moment::draw(&mut random, kill);
        if !moment.is_start() {
            world.ready(&mut platform).await;
        }
        world.at(moment).await;
        platform.kill().await;
        println!("killed the platform: {moment:?}");
        platform = world.start_platform();
    }
    world.ready(&mut platform).await;
    world.all_connected().await;
    fleet.stop().await;
    let counts = world.owner_counts().await;
    platform.stop().await;

    let books = Books::read(&world);
    books.check_report(&world);
    let figures = books.compare(&world).await;
    print("platform", kills, &figures, counts);
    check(&figures, counts);
    assert_eq!(figures.unanswered, 0, "the fleet stopped with all batches answered: {figures:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn brains_killed_under_load_keep_their_queues_and_send_each_batch_once() {
    let kills = kills();
    let mut random = Random::new(seed() ^ 1);
    let world = World::new("brains");
    let mut platform = world.start_platform();
    world.ready(&mut platform).await;
    let mut fleet = world.start_fleet();
    world.assign_campaign().await;
    for kill in 0..kills {
        let moment = Moment::draw_for_brains(&mut random, kill);
        world.at(moment).await;
        fleet.kill().await;
        println!("killed the brains: {moment:?}");
        fleet = world.start_fleet();
    }
    // The platform counts from its log; what the last brains found in their queues comes first.
    world.at(Moment::Acknowledged(CARS * 4)).await;
    world.all_connected().await;
    fleet.stop().await;
    let counts = world.owner_counts().await;
    platform.stop().await;

    assert_eq!(world.queued_batches(), 0, "the last brains ended with empty queues");
    let figures = Books::read(&world).compare(&world).await;
    print("brains", kills, &figures, counts);
    check(&figures, counts);
    // Brains note what was answered when a file is done with, so a new life sends some again.
    assert!(counts.resent > 0, "{counts:?}");
}

fn print(what: &str, kills: u32, figures: &Figures, counts: OwnerCounts) {
    println!(
        "killed={what} kills={kills} acknowledged_batches={} acknowledged_samples={} missing={} twice={} \
         gaps={} queued_and_lost={} stored_batches={} stored_unanswered={} resent={} missed_by_owner={}",
        figures.acknowledged,
        figures.acknowledged_samples,
        figures.missing,
        figures.twice,
        figures.gaps,
        figures.lost,
        figures.stored,
        figures.unanswered,
        counts.resent,
        counts.missed,
    );
}

fn check(figures: &Figures, counts: OwnerCounts) {
    assert!(figures.acknowledged > 1_000, "there was load: {figures:?}");
    assert_eq!((figures.missing, figures.twice, figures.strange), (0, 0, 0), "{figures:?}");
    // A killed process loses nothing that it has written, so what was queued and not answered is there too.
    assert_eq!((figures.lost, figures.gaps, counts.missed), (0, 0, 0), "{figures:?}");
}
