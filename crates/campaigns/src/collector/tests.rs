use std::sync::Arc;

use model::{CampaignId, CampaignVersion, ConsentEpoch, DataCategory, Lane, Micros, Purpose, Timestamp};
use proptest::{collection::vec, prelude::*};
use signals::{Catalogue, Quality, Reading, SignalId, Value};

use crate::{Campaign, Collector, ColumnData, Group, How, Permissions, Plan, ReadyBatch, UploadLimits};

const SPEED: &str = "Vehicle.Speed";
const LATITUDE: &str = "Vehicle.CurrentLocation.Latitude";
const DOOR: &str = "Vehicle.Cabin.Door.Row1.DriverSide.IsOpen";
const RPM: &str = "Vehicle.Powertrain.CombustionEngine.Speed";
const PATHS: [&str; 4] = [SPEED, LATITUDE, DOOR, RPM];

const EVERY_READING: How = How::OnChange { min_interval: Micros::ZERO, min_delta: 0.0 };
const EVERY_SECOND: How = How::Every(Micros::SECOND);

fn id(path: &str) -> SignalId {
    Catalogue::core().by_path(path).unwrap().id
}

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn group(paths: &[&str], lane: Lane, how: How, flush_ms: i64) -> Group {
    let signals = paths.iter().copied().map(id).collect();
    Group { signals, lane, how, flush_every: Micros::from_millis(flush_ms) }
}

fn plan(groups: Vec<Group>, limits: UploadLimits) -> Arc<Plan> {
    let campaign = Campaign {
        id: CampaignId(1),
        version: CampaignVersion(1),
        name: "test".to_owned(),
        purpose: Purpose::FleetManagement,
        groups,
        limits,
    };
    let (plan, refused) = Plan::new(vec![campaign], &Catalogue::core());
    assert_eq!(refused, []);
    Arc::new(plan)
}

/// A collector that may collect all, under epoch 1.
fn collector(groups: Vec<Group>) -> Collector {
    let mut collector = Collector::new(plan(groups, UploadLimits::default()), Micros::ZERO);
    collector.set_permissions(Permissions::ask(ConsentEpoch(1), |_, _| true));
    collector
}

/// Sees a good number at `seen`, measured at `source`.
fn see(collector: &mut Collector, path: &str, seen: i64, source: i64, value: f64) {
    collector.handle(at(seen), id(path), &Reading::good(Value::Float(value), at(source)));
}

fn all(collector: &mut Collector, now: i64) -> Vec<ReadyBatch> {
    std::iter::from_fn(|| collector.poll(at(now))).collect()
}

fn samples(batches: &[ReadyBatch]) -> usize {
    batches.iter().map(ReadyBatch::samples).sum()
}

/// Times in milliseconds and values of the only column.
fn only_column(batch: &ReadyBatch) -> (Vec<i64>, Vec<i64>) {
    let [group] = &batch.groups[..] else { panic!("{} groups", batch.groups.len()) };
    let [column] = &group.columns[..] else { panic!("{} columns", group.columns.len()) };
    let ColumnData::Fixed(values) = &column.data else { panic!("no numbers") };
    (group.times.iter().map(|time| time.as_millis()).collect(), values.clone())
}

#[test]
fn a_tick_takes_the_latest_reading_as_of_the_tick() {
    let mut collector = collector(vec![group(&[SPEED], Lane::Live, EVERY_SECOND, 1_000)]);
    see(&mut collector, SPEED, 10_100, 10_090, 1.0);
    see(&mut collector, SPEED, 10_900, 10_890, 2.0);
    assert_eq!(collector.next_deadline(), Some(at(11_000)));
    assert_eq!(all(&mut collector, 10_999), []);
    let batches = all(&mut collector, 11_000);
    assert_eq!(only_column(&batches[0]), (vec![11_000], vec![200]));
    assert_eq!(collector.next_deadline(), None);
}

#[test]
fn a_reading_is_taken_once() {
    let mut collector = collector(vec![group(&[SPEED], Lane::Live, EVERY_SECOND, 1_000)]);
    see(&mut collector, SPEED, 10_100, 10_100, 1.0);
    see(&mut collector, SPEED, 10_200, 10_100, 1.0);
    let batches: Vec<_> = (11..20).flat_map(|second| all(&mut collector, second * 1_000)).collect();
    assert_eq!(samples(&batches), 1);
    assert_eq!(collector.counters().not_newer, 1);
}

#[test]
fn a_reading_of_no_possible_time_costs_only_itself() {
    let mut collector = collector(vec![group(&[SPEED], Lane::Live, EVERY_SECOND, 1_000)]);
    for millis in [-1, 253_402_300_800_000, 10_100] {
        see(&mut collector, SPEED, 10_100, millis, 1.0);
    }
    let batches: Vec<_> = (11..20).flat_map(|second| all(&mut collector, second * 1_000)).collect();
    assert_eq!(samples(&batches), 1);
    assert_eq!(collector.counters().out_of_time, 2);
}

#[test]
fn the_end_of_time_comes_to_an_end() {
    let mut idle = Collector::new(Arc::new(Plan::empty(&Catalogue::core())), Micros::ZERO);
    assert_eq!(idle.poll(Timestamp::MAX), None);
    let mut busy = collector(vec![group(&[SPEED], Lane::Live, EVERY_SECOND, 1_000)]);
    see(&mut busy, SPEED, 10_100, 10_100, 1.0);
    assert_eq!(std::iter::from_fn(|| busy.poll(Timestamp::MAX)).count(), 1);
}

fn campaign(number: u64, how: How) -> Campaign {
    Campaign {
        id: CampaignId(number),
        version: CampaignVersion(1),
        name: "test".to_owned(),
        purpose: Purpose::FleetManagement,
        groups: vec![group(&[SPEED], Lane::Live, how, 1_000)],
        limits: UploadLimits::default(),
    }
}

fn plan_of(campaigns: Vec<Campaign>) -> Arc<Plan> {
    Arc::new(Plan::new(campaigns, &Catalogue::core()).0)
}

#[test]
fn an_unchanged_campaign_collects_no_reading_again_under_a_new_plan() {
    for how in [EVERY_READING, EVERY_SECOND] {
        let mut collector = Collector::new(plan_of(vec![campaign(1, how)]), Micros::ZERO);
        collector.set_permissions(Permissions::ask(ConsentEpoch(1), |_, _| true));
        see(&mut collector, SPEED, 10_100, 10_100, 1.0);
        let mut batches = all(&mut collector, 11_500);
        collector.set_plan(at(11_600), plan_of(vec![campaign(2, how), campaign(1, how)]));
        see(&mut collector, SPEED, 11_700, 10_100, 1.0);
        batches.extend(all(&mut collector, 20_000));
        let of_first: Vec<_> = batches.into_iter().filter(|batch| batch.campaign == CampaignId(1)).collect();
        assert_eq!(samples(&of_first), 1, "{how:?}");
    }
}

#[test]
fn what_does_not_fit_goes_into_the_next_batch() {
    const TEXTS: &str = "Vehicle.Diagnostics.DTCList";
    let mut collector = collector(vec![group(&[SPEED, TEXTS], Lane::Bulk, EVERY_READING, 60_000)]);
    let texts = |count: usize, bytes: usize| {
        let item = Value::Text("x".repeat(bytes).into());
        Value::Array(vec![item; count].into())
    };
    see(&mut collector, SPEED, 1, 1, 50.0);
    // Each takes some 40 kB; a batch has room for four, and nobody for a value of 4 MB.
    for n in 2..8 {
        collector.handle(at(n), id(TEXTS), &Reading::good(texts(18, 2_000), at(n)));
    }
    collector.handle(at(8), id(TEXTS), &Reading::good(texts(1_024, 4_000), at(8)));
    collector.flush_all(at(9));
    let batches = all(&mut collector, 9);
    assert_eq!(samples(&batches), 8);
    let rows = |batch: &ReadyBatch| batch.groups.iter().map(|group| group.times.len()).max().unwrap();
    assert!(
        batches.iter().all(|batch| rows(batch) <= 5),
        "{:?}",
        batches.iter().map(rows).collect::<Vec<_>>()
    );
    let last = batches.last().unwrap().groups.iter().flat_map(|group| &group.columns).next_back().unwrap();
    let exception = last.exceptions.last().unwrap();
    assert_eq!(exception.quality, Quality::OutOfRange);
    assert!(exception.raw.as_ref().unwrap().starts_with("[\"xxx"));
}

#[test]
fn a_reading_after_a_late_tick_waits_for_the_next() {
    let mut collector = collector(vec![group(&[SPEED], Lane::Bulk, EVERY_SECOND, 10_000)]);
    see(&mut collector, SPEED, 10_500, 10_500, 1.0);
    // Nobody polled at 11 s; the row of 11 s must not know of 11.2 s.
    see(&mut collector, SPEED, 11_200, 11_200, 2.0);
    see(&mut collector, SPEED, 15_200, 15_200, 3.0);
    collector.flush_all(at(20_000));
    let batch = collector.poll(at(20_000)).unwrap();
    assert_eq!(only_column(&batch), (vec![11_000, 12_000, 16_000], vec![100, 200, 300]));
}

#[test]
fn signals_of_a_group_share_their_times() {
    let mut collector = collector(vec![group(&[SPEED, LATITUDE, RPM], Lane::Bulk, EVERY_SECOND, 10_000)]);
    for second in 100..110 {
        let now = second * 1_000 + 300;
        see(&mut collector, SPEED, now, now - 7, 50.0);
        see(&mut collector, LATITUDE, now, now - 150, 45.0);
        if second % 2 == 0 {
            see(&mut collector, RPM, now, now, 2_000.0);
        }
    }
    let batches = all(&mut collector, 110_000);
    assert_eq!(batches.len(), 1);
    let shapes: Vec<_> =
        batches[0].groups.iter().map(|group| (group.times.len(), group.columns.len())).collect();
    assert_eq!(shapes, [(10, 2), (5, 1)]);
}

#[test]
fn a_batch_is_made_at_the_last_tick_that_fits() {
    let mut collector = collector(vec![group(&[SPEED], Lane::Bulk, EVERY_SECOND, 10_000)]);
    let mut sizes = Vec::new();
    for second in 0..30 {
        see(&mut collector, SPEED, second * 1_000 + 500, second * 1_000 + 500, 1.0);
        sizes.extend(
            all(&mut collector, second * 1_000 + 1_000).iter().map(|batch| (second, batch.samples())),
        );
    }
    assert_eq!(sizes, [(9, 10), (19, 10), (29, 10)]);
}

#[test]
fn a_phase_moves_the_ticks() {
    let plan = plan(vec![group(&[SPEED], Lane::Live, EVERY_SECOND, 0)], UploadLimits::default());
    let mut collector = Collector::new(plan, Micros::from_millis(250));
    collector.set_permissions(Permissions::ask(ConsentEpoch(1), |_, _| true));
    see(&mut collector, SPEED, 10_100, 10_100, 1.0);
    assert_eq!(collector.next_deadline(), Some(at(10_250)));
}

#[test]
fn every_reading_is_taken_with_its_own_time() {
    let mut collector = collector(vec![group(&[SPEED], Lane::Bulk, EVERY_READING, 10_000)]);
    for n in 0..100 {
        see(&mut collector, SPEED, 1_000 + n * 10, 995 + n * 10, 3.0);
    }
    assert_eq!(collector.next_deadline(), Some(at(11_000)));
    let batches = all(&mut collector, 11_000);
    let (times, values) = only_column(&batches[0]);
    assert_eq!(times, (0..100).map(|n| 995 + n * 10).collect::<Vec<_>>());
    assert_eq!(values, [300; 100]);
}

#[test]
fn signals_of_one_frame_share_a_row() {
    let mut collector = collector(vec![group(&[SPEED, RPM], Lane::Bulk, EVERY_READING, 10_000)]);
    for n in 0..5 {
        see(&mut collector, SPEED, n * 100, n * 100 + 1, 1.0);
        see(&mut collector, RPM, n * 100, n * 100 + 1, 1.0);
    }
    let batches = all(&mut collector, 20_000);
    assert_eq!(batches[0].groups.len(), 1);
    assert_eq!(batches[0].samples(), 10);
}

#[test]
fn only_a_change_is_taken_on_change() {
    let how = How::OnChange { min_interval: Micros::ZERO, min_delta: 0.1 };
    let mut collector = collector(vec![group(&[SPEED], Lane::Live, how, 1_000)]);
    for (n, value) in (1..).zip([0.2, 0.25, 0.3, 0.3, 0.35, 0.15]) {
        see(&mut collector, SPEED, n, n, value);
    }
    let batches = all(&mut collector, 5_000);
    assert_eq!(only_column(&batches[0]).1, [20, 30, 15]);
}

#[test]
fn the_last_change_of_a_burst_is_not_lost() {
    let how = How::OnChange { min_interval: Micros::SECOND, min_delta: 1.0 };
    let mut collector = collector(vec![group(&[SPEED], Lane::Alert, how, 0)]);
    see(&mut collector, SPEED, 1_000, 1_000, 10.0);
    assert_eq!(samples(&all(&mut collector, 1_000)), 1);
    see(&mut collector, SPEED, 1_200, 1_200, 20.0);
    see(&mut collector, SPEED, 1_300, 1_300, 30.0);
    assert_eq!(all(&mut collector, 1_999), []);
    let deadline = collector.next_deadline().unwrap();
    assert!(deadline <= at(2_300), "{deadline:?}");
    let batches = all(&mut collector, 2_300);
    assert_eq!(only_column(&batches[0]), (vec![1_300], vec![3_000]));
}

#[test]
fn a_change_that_was_taken_back_is_not_taken() {
    let how = How::OnChange { min_interval: Micros::SECOND, min_delta: 1.0 };
    let mut collector = collector(vec![group(&[SPEED], Lane::Alert, how, 0)]);
    see(&mut collector, SPEED, 1_000, 1_000, 10.0);
    see(&mut collector, SPEED, 1_200, 1_200, 20.0);
    see(&mut collector, SPEED, 1_300, 1_300, 10.0);
    assert_eq!(samples(&all(&mut collector, 9_000)), 1);
}

#[test]
fn a_changed_quality_is_a_change_and_said_once() {
    let how = How::OnChange { min_interval: Micros::ZERO, min_delta: 5.0 };
    let mut collector = collector(vec![group(&[SPEED], Lane::Live, how, 1_000)]);
    see(&mut collector, SPEED, 1, 1, 10.0);
    for time in 2..6 {
        collector.handle(at(time), id(SPEED), &Reading::not_available(at(time)));
    }
    let batches = all(&mut collector, 5_000);
    assert_eq!(samples(&batches), 2);
    let exceptions = &batches[0].groups[0].columns[0].exceptions;
    assert_eq!(exceptions.len(), 1);
    assert_eq!((exceptions[0].row, exceptions[0].quality), (1, Quality::NotAvailable));
}

#[test]
fn what_is_not_allowed_is_never_kept() {
    let mut collector = collector(vec![group(&[SPEED, LATITUDE], Lane::Live, EVERY_READING, 1_000)]);
    let no_location = |_, category| category != DataCategory::Location;
    collector.set_permissions(Permissions::ask(ConsentEpoch(2), no_location));
    see(&mut collector, LATITUDE, 1, 1, 45.0);
    see(&mut collector, SPEED, 1, 1, 50.0);
    let batches = all(&mut collector, 5_000);
    assert_eq!(batches[0].consent_epoch, ConsentEpoch(2));
    assert_eq!(only_column(&batches[0]).1, [5_000]);
    assert_eq!(collector.counters().withheld, 1);
}

#[test]
fn a_withdrawal_deletes_what_waits() {
    let mut collector = collector(vec![group(&[SPEED, LATITUDE], Lane::Live, EVERY_READING, 1_000)]);
    see(&mut collector, LATITUDE, 1, 1, 45.0);
    see(&mut collector, SPEED, 1, 1, 50.0);
    collector.flush_all(at(2));
    see(&mut collector, LATITUDE, 3, 3, 45.0);
    let no_location = |_, category| category != DataCategory::Location;
    collector.set_permissions(Permissions::ask(ConsentEpoch(2), no_location));
    let batches = all(&mut collector, 5_000);
    assert_eq!(samples(&batches), 1);
    assert_eq!(batches[0].groups[0].columns[0].signal, id(SPEED));
    assert_eq!(collector.counters().withdrawn, 2);
}

#[test]
fn nothing_is_allowed_before_anyone_asked() {
    let plan = plan(vec![group(&PATHS, Lane::Live, EVERY_READING, 0)], UploadLimits::default());
    let mut collector = Collector::new(plan, Micros::ZERO);
    see(&mut collector, SPEED, 1, 1, 50.0);
    assert_eq!(all(&mut collector, 5_000), []);
}

#[test]
fn new_campaigns_do_not_lose_what_waits() {
    let mut collector = collector(vec![group(&[SPEED], Lane::Bulk, EVERY_READING, 10_000)]);
    see(&mut collector, SPEED, 1, 1, 50.0);
    collector.set_plan(at(2), Arc::new(Plan::empty(&Catalogue::core())));
    assert_eq!(samples(&all(&mut collector, 2)), 1);
    see(&mut collector, SPEED, 3, 3, 51.0);
    assert_eq!(all(&mut collector, 60_000), []);
    assert_eq!(collector.next_deadline(), None);
}

#[test]
fn a_quota_holds_for_its_minute() {
    let limits = UploadLimits { samples_per_minute_max: Some(3) };
    let plan = plan(vec![group(&[SPEED], Lane::Bulk, EVERY_READING, 1_000)], limits);
    let mut collector = Collector::new(plan, Micros::ZERO);
    collector.set_permissions(Permissions::ask(ConsentEpoch(1), |_, _| true));
    for second in 0..120 {
        see(&mut collector, SPEED, second * 1_000, second * 1_000, 1.0);
    }
    assert_eq!(samples(&all(&mut collector, 500_000)), 6);
    assert_eq!(collector.counters().over_quota, 114);
}

#[test]
fn a_clock_that_goes_back_starts_afresh() {
    let mut collector = collector(vec![
        group(&[SPEED], Lane::Live, EVERY_SECOND, 1_000),
        group(&[RPM], Lane::Bulk, EVERY_READING, 1_000),
    ]);
    see(&mut collector, SPEED, 100_000, 100_000, 1.0);
    see(&mut collector, RPM, 100_000, 100_000, 1.0);
    see(&mut collector, SPEED, 5_000, 4_999, 2.0);
    see(&mut collector, RPM, 5_000, 4_999, 2.0);
    let batches = all(&mut collector, 7_000);
    let last = batches.iter().flat_map(|batch| &batch.groups).map(|group| group.times[0].as_millis());
    assert_eq!(last.filter(|time| *time < 10_000).count(), 2);
    assert!(
        batches.iter().flat_map(|batch| &batch.groups).all(|group| group.times.is_sorted_by(|a, b| a < b))
    );
}

#[test]
fn a_flood_is_cut_into_batches_that_fit() {
    let mut collector = collector(vec![group(&[SPEED, RPM], Lane::Bulk, EVERY_READING, 3_600_000)]);
    for n in 0..100_000 {
        see(&mut collector, SPEED, n, n, f64::from(u32::try_from(n * n % 9_973).unwrap()));
    }
    collector.flush_all(at(100_000));
    let batches = all(&mut collector, 100_000);
    assert!(batches.len() > 5, "{}", batches.len());
    assert!(batches.iter().all(|batch| batch.samples() < 20_000));
    assert_eq!(samples(&batches), 100_000);
}

#[test]
fn nobody_polling_costs_only_the_oldest() {
    let mut collector = collector(vec![group(&[SPEED], Lane::Alert, EVERY_READING, 0)]);
    for second in 0..100 {
        see(&mut collector, SPEED, second * 1_000, second * 1_000, 1.0);
    }
    let got = samples(&all(&mut collector, 200_000)) as u64;
    let counters = collector.counters();
    assert_eq!(got + counters.unpolled, counters.collected);
    assert_eq!(counters.collected, 100);
}

#[test]
fn a_collector_is_small() {
    let signals: Vec<_> = Catalogue::core().leaves().take(40).map(|leaf| Arc::clone(&leaf.path)).collect();
    let paths: Vec<_> = signals.iter().map(|path| &**path).collect();
    let plan = plan(vec![group(&paths, Lane::Bulk, EVERY_SECOND, 10_000)], UploadLimits::default());
    let collector = Collector::new(plan, Micros::ZERO);
    let slots = collector.slots.len() * size_of_val(&collector.slots[0]);
    assert!(slots + size_of::<Collector>() < 6_000, "{slots}");
}

#[derive(Debug, Clone)]
enum Step {
    See { path: usize, delay: i64, value: i16, missing: bool },
    Poll,
    Allow(u8),
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        20 => (0..PATHS.len(), -50_i64..50, any::<i16>(), prop::bool::weighted(0.1))
            .prop_map(|(path, delay, value, missing)| Step::See { path, delay, value, missing }),
        5 => Just(Step::Poll),
        1 => any::<u8>().prop_map(Step::Allow),
    ]
}

fn any_how() -> impl Strategy<Value = How> {
    prop_oneof![
        (10_000_i64..2_000_000).prop_map(|period| How::Every(Micros(period))),
        (0_i64..500_000, prop_oneof![Just(0.0), Just(100.0)])
            .prop_map(|(interval, min_delta)| How::OnChange { min_interval: Micros(interval), min_delta }),
    ]
}

proptest! {
    /// Whatever comes in: times increase for each group and signal, nothing leaves that is not
    /// allowed at that moment, and each sample collected is either out or accounted for.
    #[test]
    fn what_comes_out_keeps_the_rules(
        hows in vec((any_how(), 0_usize..3, 0_i64..5_000), 1..4),
        steps in vec((0_i64..400, any_step()), 1..200),
    ) {
        let groups =
            hows.iter().map(|(how, lane, flush)| group(&PATHS, Lane::ALL[*lane], *how, *flush)).collect();
        let mut collector = collector(groups);
        let mut masks = u8::MAX;
        let (mut now, mut got) = (1_000_000, 0_u64);
        let mut check = |batch: ReadyBatch, masks: u8| {
            got += batch.samples() as u64;
            for group in &batch.groups {
                assert!(group.times.is_sorted_by(|a, b| a < b));
                assert!(group.columns.is_sorted_by(|a, b| a.signal < b.signal));
                for column in &group.columns {
                    assert_eq!(column.data.len(), group.times.len());
                    let category = Catalogue::core().by_id(column.signal).unwrap().category;
                    assert!(masks >> (category.code() % 8) & 1 == 1, "{category}");
                }
            }
        };
        for (later, step) in steps {
            now += later;
            match step {
                Step::See { path, delay, value, missing } => {
                    let source = at(now - delay);
                    let value = if path == 2 { Value::Bool(value > 0) } else { Value::Float(f64::from(value)) };
                    let reading =
                        if missing { Reading::not_available(source) } else { Reading::good(value, source) };
                    collector.handle(at(now), id(PATHS[path]), &reading);
                }
                Step::Poll => {
                    while let Some(batch) = collector.poll(at(now)) {
                        check(batch, masks);
                    }
                    prop_assert!(collector.next_deadline().is_none_or(|deadline| deadline > at(now)));
                }
                Step::Allow(mask) => {
                    masks = mask;
                    collector.set_permissions(Permissions::ask(ConsentEpoch(2), |_, category| {
                        mask >> (category.code() % 8) & 1 == 1
                    }));
                }
            }
        }
        collector.flush_all(at(now));
        while let Some(batch) = collector.poll(at(now)) {
            check(batch, masks);
        }
        let counters = collector.counters();
        prop_assert_eq!(got + counters.withdrawn + counters.unpolled, counters.collected);
        prop_assert_eq!(collector.next_deadline().filter(|deadline| *deadline <= at(now)), None);
    }
}
