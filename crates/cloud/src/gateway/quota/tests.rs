use super::*;

const QUOTA: Quota = Quota {
    messages: Rate { per_minute: 60, burst: 3 },
    bytes: Rate { per_minute: 6_000, burst: 1_000 },
    samples: Rate { per_minute: 600_000, burst: 10_000 },
    questions: Rate { per_minute: 6, burst: 1 },
};

#[expect(clippy::disallowed_methods, reason = "some moment to count from")]
fn start() -> Instant {
    Instant::now()
}

/// Takes messages and checks for how many milliseconds the car has to wait after the last.
#[track_caller]
fn check_waits(costs: &[Cost], ms: u64) {
    let now = start();
    let mut budget = Budget::full(&QUOTA, now);
    let (last, before) = costs.split_last().unwrap();
    for cost in before {
        assert_eq!(budget.take(&QUOTA, now, *cost), None);
    }
    let waits = budget.take(&QUOTA, now, *last).map_or(0, |until| until.duration_since(now).as_millis());
    assert_eq!(waits, u128::from(ms));
}

#[test]
fn a_burst_is_free_and_what_exceeds_it_waits_for_its_rate() {
    check_waits(&[Cost::batch(1, 1); 3], 0);
    check_waits(&[Cost::batch(1, 1); 4], 1_000);
    check_waits(&[Cost::batch(1_500, 1)], 5_000);
    check_waits(&[Cost::batch(1, 200_000)], 19_000);
    check_waits(&[Cost::question(1); 2], 10_000);
}

#[test]
fn what_comes_back_is_counted_to_its_last_part_and_never_above_the_burst() {
    let mut now = start();
    let mut budget = Budget::full(&QUOTA, now);
    assert_eq!(budget.take(&QUOTA, now, Cost::question(1)), None);
    let until = budget.take(&QUOTA, now, Cost::question(1)).unwrap();
    // Looked at a thousand times, a slow rate still comes back.
    for _ in 0..1_000 {
        now += Duration::from_millis(10);
        budget.refill(&QUOTA, now);
    }
    assert!(now >= until - Duration::from_millis(1));
    assert!(budget.left.iter().all(|left| *left >= 0), "{budget:?}");
    now += Duration::from_secs(3_600);
    assert!(!budget.is_low(&QUOTA, now));
    for _ in 0..3 {
        assert_eq!(budget.take(&QUOTA, now, Cost::batch(1, 1)), None);
    }
    assert!(budget.take(&QUOTA, now, Cost::batch(1, 1)).is_some());
    assert!(budget.is_low(&QUOTA, now));
}
