//! Back-channel logout: a provider says that a session is over (OpenID Connect Back-Channel Logout 1.0).

use model::{PersonId, Timestamp};
use serde::Deserialize;
use serde_json::{Map, Value};
use store::LoggedOut;

use super::{Oidc, SignInError, id_token::LEEWAY, signed::Registered};

/// The one event of a logout token, section 2.4.
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";
/// Names go into SQL.
const NAME_LEN_MAX: usize = 255;

#[derive(Debug, Deserialize)]
struct LogoutClaims {
    #[serde(flatten)]
    registered: Registered,
    events: Map<String, Value>,
    sub: Option<String>,
    sid: Option<String>,
    /// An ID token has one; a logout token must not.
    nonce: Option<Value>,
}

impl LogoutClaims {
    fn check(&self) -> Result<(), SignInError> {
        let wrong = |why: &str| Err(SignInError::Token(why.to_owned()));
        if !self.events.get(EVENT).is_some_and(Value::is_object) {
            return wrong("`events` does not say that it is a logout");
        }
        if self.nonce.is_some() {
            return wrong("it has a `nonce`, as an ID token");
        }
        if self.sub.is_none() && self.sid.is_none() {
            return wrong("it has neither `sub` nor `sid`");
        }
        let named = [Some(&self.registered.jti), self.sub.as_ref(), self.sid.as_ref()];
        if named.into_iter().flatten().any(|name| name.is_empty() || name.len() > NAME_LEN_MAX) {
            return wrong("one of its names is empty or too long");
        }
        Ok(())
    }
}

/// Which sessions a provider says are over.
#[derive(Debug)]
pub struct Logout {
    /// Whose they are.
    pub people: Vec<PersonId>,
    issuer: String,
    token_id: String,
    forget_at: Timestamp,
    session: Option<String>,
    subject: Option<String>,
}

impl Logout {
    fn who(&self) -> LoggedOut<'_> {
        let (session, subject) = (self.session.as_deref(), self.subject.as_deref());
        LoggedOut { issuer: &self.issuer, session, subject }
    }
}

impl Oidc {
    /// Reads a provider's logout token; none when there is no such provider. Nothing is ended by it yet.
    pub async fn read_logout(
        &self,
        provider: &str,
        token: &str,
        now: Timestamp,
    ) -> Result<Option<Logout>, SignInError> {
        let Some(provider) = self.provider(provider) else { return Ok(None) };
        // Older providers give no type or the general one; that it is a logout is said by `events`.
        let is_type = |typ: Option<&str>| matches!(typ, None | Some("jwt" | "logout+jwt"));
        let claims: LogoutClaims = provider.claims(token, is_type, now).await?;
        let issuer = &provider.settings.issuer;
        claims.registered.check(issuer, &provider.settings.client_id, now)?;
        claims.check()?;
        let Registered { jti, exp, .. } = claims.registered;
        let (issuer, forget_at) = (issuer.clone(), exp.at() + LEEWAY);
        let (session, subject) = (claims.sid, claims.sub);
        let mut logout = Logout { people: Vec::new(), issuer, token_id: jti, forget_at, session, subject };
        logout.people = self.0.store.people_of_provider_sessions(logout.who()).await?;
        Ok(Some(logout))
    }

    /// Ends the sessions, once for each token.
    pub async fn log_out(&self, logout: &Logout) -> Result<(), SignInError> {
        let mut tx = self.0.store.begin().await?;
        if !tx.take_logout_token(&logout.issuer, &logout.token_id, logout.forget_at).await? {
            return Err(SignInError::Token("it was taken before".to_owned()));
        }
        tx.end_provider_sessions(logout.who()).await?;
        tx.commit().await?;
        self.0.accounts.changed();
        Ok(())
    }
}
