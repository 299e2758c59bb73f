use super::*;

fn ledger(samples_sent: u64) -> Ledger {
    let car = |brand: &str, batches_acknowledged| Car {
        brand: brand.to_owned(),
        architecture: "zonal".to_owned(),
        lanes: vec![Lane { batches_acknowledged }],
    };
    Ledger {
        vehicles_connected: 3,
        samples_sent,
        samples_carried: 5,
        samples_withdrawn: 2,
        wire_bytes_per_sample: 1.5,
        by_vehicle: vec![car("fiat", 1), car("jeep", 4), car("opel", 0)],
    }
}

fn visible(samples: u64, duplicates: u64) -> Visible {
    Visible { tables: Counted { samples, duplicates, bytes: samples * 2 }, durable: samples - duplicates }
}

fn report(samples_sent: u64, before: &Visible, now: &Visible) -> Report {
    Report::new(&ledger(samples_sent), before, now, 1.0, &Probe::default()).unwrap()
}

#[test]
fn what_was_queued_and_cannot_be_seen_is_lost() {
    let report = report(97, &visible(10, 0), &visible(80, 0));
    assert_eq!((report.samples_sent, report.samples_visible), (100, 70));
    assert_eq!((report.samples_lost, report.samples_duplicated), (30, 0));
}

#[test]
fn what_is_there_twice_does_not_make_up_for_what_is_lost() {
    let report = report(97, &visible(10, 0), &visible(110, 10));
    assert_eq!((report.samples_visible, report.samples_lost, report.samples_duplicated), (90, 10, 10));
}

#[test]
fn brands_of_cars_that_were_never_heard_do_not_count() {
    let report = report(97, &visible(0, 0), &visible(100, 0));
    assert_eq!((report.brands, report.architectures), (2, 1));
}
