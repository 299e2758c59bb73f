//! What collecting costs: a second of 1,400 cars, each with 40 signals at 10 Hz that are collected
//! at 1 Hz.

use std::sync::Arc;

use campaigns::{Campaign, Collector, Group, How, Permissions, Plan, UploadLimits};
use divan::{Bencher, black_box, counter::ItemsCount};
use model::{CampaignId, CampaignVersion, ConsentEpoch, Lane, Micros, Purpose, Timestamp};
use signals::{Catalogue, Reading, SignalId, Value};

const CARS: usize = 1_400;
const SIGNALS: usize = 40;
const READINGS: i64 = 10;

fn main() {
    divan::main();
}

fn fleet(signals: &[SignalId]) -> Vec<Collector> {
    let campaign = Campaign {
        id: CampaignId(1),
        version: CampaignVersion(1),
        name: "bench".to_owned(),
        purpose: Purpose::FleetManagement,
        groups: vec![Group {
            signals: signals.to_vec(),
            lane: Lane::Bulk,
            how: How::Every(Micros::SECOND),
            flush_every: Micros::from_secs(10),
        }],
        limits: UploadLimits::default(),
    };
    let plan = Arc::new(Plan::new(vec![campaign], &Catalogue::core()).0);
    let car = |_| {
        let mut collector = Collector::new(Arc::clone(&plan), Micros::ZERO);
        collector.set_permissions(Permissions::ask(ConsentEpoch(1), |_, _| true));
        collector
    };
    (0..CARS).map(car).collect()
}

#[divan::bench(sample_count = 20)]
fn a_second_of_the_fleet(bencher: Bencher<'_, '_>) {
    let catalogue = Catalogue::core();
    let numbers = catalogue.leaves().filter(|leaf| leaf.unit.is_some());
    let signals: Vec<_> = numbers.map(|leaf| leaf.id).take(SIGNALS).collect();
    let mut fleet = fleet(&signals);
    let mut second = 0;
    let readings = CARS * SIGNALS * usize::try_from(READINGS).unwrap_or(0);
    bencher.counter(ItemsCount::new(readings)).bench_local(|| {
        second += 1;
        for collector in &mut fleet {
            for tenth in 0..READINGS {
                let now = Timestamp(second * 1_000_000 + tenth * 100_000);
                for signal in &signals {
                    collector.handle(now, *signal, &Reading::good(Value::Int(second), now));
                }
                black_box(collector.poll(now));
            }
        }
    });
}
