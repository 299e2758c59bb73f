//! How many requests one identity or one address may send, and what answers tell of it (RateLimit header fields,
//! draft-ietf-httpapi-ratelimit-headers).

use std::net::IpAddr;

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
type Who = [u8; 16];

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

/// What an answer tells of the limit that was nearest.
#[derive(Debug, Clone, Copy)]
struct Quota {
    name: &'static str,
    rate: Rate,
    left: i64,
}

/// Around all routes that need a session, inside of who asks.
pub(crate) async fn of_identity(State(api): State<Api>, request: Request, next: Next) -> Response {
    let Some(principal) = request.extensions().get::<Principal>() else { return next.run(request).await };
    let taken = api.rates().identities.take(principal.key(), api.now());
    answer("identity", OF_IDENTITY, taken, request, next).await
}

/// Around all routes that need none.
pub(crate) async fn of_address(
    State(api): State<Api>,
    Caller(from): Caller,
    request: Request,
    next: Next,
) -> Response {
    let taken = api.rates().addresses.take(household(from), api.now());
    answer("address", OF_ADDRESS, taken, request, next).await
}

async fn answer(
    name: &'static str,
    rate: Rate,
    taken: Result<i64, Micros>,
    request: Request,
    next: Next,
) -> Response {
    let left = taken.unwrap_or(0);
    let mut response = match taken {
        Ok(_) => next.run(request).await,
        Err(wait) => {
            too_many("too many requests; send them more slowly, as `RateLimit` tells", wait).into_response()
        }
    };
    tell(response.headers_mut(), Quota { name, rate, left });
    response
}

fn too_many(why: &str, wait: Micros) -> Problem {
    Problem::new(Kind::TooManyRequests, why).retry_after_s(seconds_up(wait))
}

fn tell(headers: &mut HeaderMap, quota: Quota) {
    let Quota { name, rate, left } = quota;
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
