use super::*;

#[test]
fn a_log_that_takes_nothing_is_not_ready_unless_it_waits_for_space() {
    let check = |state: Result<(), LogError>, said: Option<&str>, waits: u8| {
        let (metrics, gauge) = (log_metrics(&state), format!("marque_log_waits_for_space {waits}"));
        assert!(metrics.lines().any(|line| line == gauge), "{gauge} is not in {metrics}");
        let problem = log_check(state).err();
        assert_eq!(problem.is_some(), said.is_some(), "{problem:?}");
        let problem = problem.unwrap_or_default();
        assert!(problem.contains(said.unwrap_or_default()) && !problem.contains("/secret"), "{problem}");
    };
    let path = || "/secret/log".to_owned();
    check(Ok(()), None, 0);
    check(Err(LogError::NoSpace { path: path() }), None, 1);
    let failed = LogError::SyncFailed { path: path(), problem: "I/O error".to_owned() };
    check(Err(failed), Some("did not confirm a write"), 0);
    let broken = LogError::Io { operation: "writing", path: path(), problem: "I/O error".to_owned() };
    check(Err(broken), Some("the durable log has stopped"), 0);
}
