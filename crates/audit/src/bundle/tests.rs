use proptest::prelude::*;

use super::*;

fn path(width: u16) -> LogPath {
    LogPath::Entries { index: 0, width: Width::new(width).unwrap() }
}

#[test]
fn an_entry_stands_behind_its_length() {
    let mut bundle = Vec::new();
    push_entry(&mut bundle, b"ab").unwrap();
    push_entry(&mut bundle, b"").unwrap();
    assert_eq!(bundle, [0, 2, b'a', b'b', 0, 0]);
    assert_eq!(entries_of(path(2), &bundle).unwrap(), [&b"ab"[..], b""]);
}

#[test]
fn a_bundle_that_is_cut_or_goes_on_is_refused() {
    for (width, bytes) in [(1, &[0][..]), (1, &[0, 1]), (1, &[0, 0, 0]), (2, &[0, 0]), (1, &[])] {
        assert!(entries_of(path(width), bytes).is_err(), "{bytes:?}");
    }
    assert!(entries_of(LogPath::Checkpoint, &[0, 0]).is_err());
}

#[test]
fn an_entry_that_its_length_cannot_tell_is_refused() {
    assert!(push_entry(&mut Vec::new(), &[0; ENTRY_BYTES_MAX]).is_ok());
    let error = push_entry(&mut Vec::new(), &[0; ENTRY_BYTES_MAX + 1]).unwrap_err();
    assert!(matches!(error, Error::EntryLength { bytes: 65_536 }));
}

#[test]
fn a_tile_has_as_many_hashes_as_its_path_says() {
    let hashes = [Hash::of_empty(), Hash::of_leaf(b"")];
    let width = |width| Width::new(width).unwrap();
    assert_eq!(tile_hashes(&tile_bytes(&hashes), width(2)).unwrap(), hashes);
    assert_eq!(tile_hashes(&tile_bytes(&hashes), width(1)), None);
    assert_eq!(tile_hashes(&tile_bytes(&hashes)[1..], width(2)), None);
}

proptest! {
    #[test]
    fn any_bytes_are_a_bundle_or_refused(bytes in prop::collection::vec(0_u8..4, 0..60), width in 1_u16..20) {
        let Ok(entries) = entries_of(path(width), &bytes) else { return Ok(()) };
        let mut again = Vec::new();
        entries.iter().try_for_each(|entry| push_entry(&mut again, entry)).unwrap();
        prop_assert_eq!(again, bytes);
    }
}
