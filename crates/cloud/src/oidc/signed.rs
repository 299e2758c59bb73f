//! Tokens that a provider signs besides ID tokens: logout tokens and access tokens.

use jsonwebtoken::{
    Algorithm, AlgorithmFamily, DecodingKey, Validation,
    jwk::{AlgorithmParameters, Jwk, KeyAlgorithm, PublicKeyUse},
};
use model::{Micros, Timestamp};
use serde::{Deserialize, de::DeserializeOwned};

use super::{DiscoveryError, Provider, SignInError, discovery::Discovered, id_token::LEEWAY};

/// By a key that only the provider has. What is signed by a shared secret is refused.
const ASYMMETRIC: [Algorithm; 9] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];

/// One audience or several (RFC 7519, section 4.1.3).
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(super) enum Audience {
    One(String),
    Several(Vec<String>),
}

impl Audience {
    pub(super) fn contains(&self, wanted: &str) -> bool {
        match self {
            Self::One(audience) => audience == wanted,
            Self::Several(audiences) => audiences.iter().any(|audience| audience == wanted),
        }
    }
}

/// A time of a token: seconds since 1970, which may have a fraction.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(super) struct Seconds(f64);

impl Seconds {
    pub(super) fn at(self) -> Timestamp {
        // A float beyond the range becomes its end, which is past or ahead enough.
        #[expect(clippy::cast_possible_truncation, reason = "it saturates")]
        Timestamp((self.0 * 1e6) as i64)
    }
}

/// What every token says.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Registered {
    pub(super) iss: String,
    pub(super) aud: Audience,
    pub(super) exp: Seconds,
    pub(super) iat: Seconds,
    pub(super) jti: String,
    nbf: Option<Seconds>,
}

impl Registered {
    /// Whether it is this issuer's, for this audience, and of now.
    pub(super) fn check(&self, issuer: &str, audience: &str, now: Timestamp) -> Result<(), SignInError> {
        let wrong = |why: &str| Err(SignInError::Token(why.to_owned()));
        if self.iss != issuer {
            return wrong("`iss` is another issuer");
        }
        if !self.aud.contains(audience) {
            return wrong("`aud` is somebody else");
        }
        if self.exp.at() <= now - LEEWAY {
            return wrong("it is over");
        }
        if self.iat.at() > now + LEEWAY || self.nbf.is_some_and(|from| from.at() > now + LEEWAY) {
            return wrong("it lies ahead");
        }
        Ok(())
    }

    /// For how long it is meant.
    pub(super) fn life(&self) -> Micros {
        self.exp.at().since(self.iat.at())
    }
}

/// How a token says that it is signed.
struct Signature {
    kid: Option<String>,
    algorithm: Algorithm,
}

impl Signature {
    /// Of a token that has one of these types.
    fn of(token: &str, is_type: impl Fn(Option<&str>) -> bool) -> Result<Self, SignInError> {
        let header = jsonwebtoken::decode_header(token);
        let header = header.map_err(|_| SignInError::Token("it is no signed token".to_owned()))?;
        let typ = header.typ.as_deref().map(str::to_ascii_lowercase);
        if !is_type(typ.as_deref().map(|typ| typ.trim_start_matches("application/"))) {
            return Err(SignInError::Token("`typ` is another kind of token".to_owned()));
        }
        if !ASYMMETRIC.contains(&header.alg) || header.crit.is_some() {
            return Err(SignInError::Token("it is signed in a way that is not taken".to_owned()));
        }
        Ok(Self { kid: header.kid, algorithm: header.alg })
    }

    fn key(&self, known: &Discovered) -> Option<DecodingKey> {
        key_of(known, self.kid.as_deref(), self.algorithm)
    }

    fn claims<T: DeserializeOwned>(&self, token: &str, key: &DecodingKey) -> Result<T, SignInError> {
        let mut validation = Validation::new(self.algorithm);
        // By our own clock, in `Registered::check`.
        validation.required_spec_claims.clear();
        validation.validate_exp = false;
        validation.validate_aud = false;
        let decoded = jsonwebtoken::decode(token, key, &validation);
        Ok(decoded.map_err(|error| SignInError::Token(error.to_string()))?.claims)
    }
}

fn unsigned() -> SignInError {
    SignInError::Token("none of the provider's keys has signed it".to_owned())
}

impl Provider {
    /// The claims of a token that one of the provider's keys has signed, and that has one of these types. Waits for
    /// the provider where its keys are not known.
    pub(super) async fn claims<T: DeserializeOwned>(
        &self,
        token: &str,
        is_type: impl Fn(Option<&str>) -> bool,
        now: Timestamp,
    ) -> Result<T, SignInError> {
        let signature = Signature::of(token, is_type)?;
        let known = self.discovery.get(now).await?;
        let key = match signature.key(&known) {
            Some(key) => key,
            None => {
                let newer = self.discovery.newer(&known, now).await?;
                newer.and_then(|newer| signature.key(&newer)).ok_or_else(unsigned)?
            }
        };
        signature.claims(token, &key)
    }

    /// The same, and nobody waits. With the number of what the provider said of itself.
    pub(super) fn claims_at_once<T: DeserializeOwned>(
        &self,
        token: &str,
        is_type: impl Fn(Option<&str>) -> bool,
        now: Timestamp,
    ) -> Result<(T, u64), SignInError> {
        let signature = Signature::of(token, is_type)?;
        let known = self.discovery.at_hand(now)?;
        match signature.key(&known) {
            Some(key) => Ok((signature.claims(token, &key)?, known.number)),
            None if self.discovery.expects_newer(&known, now) => Err(DiscoveryError::Asking.into()),
            None => Err(unsigned()),
        }
    }
}

/// The one key that a token can be signed with; several that it could be are none.
fn key_of(known: &Discovered, kid: Option<&str>, algorithm: Algorithm) -> Option<DecodingKey> {
    let fits = |key: &&Jwk| {
        let is_named = kid.is_none_or(|kid| key.common.key_id.as_deref() == Some(kid));
        let signs = matches!(key.common.public_key_use, None | Some(PublicKeyUse::Signature));
        let is_of = key.common.key_algorithm.is_none_or(|named| is_same(named, algorithm));
        is_named && signs && is_of && is_family(&key.algorithm, algorithm.family())
    };
    let mut fitting = known.keys.iter().filter(fits);
    let key = fitting.next()?;
    fitting.next().is_none().then(|| DecodingKey::from_jwk(key).ok())?
}

fn is_same(named: KeyAlgorithm, algorithm: Algorithm) -> bool {
    Algorithm::try_from(named).is_ok_and(|named| named == algorithm)
}

fn is_family(parameters: &AlgorithmParameters, family: AlgorithmFamily) -> bool {
    match parameters {
        AlgorithmParameters::RSA(_) => family == AlgorithmFamily::Rsa,
        AlgorithmParameters::EllipticCurve(_) => family == AlgorithmFamily::Ec,
        AlgorithmParameters::OctetKeyPair(_) => family == AlgorithmFamily::Ed,
        AlgorithmParameters::OctetKey(_) | AlgorithmParameters::Other(_) => false,
        // The library will learn others.
        _ => false,
    }
}
