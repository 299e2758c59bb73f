use super::*;

const MINIMAL: &str = r#"
[[provider]]
id = "group"
name = "Group sign-in"
issuer = "https://login.example.org/realms/staff"
client_id = "marque"
realm = "staff"
"#;

fn read_text(text: &str) -> Result<Vec<ProviderSettings>, SettingsError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("providers.toml");
    std::fs::write(&path, text).unwrap();
    std::fs::write(folder.path().join("secret"), "from-a-file\n").unwrap();
    std::fs::write(folder.path().join("empty"), "\n").unwrap();
    read(&path, |name| (name == "SECRET").then(|| "from-the-environment".to_owned()))
}

#[track_caller]
fn check(line: &str, key: &str) {
    let replaced = line.split(" = ").next().unwrap();
    let kept = MINIMAL.lines().filter(|kept| kept.split(" = ").next() != Some(replaced));
    let text = format!("{}\n{line}\n", kept.collect::<Vec<_>>().join("\n"));
    let error = read_text(&text).unwrap_err().to_string();
    assert!(error.contains(&format!("`provider.{key}`")), "{error}");
}

#[test]
fn a_provider_needs_few_words() {
    let providers = read_text(MINIMAL).unwrap();
    let [provider] = providers.as_slice() else { panic!("{providers:?}") };
    assert_eq!((provider.id.as_str(), provider.realm), ("group", Realm::Staff));
    assert_eq!(provider.scopes, SCOPES);
    assert!(provider.client_secret.is_none() && provider.audience.is_none() && !provider.is_plain());
    assert_eq!(read_text("").unwrap().len(), 0);
}

#[test]
fn a_secret_is_referred_to() {
    let secret = |line: &str| read_text(&format!("{MINIMAL}{line}\n")).unwrap()[0].client_secret.clone();
    assert_eq!(secret("client_secret_file = \"secret\"").unwrap(), "from-a-file");
    assert_eq!(secret("client_secret_env = \"SECRET\"").unwrap(), "from-the-environment");
    let error = read_text(&format!("{MINIMAL}client_secret = \"s3cret\"\n")).unwrap_err().to_string();
    assert!(error.contains("client_secret_file") && !error.contains("s3cret"), "{error}");
}

#[test]
fn an_error_names_its_key() {
    check("id = \"Group\"", "id");
    check("id = \"\"", "id");
    check("name = \"\"", "name");
    check("realm = \"admin\"", "realm");
    check("client_id = \"\"", "client_id");
    check("scopes = [\"email\"]", "scopes");
    check("scopes = [\"openid\", \"two words\"]", "scopes");
    check("acr_values = [\"\"]", "acr_values");
    check("audience = \"\"\naccess_clients = [\"app\"]", "audience");
    check("audience = \"https://marque.example.org\"", "access_clients");
    check("access_clients = [\"app\"]", "access_clients");
    check("client_secret_file = \"nothing\"", "client_secret_file");
    check("client_secret_file = \"empty\"", "client_secret_file");
    check("client_secret_env = \"OTHER\"", "client_secret_env");
    check("client_secret_file = \"secret\"\nclient_secret_env = \"SECRET\"", "client_secret_env");
    check("ca_file = \"secret\"", "ca_file");
    for issuer in [
        "login.example.org",
        "http://login.example.org",
        "https://user@login.example.org",
        "https://login.example.org?x=1",
        "https://login.example.org#x",
        "file:///etc/passwd",
    ] {
        check(&format!("issuer = \"{issuer}\""), "issuer");
    }
    let unknown = read_text(&format!("{MINIMAL}colour = \"red\"\n")).unwrap_err().to_string();
    assert!(unknown.contains("line 8") && unknown.contains("`colour`"), "{unknown}");
}

#[test]
fn plain_http_stays_on_this_machine() {
    for issuer in ["http://localhost:9000", "http://127.0.0.1:9000/x", "http://[::1]:9000"] {
        let text = MINIMAL.replace("https://login.example.org/realms/staff", issuer);
        assert!(read_text(&text).unwrap()[0].is_plain(), "{issuer}");
    }
}

#[test]
fn ids_and_issuers_are_one_providers() {
    let error = read_text(&format!("{MINIMAL}{MINIMAL}")).unwrap_err().to_string();
    assert!(error.contains("`provider.id`"), "{error}");
    let renamed = MINIMAL.replace("id = \"group\"", "id = \"other\"");
    let error = read_text(&format!("{MINIMAL}{renamed}")).unwrap_err().to_string();
    assert!(error.contains("`provider.issuer`"), "{error}");
}
