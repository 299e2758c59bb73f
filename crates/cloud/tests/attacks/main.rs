//! What attackers try, against a whole platform over real sockets. Each file is a theme, and says the threat.

#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it should be")]

mod certificates;
mod clones;
mod enrolment;
mod people;
mod topics;
mod versions;

mod cell;
mod wiretap;
