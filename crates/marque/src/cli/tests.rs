use std::{
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
};

use ::cloud::{clock::Clock, config, platform::Platform};
use clap::{CommandFactory as _, Parser as _};

use super::*;

#[test]
fn the_options_are_well_formed() {
    Cli::command().debug_assert();
}

#[test]
fn options_that_exclude_each_other_are_refused() {
    let check = |words: &str, taken: bool| {
        let words = std::iter::once("marque").chain(words.split_whitespace());
        assert_eq!(Cli::try_parse_from(words.clone()).is_ok(), taken, "{words:?}");
    };
    check("replay x.log --profile psa-aee2010", true);
    check("replay x.log --dbc x.dbc --profile toyota-rav4-2017 --print json --speed real", true);
    check("replay x.log --dbc x.dbc --map x.toml --vss vss.json --strict", true);
    check("replay x.log", false);
    check("replay x.log --map x.toml --profile psa-aee2010", false);
    check("sim --cloud http://localhost:8080 --state cars --password-file p --vehicles 28 --for 60", true);
    check("sim --cloud http://localhost:8080 --state cars --token-file t --events --report r.json", true);
    check("sim --cloud http://localhost:8080 --state cars", false);
    check("revoke 0123456789abcdef0123456789abcdef --cloud http://localhost:8080", true);
    check("revoke 0123456789abcdef0123456789abcdef", false);
    check("revoke WVWZZZ1JZXW000001 --cloud http://localhost:8080", false);
    check("cloud --behind-tls-proxy --metrics-open", true);
    check("cloud --identity-providers p.toml --public-url https://marque.example.org", true);
    check("cloud --http-plain", false);
    check("--log warn --otlp http://127.0.0.1:4318 --traces cloud=debug cloud", true);
    check("audit verify --dir data/audit/log --key k --seen checkpoint", true);
    check("audit verify --url http://localhost:8080 --key k --password-file p", true);
    check("audit verify --proof p --key k", true);
    check("audit verify --key k", false);
    check("audit verify --dir d --url http://localhost:8080 --key k", false);
    check("audit verify --dir d", false);
    check("audit key --data data", true);
    check("vss list", true);
    check("vss check", false);
    check("", false);
}

#[test]
fn a_reader_that_has_enough_is_no_failure() {
    let error = |kind| anyhow::Error::new(io::Error::from(kind)).context("write a sample");
    assert!(is_broken_pipe(&error(io::ErrorKind::BrokenPipe)));
    assert!(!is_broken_pipe(&error(io::ErrorKind::StorageFull)));
}

#[test]
fn the_usual_traces_are_a_filter() {
    assert!(tracing_subscriber::EnvFilter::try_new(telemetry::TRACES).is_ok());
}

#[test]
fn help_shows_no_password_of_the_environment() {
    let mut cli = Cli::command();
    let cloud = cli.find_subcommand_mut("cloud").unwrap();
    let database = cloud.get_arguments().find(|argument| argument.get_id() == "database").unwrap();
    assert_eq!(database.get_env(), Some("MARQUE_DATABASE".as_ref()));
    assert!(database.is_hide_env_values_set());
}

/// A platform in a folder of its own on ports that are free, and where its operator's password stands.
pub(crate) async fn platform(folder: &Path) -> (Platform, PathBuf) {
    let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let options = config::Options {
        data: folder.to_owned(),
        http: any_port,
        mqtt: any_port,
        est: any_port,
        simulated_cars: true,
        ..config::Options::default()
    };
    let config = options.resolve().unwrap();
    let password_file = config.operator_password_file();
    (Platform::start(config, Clock::system()).await.unwrap(), password_file)
}
