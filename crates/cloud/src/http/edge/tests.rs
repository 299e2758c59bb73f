use super::*;

#[test]
fn the_consoles_tests_run_under_the_policy_that_is_sent() {
    let source = include_str!("../../../../../web/console/vite/csp.ts");
    let (_, list) = source.split_once('[').unwrap();
    let (list, _) = list.split_once(']').unwrap();
    let tested: Vec<&str> = list
        .lines()
        .map(|line| line.trim().trim_end_matches(',').trim_matches('"'))
        .filter(|line| !line.is_empty())
        .collect();
    let sent: Vec<&str> = PAGE_POLICY.split("; ").collect();
    assert_eq!(sent, tested);
}
