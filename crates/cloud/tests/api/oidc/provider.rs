//! An OpenID Connect provider that does what it should, until it is told to lie.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard},
};

use aws_lc_rs::digest::{SHA256, digest};
use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto::Builder,
    service::TowerToHyperService,
};
use jsonwebtoken::{Algorithm, EncodingKey};
use rustls::pki_types::PrivateKeyDer;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use url::Url;

pub(super) const CLIENT: &str = "marque";
pub(super) const SECRET: &str = "s3cret of the client";
pub(super) const AUDIENCE: &str = "https://marque.example.org";
/// Whose access tokens count.
pub(super) const APP: &str = "an-app";

/// What one of its routes does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    Right,
    Huge,
    Never,
    Elsewhere,
    Failed,
}

/// A key with its name.
#[derive(Clone)]
pub(super) struct Key {
    pub(super) kid: String,
    private: Vec<u8>,
    public: Vec<u8>,
}

impl Key {
    pub(super) fn new(kid: &str) -> Self {
        let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
        Self { kid: kid.to_owned(), private: pair.serialize_der(), public: pair.public_key_raw().to_vec() }
    }

    pub(super) fn jwk(&self) -> Value {
        let (x, y) = self.public[1..].split_at(32);
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        json!({ "kty": "EC", "crv": "P-256", "use": "sig", "kid": self.kid, "x": text(x), "y": text(y) })
    }
}

/// How a token is signed.
#[derive(Clone)]
pub(super) enum Signer {
    Key(Key),
    /// With the public key as the shared secret, as everybody could.
    PublicKey,
    Nobody,
}

/// A token that is not signed yet.
#[derive(Clone)]
pub(super) struct Draft {
    pub(super) header: Value,
    pub(super) claims: Value,
    pub(super) signer: Signer,
}

impl Draft {
    pub(super) fn without(&mut self, claim: &str) {
        self.claims.as_object_mut().unwrap().remove(claim);
    }
}

type Lie = Arc<dyn Fn(&mut Draft) + Send + Sync>;

struct Told {
    keys: Vec<Key>,
    sign_with: Key,
    answers: BTreeMap<&'static str, Answer>,
    asked: BTreeMap<&'static str, usize>,
    lie: Option<Lie>,
    codes: HashMap<String, Asked>,
    userinfo: Value,
    names_itself: bool,
    count: usize,
}

/// What the browser came with, and who it was.
#[derive(Clone)]
struct Asked {
    nonce: String,
    challenge: String,
    redirect: String,
    person: Value,
}

#[derive(Clone)]
pub(super) struct Provider {
    pub(super) issuer: String,
    told: Arc<Mutex<Told>>,
}

pub(super) fn seconds() -> i64 {
    super::Clock::system().now().0 / 1_000_000
}

impl Provider {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let provider = Self::at(format!("http://{}", listener.local_addr().unwrap()));
        let router = provider.router();
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        provider
    }

    /// With a certificate of an authority that nobody knows; its own, in PEM.
    pub(super) async fn start_with_tls() -> (Self, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let provider = Self::at(format!("https://{}", listener.local_addr().unwrap()));
        let router = provider.router();
        let (acceptor, ca) = acceptor();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (acceptor, router) = (acceptor.clone(), router.clone());
                tokio::spawn(async move {
                    // Whoever does not trust it hangs up.
                    let Ok(stream) = acceptor.accept(stream).await else { return };
                    let service = TowerToHyperService::new(router);
                    Builder::new(TokioExecutor::new())
                        .serve_connection(TokioIo::new(stream), service)
                        .await
                        .ok();
                });
            }
        });
        (provider, ca)
    }

    fn at(issuer: String) -> Self {
        let key = Key::new("first");
        let told = Told {
            keys: vec![key.clone()],
            sign_with: key,
            answers: BTreeMap::new(),
            asked: BTreeMap::new(),
            lie: None,
            codes: HashMap::new(),
            userinfo: json!({}),
            names_itself: true,
            count: 0,
        };
        Self { issuer, told: Arc::new(Mutex::new(told)) }
    }

    fn router(&self) -> Router {
        Router::new()
            .route("/.well-known/openid-configuration", get(discovery))
            .route("/keys", get(keys))
            .route("/token", post(token))
            .route("/userinfo", get(userinfo))
            .with_state(self.clone())
    }

    /// The lines of the configuration.
    pub(super) fn settings(&self, id: &str, realm: &str, more: &str) -> String {
        format!(
            "[[provider]]\nid = \"{id}\"\nname = \"Sign in at {id}\"\nissuer = \"{}\"\nclient_id = \"{CLIENT}\"\n\
             client_secret_file = \"client-secret\"\nrealm = \"{realm}\"\naudience = \"{AUDIENCE}\"\n\
             access_clients = [\"{APP}\"]\n{more}\n",
            self.issuer
        )
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap()
    }

    pub(super) fn answer(&self, route: &'static str, answer: Answer) {
        self.told().answers.insert(route, answer);
    }

    /// From now on, each ID token.
    pub(super) fn lie(&self, lie: impl Fn(&mut Draft) + Send + Sync + 'static) {
        self.told().lie = Some(Arc::new(lie));
    }

    pub(super) fn stop_lying(&self) {
        self.told().lie = None;
    }

    pub(super) fn asked(&self, route: &str) -> usize {
        self.told().asked.get(route).copied().unwrap_or_default()
    }

    pub(super) fn set_userinfo(&self, userinfo: Value) {
        self.told().userinfo = userinfo;
    }

    /// As one that does not know RFC 9207.
    pub(super) fn keep_its_name_back(&self) {
        self.told().names_itself = false;
    }

    /// Signs with another key from now on, and publishes it or not.
    pub(super) fn rotate(&self, kid: &str, publish: bool) {
        let key = Key::new(kid);
        let mut told = self.told();
        told.sign_with = key.clone();
        if publish {
            told.keys = vec![key];
        }
    }

    /// What a browser does that was sent here: somebody shows who they are. The path that it is sent back to.
    pub(super) fn authorise(&self, location: &str, person: Value) -> String {
        let url = Url::parse(location).unwrap();
        assert!(location.starts_with(&format!("{}/authorise?", self.issuer)), "{location}");
        let query: HashMap<_, _> = url.query_pairs().into_owned().collect();
        assert_eq!((query["response_type"].as_str(), query["client_id"].as_str()), ("code", CLIENT));
        assert_eq!(query["code_challenge_method"], "S256");
        let mut told = self.told();
        told.count += 1;
        let code = format!("code-{}", told.count);
        let asked = Asked {
            nonce: query["nonce"].clone(),
            challenge: query["code_challenge"].clone(),
            redirect: query["redirect_uri"].clone(),
            person,
        };
        let back = Url::parse(&asked.redirect).unwrap();
        told.codes.insert(code.clone(), asked);
        let iss = if told.names_itself { format!("&iss={}", encoded(&self.issuer)) } else { String::new() };
        format!("{}?code={code}&state={}{iss}", back.path(), encoded(&query["state"]))
    }

    /// A signed token of whatever kind.
    pub(super) fn sign(&self, typ: &str, claims: Value, lie: impl FnOnce(&mut Draft)) -> String {
        let key = self.told().sign_with.clone();
        let header = json!({ "alg": "ES256", "typ": typ, "kid": key.kid });
        let mut draft = Draft { header, claims, signer: Signer::Key(key) };
        lie(&mut draft);
        self.signed(&draft)
    }

    fn signed(&self, draft: &Draft) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let header = |alg: &str| {
            let mut header = draft.header.clone();
            header["alg"] = json!(alg);
            header
        };
        let message = |alg: &str| format!("{}.{}", part(&header(alg)), part(&draft.claims));
        match &draft.signer {
            Signer::Key(key) => {
                let message = message("ES256");
                let private = EncodingKey::from_ec_der(&key.private);
                let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &private, Algorithm::ES256);
                format!("{message}.{}", signature.unwrap())
            }
            Signer::PublicKey => {
                let message = message("HS256");
                let public = EncodingKey::from_secret(&self.told().sign_with.public);
                let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &public, Algorithm::HS256);
                format!("{message}.{}", signature.unwrap())
            }
            Signer::Nobody => format!("{}.", message("none")),
        }
    }

    fn id_token(&self, asked: &Asked, access_token: &str) -> String {
        let hash = digest(&SHA256, access_token.as_bytes());
        let now = seconds();
        let mut claims = json!({
            "iss": self.issuer, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": asked.nonce,
            "at_hash": URL_SAFE_NO_PAD.encode(&hash.as_ref()[..16])
        });
        for (name, value) in asked.person.as_object().unwrap() {
            claims[name] = value.clone();
        }
        let lie = self.told().lie.clone();
        self.sign("JWT", claims, |draft| {
            if let Some(lie) = lie {
                lie(draft);
            }
        })
    }

    /// What a route does when it is told to do something else.
    async fn instead(&self, route: &'static str) -> Option<Response> {
        let answer = {
            let mut told = self.told();
            *told.asked.entry(route).or_default() += 1;
            told.answers.get(route).copied().unwrap_or(Answer::Right)
        };
        match answer {
            Answer::Right => None,
            Answer::Huge => Some(format!("{{ \"x\": \"{}\" }}", "x".repeat(300 * 1024)).into_response()),
            Answer::Never => std::future::pending().await,
            Answer::Elsewhere => {
                Some(Redirect::temporary(&format!("{}/elsewhere", self.issuer)).into_response())
            }
            Answer::Failed => Some(StatusCode::INTERNAL_SERVER_ERROR.into_response()),
        }
    }
}

fn acceptor() -> (TlsAcceptor, String) {
    let pair = || rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    let (ca_key, key) = (pair(), pair());
    let mut ca = rcgen::CertificateParams::default();
    ca.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let ca_pem = ca.self_signed(&ca_key).unwrap().pem();
    let issuer = rcgen::Issuer::new(ca, ca_key);
    let of_provider = rcgen::CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    let certificate = of_provider.signed_by(&key, &issuer).unwrap();
    let private = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.unwrap().with_no_client_auth();
    let config = config.with_single_cert(vec![certificate.der().clone()], private).unwrap();
    (TlsAcceptor::from(Arc::new(config)), ca_pem)
}

fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

async fn discovery(State(provider): State<Provider>) -> Response {
    if let Some(response) = provider.instead("discovery").await {
        return response;
    }
    let issuer = &provider.issuer;
    Json(json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorise"),
        "token_endpoint": format!("{issuer}/token"),
        "userinfo_endpoint": format!("{issuer}/userinfo"),
        "jwks_uri": format!("{issuer}/keys"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
        "authorization_response_iss_parameter_supported": provider.told().names_itself,
    }))
    .into_response()
}

async fn keys(State(provider): State<Provider>) -> Response {
    if let Some(response) = provider.instead("keys").await {
        return response;
    }
    let mut keys: Vec<Value> = provider.told().keys.iter().map(Key::jwk).collect();
    keys.push(json!({ "kty": "new", "kid": "of a kind that nobody knows" }));
    Json(json!({ "keys": keys })).into_response()
}

async fn token(State(provider): State<Provider>, headers: HeaderMap, form: String) -> Response {
    let form: HashMap<_, _> = url::form_urlencoded::parse(form.as_bytes()).into_owned().collect();
    if let Some(response) = provider.instead("token").await {
        return response;
    }
    let refuse = || (StatusCode::BAD_REQUEST, Json(json!({ "error": "invalid_grant" }))).into_response();
    let basic = format!("Basic {}", STANDARD.encode(format!("{CLIENT}:{}", encoded(SECRET))));
    assert_eq!(headers[header::AUTHORIZATION], basic, "the client shows who it is");
    let Some(asked) = provider.told().codes.remove(&form["code"]) else { return refuse() };
    let challenge = URL_SAFE_NO_PAD.encode(digest(&SHA256, form["code_verifier"].as_bytes()));
    if challenge != asked.challenge || form["redirect_uri"] != asked.redirect {
        return refuse();
    }
    let access_token = format!("opaque-{}", form["code"]);
    let id_token = provider.id_token(&asked, &access_token);
    Json(json!({ "access_token": access_token, "token_type": "Bearer", "id_token": id_token }))
        .into_response()
}

async fn userinfo(State(provider): State<Provider>) -> Response {
    if let Some(response) = provider.instead("userinfo").await {
        return response;
    }
    Json(provider.told().userinfo.clone()).into_response()
}
