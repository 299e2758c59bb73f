//! What those leave in the audit log who have no session: who signs in, at a provider too, or sets a password by a link.
//!
//! Invariant, as an absence: nobody fills the log who brings nothing but guesses.

use std::{
    net::IpAddr,
    sync::{Mutex, PoisonError},
};

use ::audit::Outcome;
use identity::Action;
use model::{Micros, PersonId};

use super::trail::unrecorded;
use crate::{
    audit::{CROWD, Named, Record, counted, slug, word},
    errors::chain,
    http::{Api, edge::RequestId, problem::Problem},
    limits::{Tale, Telling},
    words::{Network, network_of},
};

/// Entries of the audit log stay for ever.
const TOLD_EVERY: Micros = Micros::MINUTE;
const SIGN_IN: &str = "session.create";
const CREDENTIAL_RESET: &str = "account.credentials.take";

/// Which networks' guesses the log was told of.
#[derive(Debug)]
pub(crate) struct Guesses(Mutex<Telling<(Network, &'static str)>>);

impl Guesses {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(Telling::of_strangers(TOLD_EVERY)))
    }

    fn tale(&self, api: &Api, action: &'static str, from: IpAddr) -> Option<Tale> {
        let mut telling = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        telling.tale((Network::of(from), action), api.now())
    }
}

/// Records that somebody signed in.
pub(crate) async fn signed_in(
    api: &Api,
    person: PersonId,
    from: IpAddr,
    request: &RequestId,
) -> Result<(), Problem> {
    keep(api, of_account(api, SIGN_IN, Some(person), from, request)).await
}

/// Notes that somebody did not prove to be who they say. Whom they say to be counts only if there is such an account:
/// people type their password into the wrong field. Nobody waits for the entry, or the time would tell whether there
/// is one: names that are nobody's have not always an entry.
pub(crate) fn sign_in_refused(
    api: &Api,
    known: Option<PersonId>,
    from: IpAddr,
    request: &RequestId,
    problem: &Problem,
) {
    if let Some(refused) = refused(api, SIGN_IN, known, from, request, problem) {
        api.audit().note(refused);
    }
}

/// Records that whoever a provider says has come is not let in.
pub(crate) async fn arrival_refused(
    api: &Api,
    known: Option<PersonId>,
    from: IpAddr,
    request: &RequestId,
    problem: &Problem,
) -> Result<(), Problem> {
    let refused = of_refused(api, SIGN_IN, known, from, request);
    keep(api, Record { reason: Some(slug(problem.kind().slug())), ..refused }).await
}

/// Records that somebody sets a password by a one-time link.
pub(crate) async fn credential_reset(
    api: &Api,
    person: PersonId,
    from: IpAddr,
    request: &RequestId,
) -> Result<(), Problem> {
    keep(api, of_account(api, CREDENTIAL_RESET, Some(person), from, request)).await
}

/// Records that somebody tried to, with a link that counts for nobody.
pub(crate) async fn credential_reset_refused(
    api: &Api,
    from: IpAddr,
    request: &RequestId,
    problem: &Problem,
) -> Result<(), Problem> {
    match refused(api, CREDENTIAL_RESET, None, from, request, problem) {
        Some(refused) => keep(api, refused).await,
        None => Ok(()),
    }
}

/// Records that what comes to pass for a person at their provider begins.
pub(crate) async fn begun_by_person(
    api: &Api,
    action: Action,
    person: PersonId,
    from: IpAddr,
    request: &RequestId,
) -> Result<(), Problem> {
    let begun = of_account(api, action.slug(), Some(person), from, request);
    keep(api, Record { reason: Some(slug("begun")), ..begun }).await
}

/// Records how it ended.
pub(crate) async fn ended_by_person(
    api: &Api,
    action: Action,
    person: PersonId,
    from: IpAddr,
    request: &RequestId,
    why_not: Option<&'static str>,
) {
    let outcome = if why_not.is_some() { Outcome::Failed } else { Outcome::Allowed };
    let ended = of_account(api, action.slug(), Some(person), from, request);
    let ended = Record { outcome, reason: why_not.map(slug), ..ended };
    if let Err(error) = api.audit().record(ended).await {
        // That it began stands in the log.
        tracing::error!(error = %chain(&error), %action, "how an act ended was not recorded");
    }
}

async fn keep(api: &Api, record: Record) -> Result<(), Problem> {
    api.audit().record(record).await.map(drop).map_err(|error| unrecorded(&error))
}

/// The entry, if there is to be one. Each try at an account has its own: how many there are is limited by name. Names
/// and links that are nobody's have no such limit, and an entry of theirs stands for all of a network in a minute.
fn refused(
    api: &Api,
    action: &'static str,
    known: Option<PersonId>,
    from: IpAddr,
    request: &RequestId,
    problem: &Problem,
) -> Option<Record> {
    let why = problem.kind().slug();
    let refused = of_refused(api, action, known, from, request);
    if known.is_some() {
        return Some(Record { reason: Some(slug(why)), ..refused });
    }
    let Tale { count, of_crowd } = api.guesses().tale(api, action, from)?;
    if of_crowd {
        return Some(Record { reason: Some(counted(CROWD, count)), address: None, ..refused });
    }
    Some(Record { reason: Some(counted(why, count)), ..refused })
}

fn of_refused(
    api: &Api,
    action: &'static str,
    known: Option<PersonId>,
    from: IpAddr,
    request: &RequestId,
) -> Record {
    let actor = (slug("stranger"), Named::Plain(word("unknown")));
    Record { actor, outcome: Outcome::Denied, ..of_account(api, action, known, from, request) }
}

/// What somebody does with their own account.
fn of_account(
    api: &Api,
    action: &'static str,
    person: Option<PersonId>,
    from: IpAddr,
    request: &RequestId,
) -> Record {
    let account = person.map_or_else(|| word("unknown"), |person| word(&person.to_string()));
    Record {
        at: api.now(),
        actor: (slug("person"), Named::Committed(account.clone())),
        action: slug(action),
        resource: (slug("account"), Named::Committed(account)),
        subject: None,
        brand: None,
        purpose: None,
        outcome: Outcome::Allowed,
        reason: None,
        request: request.0.parse().ok(),
        address: network_of(from).parse().ok(),
    }
}
