//! How many requests one identity or one address may send, and what answers tell of it (RateLimit header fields,
//! draft-ietf-httpapi-ratelimit-headers).

use std::{future::Future, net::IpAddr};

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use model::Micros;

use super::{
    Api,
    auth::{Caller, Principal},
    problem::{Kind, Problem},
};
use crate::limits::{Budget, Rate, household, seconds_up};

/// A page of the console asks ten times when it opens; a script that reads a fleet, for minutes.
const OF_IDENTITY: Rate = Rate { at_once: 2_000, every: Micros::from_millis(5) };
/// Strangers sign in, and load the console's files.
const OF_ADDRESS: Rate = Rate { at_once: 600, every: Micros::from_millis(50) };
/// Whoever takes a call looks for one car; whoever looks for a hundred tries VINs.
const OF_VINS: Rate = Rate { at_once: 60, every: Micros::from_secs(2) };

/// Who asked how much.
#[derive(Debug)]
pub(crate) struct Rates {
    identities: Budget<Who>,
    addresses: Budget<IpAddr>,
    vins: Budget<Who>,
}

/// The id of a person or a service.
pub(crate) type Who = [u8; 16];

impl Rates {
    pub(crate) fn new() -> Self {
        Self {
            identities: Budget::new(OF_IDENTITY),
            addresses: Budget::new(OF_ADDRESS),
            vins: Budget::new(OF_VINS),
        }
    }

    /// Counts a search for a VIN, or a try to register one that is taken.
    pub(crate) fn take_vin(&self, api: &Api, principal: &Principal) -> Result<(), Problem> {
        let taken = self.vins.take(principal.key(), api.now());
        let why = "too many VINs in a short time; wait, or list the vehicles of your brands";
        taken.map(drop).map_err(|wait| too_many(why, wait))
    }
}

/// An answer to whom the session belongs.
pub(crate) async fn of_identity(
    api: &Api,
    who: Who,
    answers: impl Future<Output = Result<Response, Problem>>,
) -> Response {
    let taken = api.rates().identities.take(who, api.now());
    answer("identity", OF_IDENTITY, taken, answers).await
}

/// An answer to a stranger.
pub(crate) async fn of_address(
    api: &Api,
    from: IpAddr,
    answers: impl Future<Output = Result<Response, Problem>>,
) -> Response {
    let taken = api.rates().addresses.take(household(from), api.now());
    answer("address", OF_ADDRESS, taken, answers).await
}

/// Whose token it is. An address that has no try left is not told, and nobody looks; one that shows a token of nobody's
/// has used one up. What cannot be told now is no guess.
pub(crate) async fn of_token<T>(
    api: &Api,
    from: IpAddr,
    looks: impl Future<Output = Result<Option<T>, Problem>>,
    nobody: Problem,
) -> Result<T, Box<Response>> {
    let (addresses, who) = (&api.rates().addresses, household(from));
    let left = match addresses.take(who, api.now()) {
        Ok(left) => left,
        Err(wait) => return Err(Box::new(told("address", OF_ADDRESS, 0, Err(too_fast(wait))))),
    };
    let found = looks.await;
    if !matches!(found, Ok(None)) {
        addresses.give_back(who);
    }
    match found {
        Ok(Some(found)) => Ok(found),
        Ok(None) => Err(Box::new(told("address", OF_ADDRESS, left, Err(nobody)))),
        Err(problem) => Err(Box::new(problem.into_response())),
    }
}

/// Around all routes that need no session.
pub(crate) async fn of_strangers(
    State(api): State<Api>,
    Caller(from): Caller,
    request: Request,
    next: Next,
) -> Response {
    of_address(&api, from, async { Ok(next.run(request).await) }).await
}

async fn answer(
    name: &'static str,
    rate: Rate,
    taken: Result<i64, Micros>,
    answers: impl Future<Output = Result<Response, Problem>>,
) -> Response {
    let left = taken.unwrap_or(0);
    let answered = match taken {
        Ok(_) => answers.await,
        Err(wait) => Err(too_fast(wait)),
    };
    told(name, rate, left, answered)
}

/// An answer that tells what is left.
fn told(name: &str, rate: Rate, left: i64, answered: Result<Response, Problem>) -> Response {
    let mut response = answered.into_response();
    tell(response.headers_mut(), name, rate, left);
    response
}

fn too_fast(wait: Micros) -> Problem {
    too_many("too many requests; send them more slowly, as `RateLimit` tells", wait)
}

fn too_many(why: &str, wait: Micros) -> Problem {
    Problem::new(Kind::TooManyRequests, why).retry_after_s(seconds_up(wait))
}

/// Tells of the limit that was nearest.
fn tell(headers: &mut HeaderMap, name: &str, rate: Rate, left: i64) {
    let window = |count: i64| seconds_up(Micros(rate.every.0.saturating_mul(count)));
    let (policy, all) = (rate.at_once, window(rate.at_once));
    let until_all = window(rate.at_once - left);
    for (header, text) in [
        ("ratelimit-policy", format!("\"{name}\";q={policy};w={all}")),
        ("ratelimit", format!("\"{name}\";r={left};t={until_all}")),
    ] {
        if let Ok(value) = HeaderValue::from_str(&text) {
            headers.insert(HeaderName::from_static(header), value);
        }
    }
}
