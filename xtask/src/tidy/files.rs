//! Lengths, names and marks of files.

use std::fs;

use anyhow::Result;

use crate::run::{Step, root};

/// Past this a file holds a second concept.
const LINES_MAX: usize = 500;

/// Names that say nothing of what is inside.
const EMPTY_NAMES: [&str; 8] =
    ["utils", "util", "common", "helper", "helpers", "manager", "managers", "misc"];

/// What no file of ours may hold. Built from halves, so that this file does not complain of itself.
const MARKS: [(&str, &str); 4] = [("TO", "DO"), ("FIX", "ME"), ("unimpl", "emented!("), ("#[ign", "ore")];

/// What no test may hold besides: a sleep in real time hides a race. tokio's may be in the test's own time.
const TEST_MARKS: [(&str, &str); 2] = [("thread::sl", "eep("), ("time::sl", "eep(")];

/// Says that a test's clock is its own.
const OWN_CLOCK: &str = "start_paused = true";

/// Where real time is what is tested: a process is killed at a moment that nothing waits for.
const REAL_TIME: &str = "crates/marque/tests/crash/";

pub(crate) fn check() -> Result<Vec<String>> {
    let mut complaints = Vec::new();
    for path in Step::new("git").args(["ls-files"]).output()?.lines() {
        if !is_source(path) {
            continue;
        }
        let Ok(text) = fs::read_to_string(root().join(path)) else { continue };
        complaints.extend(complaints_of(path, &text));
    }
    Ok(complaints)
}

fn complaints_of(path: &str, text: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    let lines = text.lines().count();
    if lines > LINES_MAX && !is_test(path) {
        complaints
            .push(format!("{path}: {lines} lines; find the second concept in it (at most {LINES_MAX})"));
    }
    if path.ends_with("/mod.rs") {
        complaints.push(format!("{path}: a module is `foo.rs` with `foo/` beside it"));
    }
    let stem = path.rsplit('/').next().and_then(|name| name.split('.').next()).unwrap_or_default();
    if EMPTY_NAMES.contains(&stem) {
        complaints.push(format!("{path}: the name says nothing; name the concept"));
    }
    if path.starts_with("xtask/src/tidy/") {
        return complaints;
    }
    let test_marks = match (is_test(path), path.starts_with(REAL_TIME), text.contains(OWN_CLOCK)) {
        (false, _, _) | (true, true, _) => &TEST_MARKS[..0],
        (true, false, true) => &TEST_MARKS[..1],
        (true, false, false) => &TEST_MARKS[..],
    };
    for (number, line) in text.lines().enumerate() {
        let marks = MARKS.iter().chain(test_marks);
        for (start, end) in marks {
            if line.contains(&format!("{start}{end}")) {
                complaints
                    .push(format!("{path}:{}: `{start}{end}` marks unfinished or timing work", number + 1));
            }
        }
    }
    complaints
}

fn is_source(path: &str) -> bool {
    let ours = ["crates/", "xtask/", "web/", "fuzz/", "tests/"].iter().any(|dir| path.starts_with(dir));
    let code = [".rs", ".ts", ".svelte", ".css", ".py"].iter().any(|end| path.ends_with(end));
    ours && code && path != "web/packages/api/src/schema.ts"
}

fn is_test(path: &str) -> bool {
    path.contains("/tests/")
        || path.contains("/benches/")
        || path.contains("/e2e/")
        || path.ends_with("/tests.rs")
        || path.ends_with(".test.ts")
}

#[cfg(test)]
mod tests;
