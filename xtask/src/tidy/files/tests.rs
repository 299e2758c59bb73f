use super::*;

/// The complaints of a file with one line of code.
fn check(path: &str, line: &str, complaints: usize) {
    assert_eq!(complaints_of(path, line).len(), complaints, "{path}: {line}");
}

#[test]
fn a_test_sleeps_in_its_own_time_or_not_at_all() {
    let own = "#[tokio::test(start_paused = true)] async fn x() { tokio::time::sleep(SECOND).await }";
    check("crates/x/src/x/tests.rs", own, 0);
    check("crates/x/src/x/tests.rs", "tokio::time::sleep(SECOND).await;", 1);
    check("crates/x/src/x/tests.rs", "std::thread::sleep(SECOND); // start_paused = true", 1);
    check("crates/x/src/x.rs", "tokio::time::sleep(SECOND).await;", 0);
}

#[test]
fn a_name_that_says_nothing_is_refused() {
    for name in ["manager", "helper", "utils"] {
        check(&format!("crates/x/src/{name}.rs"), "", 1);
    }
    check("crates/x/src/manager_of_nothing.rs", "", 0);
}
