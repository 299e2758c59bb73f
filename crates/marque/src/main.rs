//! The command line of Marque.
//!
//! Every subcommand is a module of `cli`: it reads its options, calls a library, and says what
//! came out of it. Invariants, as absences: `marque` decides nothing that a library crate could.

mod bench;
mod cli;
mod clock;

fn main() -> std::process::ExitCode {
    cli::run()
}
