use model::Micros;
use signals::{Quality, Reading};

use super::*;
use crate::{CanFrame, CanId, profile::DiagnosticPoller, testdata};

const CHARGE: &str = "Vehicle.Powertrain.TractionBattery.StateOfCharge.Current";

fn answer(request: &CanFrame, profile: &Profile) -> Option<CanFrame> {
    let charge = id(profile, CHARGE);
    profile.answer(request, |leaf| (leaf.id == charge).then_some(Value::Float(64.0)))
}

#[test]
fn a_poller_asks_on_schedule_and_reads_the_answer() {
    let profile = Profile::builtin("psa-aee2010").unwrap();
    let mut poller = DiagnosticPoller::new(Arc::clone(&profile), Timestamp(0));
    let mut samples = Vec::new();
    let mut requests = 0;
    for second in 0..30 {
        let now = Timestamp::from_millis(second * 1_000);
        poller.expire(now, &mut |sample| samples.push(sample));
        while let Some(request) = poller.poll(now) {
            requests += 1;
            if let Some(answer) = answer(&request, &profile) {
                poller.handle_frame(&answer, &mut |sample| samples.push(sample));
            }
        }
    }
    assert_eq!(requests, 6, "two questions, each every ten seconds");
    let expected: Vec<_> = (0..3)
        .map(|turn| Sample {
            signal: id(&profile, CHARGE),
            reading: Reading::good(Value::Float(64.0), Timestamp::from_millis(turn * 10_000)),
        })
        .collect();
    let charge: Vec<_> = samples.into_iter().filter(|sample| sample.signal == id(&profile, CHARGE)).collect();
    assert_eq!(charge, expected);
}

#[test]
fn a_refusal_means_not_available() {
    let profile = Profile::builtin("psa-aee2010").unwrap();
    let mut poller = DiagnosticPoller::new(Arc::clone(&profile), Timestamp(0));
    let request = poller.poll(Timestamp(0)).unwrap();
    let asked = profile.diagnostics().iter().find(|diagnostic| diagnostic.request == request.id()).unwrap();
    let refusal = [3, 0x7f, request.data()[1], 0x31, 0, 0, 0, 0];
    let mut samples = Vec::new();
    let frame = CanFrame::new(asked.response, &refusal).unwrap().at(Timestamp(9));
    poller.handle_frame(&frame, &mut |sample| samples.push(sample));
    assert_eq!(samples.len(), 1);
    assert_eq!(samples[0].reading.quality, Quality::NotAvailable);
}

#[test]
fn a_silent_control_unit_holds_up_only_its_own_question() {
    let profile = Profile::builtin("psa-aee2010").unwrap();
    let mut poller = DiagnosticPoller::new(Arc::clone(&profile), Timestamp(0));
    let first = poller.poll(Timestamp(0)).unwrap();
    assert!(poller.poll(Timestamp(1)).is_none());
    let later = poller.next_deadline().unwrap() + Micros(1);
    poller.expire(later, &mut |_| ());
    let second = poller.poll(later).unwrap();
    assert_ne!(first.id(), second.id());
}

/// Drives for so many seconds; `answer` is what the control units say to a request.
fn drive(
    poller: &mut DiagnosticPoller,
    seconds: std::ops::Range<i64>,
    mut answer: impl FnMut(&CanFrame) -> Option<CanFrame>,
) -> (Vec<CanFrame>, Vec<Sample>) {
    let (mut requests, mut samples) = (Vec::new(), Vec::new());
    for second in seconds {
        let now = Timestamp::from_millis(second * 1_000);
        poller.expire(now, &mut |sample| samples.push(sample));
        while let Some(request) = poller.poll(now) {
            if let Some(answer) = answer(&request) {
                poller.handle_frame(&answer, &mut |sample| samples.push(sample));
            }
            requests.push(request);
        }
    }
    (requests, samples)
}

#[test]
fn a_value_is_stale_once_its_control_unit_has_died() {
    let profile = Profile::builtin("psa-aee2010").unwrap();
    let mut poller = DiagnosticPoller::new(Arc::clone(&profile), Timestamp(0));
    let charge = id(&profile, CHARGE);
    let (_, samples) = drive(&mut poller, 0..20, |request| answer(request, &profile));
    assert!(samples.iter().any(|sample| sample.signal == charge && sample.reading.quality == Quality::Good));
    let (_, samples) = drive(&mut poller, 20..120, |_| None);
    let stale: Vec<_> = samples.iter().filter(|sample| sample.signal == charge).collect();
    assert_eq!(stale.len(), 1);
    assert_eq!(stale[0].reading.quality, Quality::Stale);
    assert_eq!(stale[0].reading.value, Some(Value::Float(64.0)));
}

#[test]
fn a_control_unit_that_is_pending_for_ever_does_not_hold_up_the_others() {
    let profile = Profile::builtin("psa-aee2010").unwrap();
    let mut poller = DiagnosticPoller::new(Arc::clone(&profile), Timestamp(0));
    let first = poller.poll(Timestamp(0)).unwrap();
    let asked = profile.diagnostics().iter().find(|diagnostic| diagnostic.request == first.id()).unwrap();
    let pending = CanFrame::new(asked.response, &[3, 0x7f, first.data()[1], 0x78, 0, 0, 0, 0]).unwrap();
    let other = (0..60).find_map(|second| {
        let now = Timestamp::from_millis(second * 1_000);
        poller.handle_frame(&pending.at(now), &mut |_| ());
        poller.expire(now, &mut |_| ());
        poller.poll(now).filter(|request| request.id() != first.id())
    });
    assert!(other.is_some());
}

#[test]
fn questions_go_on_after_the_clock_went_back() {
    let profile = Profile::builtin("psa-aee2010").unwrap();
    let year = 365 * 24 * 3_600;
    let mut poller = DiagnosticPoller::new(Arc::clone(&profile), Timestamp::from_millis(year * 1_000));
    drive(&mut poller, year..year + 5, |request| answer(request, &profile));
    poller.set_back(Timestamp(0));
    let (requests, _) = drive(&mut poller, 0..15, |request| answer(request, &profile));
    assert!(requests.len() >= 2, "{} questions", requests.len());
}

#[test]
fn the_208s_real_answers_give_the_expected_charge() {
    let profile = Profile::builtin("psa-aee2010").unwrap();
    let diagnostic =
        profile.diagnostics().iter().find(|diagnostic| *diagnostic.leaf.path == *CHARGE).unwrap();
    assert_eq!(diagnostic.response, CanId::standard(0x694).unwrap());
    for year in ["2019", "2021"] {
        let file = format!("obdb_peugeot208/tests/test_cases/{year}/commands/6B4.694.22D410.yaml");
        let Some(text) = testdata::read(&file) else { return };
        let text = String::from_utf8(text).unwrap();
        let value_of =
            |line: &str, key: &str| line.trim().strip_prefix(key).map(|rest| rest.trim().to_owned());
        let expected = text.lines().filter_map(|line| value_of(line, "PEUGEOT_HVBAT_SOC:"));
        let responses = text.lines().filter_map(|line| value_of(line, "response:"));
        let mut pairs = 0;
        for (expected, response) in expected.zip(responses) {
            // `694 05 62D410 4BFE`: id, length, payload in hexadecimal digits.
            let digits = response.trim_matches('"').get(5..).unwrap().to_owned();
            let nibbles: Vec<_> = digits.chars().map(|digit| digit.to_digit(16).unwrap()).collect();
            let payload: Vec<_> =
                nibbles.chunks(2).map(|pair| u8::try_from(pair[0] * 16 + pair[1]).unwrap()).collect();
            let reading = diagnostic.read(&payload, Timestamp(0)).unwrap();
            let expected: f64 = expected.parse().unwrap();
            assert!((reading.value.unwrap().as_f64().unwrap() - expected).abs() < 0.001);
            pairs += 1;
        }
        assert!(pairs > 0, "{year}");
    }
}
