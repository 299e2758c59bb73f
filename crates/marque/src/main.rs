//! The command line: cloud, demo, replay, sim, bench, vss.
fn main() {}
