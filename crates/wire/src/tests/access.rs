use model::Timestamp;
use possession::{CodeHash, CodeKind};
use proptest::{collection::vec, prelude::*};
use prost::Message as _;

use crate::*;

pub(super) fn link_code() -> LinkCode {
    let hash = CodeHash(std::array::from_fn(|place| u8::try_from(place).unwrap()));
    LinkCode { kind: CodeKind::Driver, hash, until: Timestamp(1_767_225_600_000_000) }
}

pub(super) fn notices() -> Vec<AccessNotice> {
    let at = |number: i64| Timestamp(1_767_225_600_000_000 + number);
    vec![
        AccessNotice { number: 4, kind: AccessNoticeKind::Got(CodeKind::Owner), at: at(1) },
        AccessNotice { number: 6, kind: AccessNoticeKind::Got(CodeKind::Workshop), at: at(2) },
    ]
}

#[test]
fn a_link_code_has_a_known_kind_and_a_whole_hash() {
    let coded = pb::LinkCode::decode(&*encode_link_code(&link_code())).unwrap();
    let kind = pb::LinkCode { kind: 9, ..coded.clone() }.encode_to_vec();
    assert!(matches!(decode_link_code(&kind), Err(Error::UnknownValue { field: "kind", .. })));
    let hash = pb::LinkCode { hash: vec![1; 31], ..coded }.encode_to_vec();
    assert!(matches!(decode_link_code(&hash), Err(Error::Field { field: "hash", .. })));
}

#[test]
fn a_notice_of_a_later_release_does_not_keep_the_others_away() {
    let mut coded = pb::AccessNotices::decode(&*encode_access_notices(&notices())).unwrap();
    coded.notices[0].kind = 9;
    assert_eq!(decode_access_notices(&coded.encode_to_vec()).unwrap(), notices()[1..]);
}

#[test]
fn notices_go_up_and_are_few() {
    let mut backwards = notices();
    backwards.reverse();
    let many = |count: usize| {
        let notice = |number| AccessNotice { number, ..notices()[0] };
        encode_access_notices(&(0..u64::try_from(count).unwrap()).map(notice).collect::<Vec<_>>())
    };
    for wrong in [encode_access_notices(&backwards), many(ACCESS_NOTICES_MAX + 1)] {
        assert!(matches!(decode_access_notices(&wrong), Err(Error::Field { field: "notices", .. })));
    }
    assert_eq!(decode_access_notices(&many(ACCESS_NOTICES_MAX)).map(|all| all.len()), Ok(ACCESS_NOTICES_MAX));
}

proptest! {
    #[test]
    fn arbitrary_messages_do_no_harm(bytes in vec(any::<u8>(), 0..120)) {
        if let Ok(code) = decode_link_code(&bytes) {
            prop_assert_eq!(decode_link_code(&encode_link_code(&code)), Ok(code));
        }
        if let Ok(notices) = decode_access_notices(&bytes) {
            prop_assert_eq!(decode_access_notices(&encode_access_notices(&notices)), Ok(notices));
        }
    }
}
