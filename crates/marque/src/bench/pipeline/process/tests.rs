use super::Stat;

#[test]
fn times_are_found_behind_a_name_with_parentheses() {
    let text = "42 (a (b) c) S 7 42 42 0 -1 4194560 1 2 3 4 11 22 33 44 20 0 1 0 5 6 7";
    assert_eq!(Stat::parse(text), Some(Stat { parent: 7, own_ticks: 33, reaped_ticks: 77 }));
}

#[test]
fn a_line_that_is_cut_gives_nothing() {
    assert_eq!(Stat::parse("42 (name) S 7 42"), None);
}
