//! The authorisation code flow's two ends: where the browser is sent, and what its code is worth.
//!
//! OpenID Connect Core 1.0, sections 3.1.2.1 and 3.1.3; PKCE (RFC 7636) with S256.

use std::{
    fmt,
    time::{Duration, UNIX_EPOCH},
};

use model::{Micros, Timestamp};
use openidconnect::{
    AccessTokenHash, AdditionalClaims, AuthType, AuthenticationContextClass, AuthorizationCode,
    ClaimsVerificationError, Client, ClientId, ClientSecret, CsrfToken, EmptyExtraTokenFields,
    EndpointMaybeSet, EndpointNotSet, EndpointSet, IdToken, IdTokenClaims, IdTokenFields, IdTokenVerifier,
    Nonce, OAuth2TokenResponse as _, PkceCodeChallenge, PkceCodeVerifier, RequestTokenError, Scope,
    SignatureVerificationError, StandardErrorResponse, StandardTokenResponse, TokenResponse as _,
    UserInfoClaims,
    core::{
        CoreAuthDisplay, CoreAuthPrompt, CoreAuthenticationFlow, CoreClientAuthMethod, CoreErrorResponseType,
        CoreGenderClaim, CoreJsonWebKey, CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm,
        CoreRevocableToken, CoreRevocationErrorResponse, CoreTokenIntrospectionResponse, CoreTokenType,
    },
};
use serde::{Deserialize, Serialize};

use super::{
    Provider, SignInError,
    call::CallError,
    discovery::{Discovered, Metadata},
};
use crate::errors::chain;

/// By how much clocks may differ.
pub(super) const LEEWAY: Micros = Micros::from_secs(60);
/// OpenID Connect Core 1.0, section 2.
const SUBJECT_LEN_MAX: usize = 255;
/// A name of a session at its provider; ours goes into SQL.
const SESSION_LEN_MAX: usize = 255;

/// By a key that only the provider has. What is signed by a shared secret, or not at all, is refused.
const ASYMMETRIC: [CoreJwsSigningAlgorithm; 9] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha384,
    CoreJwsSigningAlgorithm::RsaSsaPssSha512,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::EdDsa,
];

/// The claim that the standard's own have not: what the provider calls the session.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct SessionClaim {
    sid: Option<String>,
}

impl AdditionalClaims for SessionClaim {}

type Token =
    IdToken<SessionClaim, CoreGenderClaim, CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm>;
type Claims = IdTokenClaims<SessionClaim, CoreGenderClaim>;
type Tokens = StandardTokenResponse<
    IdTokenFields<
        SessionClaim,
        EmptyExtraTokenFields,
        CoreGenderClaim,
        CoreJweContentEncryptionAlgorithm,
        CoreJwsSigningAlgorithm,
    >,
    CoreTokenType,
>;
type RelyingParty = Client<
    SessionClaim,
    CoreAuthDisplay,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJsonWebKey,
    CoreAuthPrompt,
    StandardErrorResponse<CoreErrorResponseType>,
    Tokens,
    CoreTokenIntrospectionResponse,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// What only the platform knows of a sign-in that has begun.
#[derive(Serialize, Deserialize)]
pub(super) struct Secrets {
    pub(super) nonce: String,
    pub(super) verifier: String,
}

/// Who a provider says has come.
#[derive(Clone)]
pub(super) struct Arrival {
    pub(super) subject: String,
    /// What the provider calls the session.
    pub(super) session: Option<String>,
    /// When they last showed the provider who they are, when it says.
    pub(super) authenticated_at: Option<Timestamp>,
    pub(super) preferred_name: Option<String>,
    pub(super) email: Option<String>,
    /// Whether the provider has seen that mail arrives there.
    pub(super) email_verified: bool,
}

impl fmt::Debug for Arrival {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Arrival(..)")
    }
}

/// What one sign-in's answer is compared with.
pub(super) struct Expected<'a> {
    pub(super) secrets: &'a Secrets,
    pub(super) begun_at: Timestamp,
    /// Whether they had to show again who they are.
    pub(super) anew: bool,
}

impl Provider {
    /// Where the browser goes.
    pub(super) fn authorisation(
        &self,
        known: &Discovered,
        state: &str,
        secrets: &Secrets,
        anew: bool,
    ) -> String {
        let verifier = PkceCodeVerifier::new(secrets.verifier.clone());
        let (state, nonce) = (state.to_owned(), secrets.nonce.clone());
        let party = self.relying_party(&known.metadata);
        let mut request = party
            .authorize_url(
                CoreAuthenticationFlow::AuthorizationCode,
                move || CsrfToken::new(state),
                move || Nonce::new(nonce),
            )
            .set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&verifier));
        for scope in self.settings.scopes.iter().filter(|scope| *scope != "openid") {
            request = request.add_scope(Scope::new(scope.clone()));
        }
        for class in &self.settings.acr_values {
            request = request.add_auth_context_value(AuthenticationContextClass::new(class.clone()));
        }
        if anew {
            request = request.add_prompt(CoreAuthPrompt::Login).set_max_age(Duration::ZERO);
        }
        let (url, _, _) = request.url();
        url.to_string()
    }

    /// Who has come, by the code that the browser brought.
    pub(super) async fn exchange(
        &self,
        code: &str,
        expected: Expected<'_>,
        now: Timestamp,
    ) -> Result<Arrival, SignInError> {
        let known = self.discovery.get(now).await?;
        let party = self.relying_party(&known.metadata);
        let verifier = PkceCodeVerifier::new(expected.secrets.verifier.clone());
        let request = party
            .exchange_code(AuthorizationCode::new(code.to_owned()))
            .map_err(|error| SignInError::Token(error.to_string()))?
            .set_pkce_verifier(verifier);
        let tokens: Tokens = request.request_async(&self.caller).await.map_err(not_exchanged)?;
        let token = tokens.id_token();
        let token = token.ok_or_else(|| SignInError::Token("the provider gave no ID token".to_owned()))?;
        let claims = match self.verify(&known, token, &tokens, &expected, now) {
            Err(Unverified::Key) => match self.discovery.newer(&known, now).await? {
                Some(newer) => self.verify(&newer, token, &tokens, &expected, now),
                None => Err(Unverified::Key),
            },
            verified => verified,
        };
        let claims = claims.map_err(|unverified| match unverified {
            Unverified::Stale => SignInError::Stale,
            Unverified::Key | Unverified::Claims(_) => SignInError::Token(unverified.to_string()),
        })?;
        let mut arrival = arrival(claims)?;
        if arrival.preferred_name.is_none() && arrival.email.is_none() {
            self.ask_for_name(&party, &tokens, &mut arrival).await;
        }
        Ok(arrival)
    }

    /// A provider that gives an access token, too, may leave a person's names to it (section 5.4).
    async fn ask_for_name(&self, party: &RelyingParty, tokens: &Tokens, arrival: &mut Arrival) {
        let subject = openidconnect::SubjectIdentifier::new(arrival.subject.clone());
        let Ok(request) = party.user_info(tokens.access_token().clone(), Some(subject)) else { return };
        let answer: Result<UserInfoClaims<SessionClaim, CoreGenderClaim>, _> =
            request.request_async(&self.caller).await;
        match answer {
            Ok(claims) => {
                arrival.preferred_name = claims.preferred_username().map(|name| name.to_string());
                arrival.email = claims.email().map(|email| email.to_string());
                arrival.email_verified = claims.email_verified() == Some(true);
            }
            // Who they are is known; what they are called is not worth refusing them.
            Err(error) => {
                let provider = &self.settings.id;
                tracing::warn!(provider, error = %chain(&error), "the provider does not tell a person's name");
            }
        }
    }

    fn relying_party(&self, metadata: &Metadata) -> RelyingParty {
        let client = ClientId::new(self.settings.client_id.clone());
        let secret = self.settings.client_secret.clone().map(ClientSecret::new);
        let party = Client::from_provider_metadata(metadata.clone(), client, secret);
        // Without a word of the provider it is `client_secret_basic` (Discovery 1.0, section 3).
        let takes_basic = metadata
            .token_endpoint_auth_methods_supported()
            .is_none_or(|methods| methods.contains(&CoreClientAuthMethod::ClientSecretBasic));
        let how = if takes_basic { AuthType::BasicAuth } else { AuthType::RequestBody };
        party.set_auth_type(how).set_redirect_uri(self.redirect.clone())
    }

    /// Section 3.1.3.7.
    fn verify<'t>(
        &self,
        known: &Discovered,
        token: &'t Token,
        tokens: &Tokens,
        expected: &Expected<'_>,
        now: Timestamp,
    ) -> Result<&'t Claims, Unverified> {
        let verifier = IdTokenVerifier::new_public_client(
            ClientId::new(self.settings.client_id.clone()),
            known.metadata.issuer().clone(),
            known.metadata.jwks().clone(),
        )
        .set_allowed_algs(ASYMMETRIC)
        .set_time_fn(move || (UNIX_EPOCH + since_1970(now - LEEWAY)).into())
        .set_issue_time_verifier_fn(move |at| {
            let at = Timestamp(at.timestamp_micros());
            if at > now + LEEWAY || at < expected.begun_at - LEEWAY {
                return Err("it was not issued for this sign-in".to_owned());
            }
            Ok(())
        })
        .set_auth_time_verifier_fn(move |at| {
            let at = at.map(|at| Timestamp(at.timestamp_micros()));
            match at {
                Some(at) if at > now + LEEWAY => Err("`auth_time` lies ahead".to_owned()),
                Some(at) if expected.anew && at < expected.begun_at - LEEWAY => Err("it is over".to_owned()),
                None if expected.anew => Err("there is no `auth_time`".to_owned()),
                Some(_) | None => Ok(()),
            }
        })
        .set_auth_context_verifier_fn(|class| self.check_class(class.map(|class| class.as_str())));
        let nonce = Nonce::new(expected.secrets.nonce.clone());
        let claims = token.claims(&verifier, &nonce).map_err(unverified)?;
        let wrong = |why: &str| Unverified::Claims(why.to_owned());
        if claims.authorized_party().is_some_and(|party| **party != self.settings.client_id) {
            return Err(wrong("`azp` is another client"));
        }
        if let Some(hash) = claims.access_token_hash() {
            let (algorithm, key) = (token.signing_alg(), token.signing_key(&verifier));
            let (algorithm, key) = (algorithm.map_err(signature)?, key.map_err(signature)?);
            let found = AccessTokenHash::from_token(tokens.access_token(), algorithm, key);
            if found.ok().as_ref() != Some(hash) {
                return Err(wrong("`at_hash` is of another access token"));
            }
        }
        Ok(claims)
    }

    /// Whether a class of authentication is one of those that are asked for.
    pub(super) fn check_class(&self, class: Option<&str>) -> Result<(), String> {
        let wanted = &self.settings.acr_values;
        if wanted.is_empty() || class.is_some_and(|class| wanted.iter().any(|wanted| wanted == class)) {
            return Ok(());
        }
        Err("`acr` is none of `acr_values` of the configuration".to_owned())
    }
}

/// Why an ID token does not count.
#[derive(Debug, thiserror::Error)]
enum Unverified {
    #[error("none of the provider's keys has signed it")]
    Key,
    #[error("the provider does not say that they just showed who they are")]
    Stale,
    #[error("{0}")]
    Claims(String),
}

fn unverified(error: ClaimsVerificationError) -> Unverified {
    if matches!(error, ClaimsVerificationError::InvalidAuthTime(_)) {
        return Unverified::Stale;
    }
    if let ClaimsVerificationError::SignatureVerification(error) = error {
        return signature(error);
    }
    Unverified::Claims(error.to_string())
}

fn signature(error: SignatureVerificationError) -> Unverified {
    if error == SignatureVerificationError::NoMatchingKey {
        return Unverified::Key;
    }
    Unverified::Claims(error.to_string())
}

fn not_exchanged(
    error: RequestTokenError<CallError, StandardErrorResponse<CoreErrorResponseType>>,
) -> SignInError {
    match error {
        RequestTokenError::Request(error) => SignInError::Call(error),
        // What the provider writes is shown to nobody: it may repeat the code.
        RequestTokenError::ServerResponse(refused) => {
            SignInError::Code(format!("the provider takes no code: `{}`", refused.error().as_ref()))
        }
        RequestTokenError::Parse(..) => SignInError::Token("the provider's answer cannot be read".to_owned()),
        RequestTokenError::Other(why) => SignInError::Token(why),
    }
}

fn arrival(claims: &Claims) -> Result<Arrival, SignInError> {
    let subject = claims.subject().as_str();
    if subject.is_empty() || subject.len() > SUBJECT_LEN_MAX || !subject.is_ascii() {
        return Err(SignInError::Token("`sub` is no subject's name".to_owned()));
    }
    let session = claims.additional_claims().sid.clone();
    Ok(Arrival {
        subject: subject.to_owned(),
        session: session.filter(|sid| (1..=SESSION_LEN_MAX).contains(&sid.len())),
        authenticated_at: claims.auth_time().map(|at| Timestamp(at.timestamp_micros())),
        preferred_name: claims.preferred_username().map(|name| name.to_string()),
        email: claims.email().map(|email| email.to_string()),
        email_verified: claims.email_verified() == Some(true),
    })
}

fn since_1970(at: Timestamp) -> Duration {
    Duration::from_micros(u64::try_from(at.0).unwrap_or_default())
}
