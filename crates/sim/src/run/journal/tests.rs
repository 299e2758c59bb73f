use model::{Lane, QueueEpoch, Seq};

use super::*;

#[test]
fn a_line_that_a_crash_cut_short_does_not_spoil_the_next_run() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    std::fs::write(&path, "0102 3 live 8 5 sto").unwrap();
    let page = Arc::new(Journal::open(&path).unwrap()).page(VehicleId::from_bytes([1; 16]));
    let key = Key { epoch: QueueEpoch(3), lane: Lane::Bulk, seq: Seq(9) };
    page.note(key, 200, "queued");
    page.note(key, 200, "stored");
    let text = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<_> = text.lines().skip(1).collect();
    let vehicle = VehicleId::from_bytes([1; 16]);
    assert_eq!(lines, [format!("{vehicle} 3 bulk 9 200 queued"), format!("{vehicle} 3 bulk 9 200 stored")]);
}
