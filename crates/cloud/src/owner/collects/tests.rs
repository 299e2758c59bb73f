use super::*;

#[test]
fn a_set_has_what_was_put_into_it() {
    let ids = [0, 1, 63, 64, 700, LOW_IDS - 1, LOW_IDS, u32::MAX];
    let set: SignalSet = ids.into_iter().map(SignalId).collect();
    assert!(ids.iter().all(|id| set.contains(SignalId(*id))));
    let others = [2, 62, 65, 701, LOW_IDS - 2, LOW_IDS + 1, u32::MAX - 1];
    assert!(!others.iter().any(|id| set.contains(SignalId(*id))));
    assert!(!SignalSet::default().contains(SignalId(0)));
}
