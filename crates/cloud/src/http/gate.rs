//! Whether somebody's functions allow what a route does.
//!
//! Asked before anything is looked up, so that who may not do a thing learns nothing from trying.

use axum::extract::{MatchedPath, Request};
use identity::{Action, Context, Facts, Principal as Who};

use super::{
    Api,
    audit::actions::Found,
    auth::Principal,
    problem::{Kind, Problem},
};

/// Whether one of the person's functions has the route's action at all, and whether the proof of who they are is
/// fresh where the action asks for that.
pub(crate) fn check(api: &Api, principal: &Principal, request: &Request) -> Result<(), Problem> {
    let Some(action) = action_of(api, request) else { return Ok(()) };
    let (session, now) = (principal.session(), api.now());
    let context = Context {
        region: session.person.region.clone(),
        now,
        stepped_up: session.is_proven(now),
        purpose: None,
        facts: Facts::NONE,
    };
    let who = Who::Person(session.person.clone());
    if !api.policies().has_function(&who, action, &context) {
        let why = format!("none of your functions has `{action}`; GET /v1/roles says which has");
        return Err(Problem::new(Kind::Forbidden, why));
    }
    if action.step_up() && !context.stepped_up {
        let why = "prove again who you are by POST /v1/session/step-up; it counts for ten minutes";
        return Err(Problem::new(Kind::StepUpRequired, why));
    }
    Ok(())
}

/// A route without one is refused further in; a method that the path does not have is told so.
fn action_of(api: &Api, request: &Request) -> Option<Action> {
    let matched = request.extensions().get::<MatchedPath>()?;
    match api.routes().get(request.method(), matched.as_str()) {
        Found::Route(route) => route.action,
        Found::NoMethod | Found::Unknown => None,
    }
}
