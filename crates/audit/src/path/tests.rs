use proptest::prelude::*;

use super::*;

fn tile(level: u8, index: u64, width: u16) -> LogPath {
    LogPath::Tile { level, index, width: Width::new(width).unwrap() }
}

fn entries(index: u64, width: u16) -> LogPath {
    LogPath::Entries { index, width: Width::new(width).unwrap() }
}

fn check(path: LogPath, text: &str) {
    assert_eq!(path.to_string(), text);
    assert_eq!(text.parse::<LogPath>().unwrap(), path);
}

/// The examples of tlog-tiles.
#[test]
fn a_file_has_one_path() {
    check(LogPath::Checkpoint, "checkpoint");
    check(tile(0, 1_234_067, 256), "tile/0/x001/x234/067");
    check(entries(1_234_067, 8), "tile/entries/x001/x234/067.p/8");
    check(tile(63, 0, 255), "tile/63/000.p/255");
    check(entries(999, 256), "tile/entries/999");
    check(entries(1_000, 256), "tile/entries/x001/000");
    check(tile(0, u64::MAX, 1), "tile/0/x018/x446/x744/x073/x709/x551/615.p/1");
}

#[test]
fn another_spelling_names_no_file() {
    for bad in [
        "",
        "/checkpoint",
        "checkpoint/",
        "tile",
        "tile/0",
        "tile/0/",
        "tile/0/0",
        "tile/0/0000",
        "tile/00/000",
        "tile/64/000",
        "tile/-1/000",
        "tile/+1/000",
        "tile/0/x000/000",
        "tile/0/x001",
        "tile/0/001/000",
        "tile/0/x01/000",
        "tile/0/+01",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/01",
        "tile/0/000.p/",
        "tile/0/000.p/1/",
        "tile/0/000.p/1.p/1",
        "tile/0/x018/x446/x744/x073/x709/x551/616",
        "tile/entries/../../etc/passwd",
        "tile/Entries/000",
        "Tile/0/000",
    ] {
        assert!(bad.parse::<LogPath>().is_err(), "{bad}");
    }
}

/// The example of tlog-tiles: 273 full tiles, one of 112, one full, one of 17, one of 1.
#[test]
fn a_tree_of_70_000_has_the_files_of_the_specification() {
    assert_eq!(LogPath::tile_at(0, 272, 70_000), Some(tile(0, 272, 256)));
    assert_eq!(LogPath::tile_at(0, 273, 70_000), Some(tile(0, 273, 112)));
    assert_eq!(LogPath::tile_at(0, 274, 70_000), None);
    assert_eq!(LogPath::tile_at(1, 0, 70_000), Some(tile(1, 0, 256)));
    assert_eq!(LogPath::tile_at(1, 1, 70_000), Some(tile(1, 1, 17)));
    assert_eq!(LogPath::tile_at(2, 0, 70_000), Some(tile(2, 0, 1)));
    assert_eq!(LogPath::tile_at(3, 0, 70_000), None);
    assert_eq!(LogPath::tile_at(1, 0, 256), Some(tile(1, 0, 1)));
    assert_eq!(LogPath::tile_at(0, 1, 256), None);
}

#[test]
fn a_file_has_a_limit() {
    assert_eq!(tile(0, 7, 256).bytes_max(), 8_192);
    assert_eq!(tile(3, 7, 1).bytes_max(), 32);
    assert_eq!(entries(7, 3).bytes_max(), 3 * 65_537);
}

#[test]
fn what_no_checkpoint_covers_is_not_within() {
    for (path, size, expected) in [
        (entries(0, 256), 256, true),
        (entries(0, 255), 256, true),
        (entries(0, 256), 255, false),
        (entries(1, 1), 256, false),
        (tile(1, 0, 1), 256, true),
        (tile(1, 0, 1), 255, false),
        (tile(9, 0, 1), TREE_SIZE_MAX, false),
        (LogPath::Checkpoint, 0, true),
    ] {
        assert_eq!(path.is_within(size), expected, "{path} within {size}");
    }
}

#[test]
fn an_entry_is_in_one_bundle() {
    assert_eq!(LogPath::entries_holding(255, 300), Some(entries(0, 256)));
    assert_eq!(LogPath::entries_holding(299, 300), Some(entries(1, 44)));
    assert_eq!(LogPath::entries_holding(300, 300), None);
    assert_eq!(LogPath::entries_holding(u64::MAX, u64::MAX), None);
}

proptest! {
    #[test]
    fn every_path_is_read_back(level in 0_u8..64, index in any::<u64>(), width in 1_u16..=256) {
        for path in [tile(level, index, width), entries(index, width)] {
            prop_assert_eq!(path.to_string().parse::<LogPath>().unwrap(), path);
        }
    }

    #[test]
    fn any_text_is_a_path_or_refused(text in "(tile|checkpoint|entries|[0-9]{1,4}|x[0-9]{1,3}|/|\\.p|.){0,9}") {
        if let Ok(path) = text.parse::<LogPath>() {
            prop_assert_eq!(path.to_string(), text);
        }
    }
}
