//! `cargo xtask`: installs and builds what is needed, then calls `marque` or the tests.
//!
//! Invariants, as absences: xtask knows nothing of vehicles, and decides nothing that `marque` could.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool talks to its terminal")]

mod bench;
mod codegen;
mod contract;
mod demo;
mod fuzz;
mod lint;
mod live;
mod packages;
mod platform;
mod python;
mod readers;
mod run;
mod sbom;
mod test;
mod tidy;
mod tls;
mod web;

use std::process::ExitCode;

const USAGE_HEAD: &str = "\
cargo xtask <command>

  demo [FLAGS]    build everything and start the platform with a simulated fleet of all brands;
                  flags go to `marque demo`: --vehicles N, --for SECONDS, --headless, --data DIR,
                  --port P, --report FILE.json (see `cargo xtask demo --help`)
  test            every test: Rust, web, browser, independent readers
  lint            fmt, clippy, tidy, dependency policy, spelling, documentation
  tidy            the rules of the house that no compiler checks
  codegen         write the generated files: OpenAPI document, TypeScript client
  bench [NAME]    measure beside peers and print tables (release build), all of them without a name;
                  flags after a name go to that bench; there are
";

const USAGE_TAIL: &str = "\
  contract [N]    ask a running platform, N times an operation (default 500), for what its OpenAPI document
                  says; flags after the number go to Schemathesis
  fuzz [SECONDS]  run every fuzz target for that long (default 60)
  tls             look at the TLS of each listener with sslyze and testssl.sh
  sbom            write bills of materials (CycloneDX) into target/sbom
";

fn usage() -> String {
    format!("{USAGE_HEAD}                  {}\n{USAGE_TAIL}", bench::NAMES.join(", "))
}

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let command = args.next().unwrap_or_default();
    let rest: Vec<String> = args.collect();
    let done = match command.as_str() {
        "demo" => demo::demo(&rest),
        "test" => test::test(&rest),
        "lint" => lint::lint(),
        "tidy" => tidy::tidy(),
        "codegen" => codegen::write(),
        "bench" => bench::bench(&rest),
        "contract" => contract::contract(&rest),
        "fuzz" => fuzz::fuzz(&rest),
        "sbom" => sbom::sbom(),
        "tls" => tls::tls(),
        "help" | "--help" | "-h" => {
            print!("{}", usage());
            return ExitCode::SUCCESS;
        }
        _ => {
            eprint!("{}", unknown(&command));
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn unknown(command: &str) -> String {
    if command.is_empty() {
        return usage();
    }
    format!("error: there is no command `{command}`\n\n{}", usage())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_command_is_named() {
        assert!(unknown("bogus").starts_with("error: there is no command `bogus`\n"));
        assert_eq!(unknown(""), usage());
    }

    #[test]
    fn the_usage_names_every_bench() {
        let names = usage().lines().find(|line| line.trim_start().starts_with("gateway")).map(str::to_owned);
        let names = names.unwrap();
        assert_eq!(names.trim().split(", ").collect::<Vec<_>>(), bench::NAMES);
    }
}
