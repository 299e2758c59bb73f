use super::*;

#[test]
fn a_log_that_takes_nothing_shows_in_readiness_and_metrics() {
    let check = |state: Result<(), LogError>, said: Option<&str>, gauges: [u8; 2]| {
        let metrics = log_metrics(&state);
        let [starved, stopped] = gauges;
        for line in [format!("marque_log_waits_for_space {starved}"), format!("marque_log_stopped {stopped}")]
        {
            assert!(metrics.lines().any(|found| found == line), "{line} is not in {metrics}");
        }
        let problem = log_check(state).err();
        assert_eq!(problem.is_some(), said.is_some(), "{problem:?}");
        let problem = problem.unwrap_or_default();
        assert!(problem.contains(said.unwrap_or_default()) && !problem.contains("/secret"), "{problem}");
    };
    let path = || "/secret/log".to_owned();
    check(Ok(()), None, [0, 0]);
    check(Err(LogError::NoSpace { path: path() }), None, [1, 0]);
    let failed = LogError::SyncFailed { path: path(), problem: "I/O error".to_owned() };
    check(Err(failed), Some("did not confirm a write"), [0, 1]);
    let broken = LogError::Io { operation: "writing", path: path(), problem: "I/O error".to_owned() };
    check(Err(broken), Some("the durable log has stopped"), [0, 1]);
}
