use super::*;

fn check(change: impl FnOnce(&mut Options), error: ConfigError) {
    let mut options = Options::default();
    change(&mut options);
    assert_eq!(options.resolve().unwrap_err(), error);
}

#[test]
fn the_defaults_are_a_laptop_that_nobody_else_reaches() {
    let config = Options::default().resolve().unwrap();
    assert!(config.http.listen.ip().is_loopback() && config.mqtt.ip().is_loopback());
    assert!(config.est.ip().is_loopback());
    assert!(!config.http.is_secure() && !config.http.metrics_open);
    assert_eq!(config.database, Database::Sqlite("marque-data/marque.db".into()));
    assert_eq!(config.pki_folder(), PathBuf::from("marque-data/pki/eu"));
}

#[test]
fn a_listener_that_others_reach_speaks_tls_and_keeps_its_metrics() {
    let open = Options { http: "0.0.0.0:8443".parse().unwrap(), ..Options::default() };
    let config = open.clone().resolve().unwrap();
    assert!(config.http.tls && !config.http.tls12 && !config.http.metrics_open);
    let older = Options { http_tls12: true, ..open.clone() }.resolve().unwrap();
    assert!(older.http.tls && older.http.tls12);
    for behind in [open, Options::default()] {
        let behind = Options { behind_tls_proxy: true, ..behind }.resolve().unwrap();
        assert!(!behind.http.tls && behind.http.is_secure() && !behind.http.metrics_open);
    }
}

#[test]
fn an_error_names_its_option() {
    check(|options| options.region = "EU".to_owned(), ConfigError::Region(ParseError::Region));
    check(|options| options.data = PathBuf::new(), ConfigError::Data);
    check(|options| options.database = Some("mysql://x".to_owned()), ConfigError::Database);
    check(
        |options| options.hostnames = vec!["a b".to_owned()],
        ConfigError::Hostname { name: "a b".to_owned() },
    );
    check(|options| options.flush_age = Micros::ZERO, ConfigError::FlushAge);
    check(|options| options.mqtt = options.http, ConfigError::SamePort { address: Options::HTTP });
    check(|options| options.est = options.mqtt, ConfigError::SamePort { address: Options::MQTT });
    check(|options| options.car_validity = Micros::ZERO, ConfigError::CarValidity);
    check(|options| options.http_tls12 = true, ConfigError::Tls12);
    let law = Options { jurisdiction: "moon".to_owned(), ..Options::default() }.resolve().unwrap_err();
    assert!(law.to_string().starts_with("`jurisdiction`"), "{law}");
}

#[test]
fn a_public_url_is_an_origin() {
    let resolve = |url: &str| {
        let options = Options { public_url: Some(url.to_owned()), ..Options::default() };
        options.resolve().map(|config| config.public_url.unwrap().to_string())
    };
    assert_eq!(resolve("https://marque.example.org").unwrap(), "https://marque.example.org/");
    assert_eq!(resolve("http://127.0.0.1:9000/").unwrap(), "http://127.0.0.1:9000/");
    for wrong in
        ["marque.example.org", "http://marque.example.org", "https://h/x", "https://h?x", "https://u@h"]
    {
        assert_eq!(resolve(wrong).unwrap_err(), ConfigError::PublicUrl, "{wrong}");
    }
}

#[test]
fn a_database_password_is_not_shown() {
    let database = Database::Postgres { url: "postgres://u:secret@h/d".to_owned() };
    assert!(!format!("{database:?}").contains("secret"));
}
