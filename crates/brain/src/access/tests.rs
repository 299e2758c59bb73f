use std::sync::OnceLock;

use possession::CodeHash;
use tempfile::TempDir;

use super::*;
use crate::testcloud::still_clock;

fn region() -> &'static Region {
    static REGION: OnceLock<Region> = OnceLock::new();
    REGION.get_or_init(|| "eu".parse().unwrap())
}

fn notice(number: u64, kind: CodeKind) -> AccessNotice {
    AccessNotice { number, kind: AccessNoticeKind::Got(kind), at: still_clock() }
}

fn kept(notices: &Notices) -> Vec<u64> {
    notices.subscribe().borrow().iter().map(|notice| notice.number).collect()
}

#[test]
fn a_car_shows_one_code_at_a_time() {
    let codes = Codes::new(Some(region()), still_clock);
    let first = codes.show(CodeKind::Owner).unwrap();
    let second = codes.show(CodeKind::Driver).unwrap();
    assert_ne!(first.code, second.code);
    let (code, message) = codes.unheard(still_clock()).unwrap();
    assert_eq!((&code, message.kind, message.until), (&second.code, CodeKind::Driver, second.until));
    let expected: CodeHash = second.code.hash(Salt::of_region(region()), CodeKind::Driver);
    assert_eq!(message.hash, expected);
    codes.settle(&first.code, CodeState::Taken);
    assert!(codes.unheard(still_clock()).is_some(), "that was about another code");
    codes.settle(&second.code, CodeState::Taken);
    assert!(codes.unheard(still_clock()).is_none());
    assert_eq!(codes.subscribe().borrow().as_ref().unwrap().state, CodeState::Taken);
}

#[test]
fn a_code_that_is_over_is_not_announced() {
    let codes = Codes::new(Some(region()), still_clock);
    let shown = codes.show(CodeKind::Workshop).unwrap();
    assert!(codes.unheard(shown.until).is_none());
}

#[test]
fn a_car_without_a_region_shows_no_code() {
    assert_eq!(Codes::new(None, still_clock).show(CodeKind::Owner), Err(CodeError::NoRegion));
}

#[test]
fn notices_are_there_after_a_start_and_none_comes_twice() {
    let dir = TempDir::new().unwrap();
    let notices = Notices::open(dir.path());
    assert_eq!(notices.newest(), 0);
    notices.take(&encode_access_notices(&[notice(1, CodeKind::Driver), notice(2, CodeKind::Workshop)]));
    notices.take(&encode_access_notices(&[notice(2, CodeKind::Workshop), notice(5, CodeKind::Driver)]));
    notices.take(b"\xff");
    assert_eq!(kept(&notices), [1, 2, 5]);
    assert_eq!(kept(&Notices::open(dir.path())), [1, 2, 5]);
}

#[test]
fn a_new_owner_sees_nothing_of_the_one_before() {
    let dir = TempDir::new().unwrap();
    let notices = Notices::open(dir.path());
    notices.take(&encode_access_notices(&[notice(1, CodeKind::Owner), notice(2, CodeKind::Workshop)]));
    notices.take(&encode_access_notices(&[notice(3, CodeKind::Owner), notice(4, CodeKind::Driver)]));
    assert_eq!(kept(&notices), [3, 4]);
}

#[test]
fn only_the_latest_notices_are_kept() {
    let dir = TempDir::new().unwrap();
    let notices = Notices::open(dir.path());
    for number in 1..=40 {
        notices.take(&encode_access_notices(&[notice(number, CodeKind::Driver)]));
    }
    assert_eq!(kept(&notices), (9..=40).collect::<Vec<_>>());
}

#[test]
fn notices_that_cannot_be_read_are_asked_for_again() {
    let dir = TempDir::new().unwrap();
    fs::write(dir.path().join(NOTICES_FILE), b"\xff").unwrap();
    assert_eq!(Notices::open(dir.path()).newest(), 0);
}
