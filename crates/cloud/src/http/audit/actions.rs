//! What each route does, by the name of its action, and what of it goes into the audit log.
//!
//! The name stands in the route's own description as `x-marque-action`; `openapi`'s tests walk all of them.

use std::collections::HashMap;

use axum::http::Method;
use identity::Action;
use utoipa::openapi::{OpenApi, RefOr, path::Operation};

/// The extension of an OpenAPI operation that names its action.
pub(crate) const EXTENSION: &str = "x-marque-action";

/// What is written of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Logged {
    /// It reads nothing personal and changes nothing.
    Never,
    /// One entry when it was allowed, before the answer is sent.
    Read,
    /// The same, and one when it was denied.
    PrivilegedRead,
    /// One entry before it is done, and one that says how it ended.
    Act,
}

impl Logged {
    fn of(action: Action, method: &Method) -> Self {
        match (action.privileged(), action.personal_data()) {
            (true, _) if method.is_safe() => Self::PrivilegedRead,
            (true, _) => Self::Act,
            (false, true) => Self::Read,
            (false, false) => Self::Never,
        }
    }
}

/// Routes without an action, each with its reason.
pub(crate) const PUBLIC: [(&str, &str); 10] = [
    ("GET /.well-known/security.txt", "RFC 9116: whoever found a weakness reads it before anything else"),
    ("GET /livez", "a supervisor asks before anybody can sign in; says nothing but that it lives"),
    ("GET /readyz", "the same; says which part does not serve, no figure and no name"),
    ("GET /v1/oidc", "the sign-in page shows where else people may sign in; says names that are configured"),
    (
        "GET /v1/oidc/{provider}/callback",
        "ends signing in; bound to the browser by state, nonce and PKCE, and the handler records it",
    ),
    ("GET /v1/oidc/{provider}/login", "begins signing in at a provider that is configured, never given"),
    ("GET /v1/openapi.json", "the API's description is in the public repository"),
    (
        "POST /v1/credential-resets",
        "whoever has the one-time link sets a password; the handler records it, since only it knows whose it is",
    ),
    (
        "POST /v1/oidc/{provider}/backchannel-logout",
        "the provider signs its logout token; the handler records it",
    ),
    ("POST /v1/session", "signing in; the handler records it, since only it knows who somebody says to be"),
];

/// What a route does.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Route {
    /// None of a public one.
    pub action: Option<Action>,
    pub logged: Logged,
    pub takes_purpose: bool,
}

/// Every route by method and path.
#[derive(Debug)]
pub(crate) struct Routes(HashMap<String, Vec<(Method, Option<Route>)>>);

/// What is known of a request's method and path.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Found {
    Route(Route),
    /// The path has no such method: whoever asks is told so.
    NoMethod,
    /// Nobody said what it does.
    Unknown,
}

impl Routes {
    pub(crate) fn of(document: &OpenApi) -> Self {
        let mut routes: HashMap<String, Vec<(Method, Option<Route>)>> = HashMap::new();
        for (path, item) in &document.paths.paths {
            let operations = [
                (Method::GET, &item.get),
                (Method::PUT, &item.put),
                (Method::POST, &item.post),
                (Method::DELETE, &item.delete),
                (Method::PATCH, &item.patch),
            ];
            for (method, operation) in operations {
                if let Some(operation) = operation {
                    let route = route_of(&method, path, operation);
                    routes.entry(path.clone()).or_default().push((method, route));
                }
            }
        }
        Self(routes)
    }

    /// By the path as the router knows it. `HEAD` is a `GET` that nobody reads.
    pub(crate) fn get(&self, method: &Method, matched: &str) -> Found {
        let method = if *method == Method::HEAD { &Method::GET } else { method };
        let Some(routes) = self.0.get(&matched.replace("{*", "{")) else { return Found::Unknown };
        match routes.iter().find(|(known, _)| known == method) {
            Some((_, Some(route))) => Found::Route(*route),
            Some((_, None)) => Found::Unknown,
            None => Found::NoMethod,
        }
    }
}

/// Nothing when it has neither an action nor a reason to have none.
fn route_of(method: &Method, path: &str, operation: &Operation) -> Option<Route> {
    let name = operation.extensions.as_ref().and_then(|extensions| extensions.get(EXTENSION));
    let parameters = operation.parameters.iter().flatten();
    let takes_purpose = parameters
        .into_iter()
        .any(|parameter| matches!(parameter, RefOr::T(parameter) if parameter.name == "purpose"));
    let Some(name) = name.and_then(|name| name.as_str()) else {
        let is_public = PUBLIC.iter().any(|(route, _)| *route == format!("{method} {path}"));
        return is_public.then_some(Route { action: None, logged: Logged::Never, takes_purpose });
    };
    let action: Action = name.parse().ok()?;
    Some(Route { action: Some(action), logged: Logged::of(action, method), takes_purpose })
}

#[cfg(test)]
mod tests;
