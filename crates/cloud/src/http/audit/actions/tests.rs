use ::audit::Slug;

use super::*;

fn operations() -> Vec<(Method, String, Operation)> {
    let document = crate::http::routes::all().get_openapi().clone();
    let of = |(path, item): (String, utoipa::openapi::PathItem)| {
        let methods = [
            (Method::GET, item.get),
            (Method::PUT, item.put),
            (Method::POST, item.post),
            (Method::DELETE, item.delete),
            (Method::PATCH, item.patch),
        ];
        let found = methods.into_iter().filter_map(|(method, operation)| Some((method, operation?)));
        found.map(move |(method, operation)| (method, path.clone(), operation)).collect::<Vec<_>>()
    };
    document.paths.paths.into_iter().flat_map(of).collect()
}

#[test]
fn every_operation_has_an_action_or_a_reason_to_have_none() {
    let operations = operations();
    assert!(operations.len() > 30, "{}", operations.len());
    let mut public = Vec::new();
    for (method, path, operation) in &operations {
        let place = format!("{method} {path}");
        let route = route_of(method, path, operation);
        let route = route.unwrap_or_else(|| panic!("{place}: no action, and no reason"));
        let is_open = operation.security.is_some();
        assert_eq!(route.action.is_none(), is_open, "{place}: who need not sign in needs a reason");
        if route.action.is_none() {
            public.push(place);
        }
    }
    public.sort();
    assert_eq!(public, PUBLIC.map(|(route, _)| route), "each reason is some route's");
}

#[test]
fn every_word_of_an_entry_is_one_that_it_takes() {
    for action in Action::ALL {
        assert!(action.slug().parse::<Slug>().is_ok(), "{action}");
        assert!(action.resource().slug().parse::<Slug>().is_ok(), "{action}");
    }
    for kind in crate::http::problem::Kind::ALL {
        assert!(kind.slug().parse::<Slug>().is_ok(), "{}", kind.slug());
    }
}

#[test]
fn a_path_is_found_as_the_router_knows_it() {
    let routes = Routes::of(crate::http::routes::all().get_openapi());
    let found = |method, path| match routes.get(&method, path) {
        Found::Route(route) => route.action.map_or("none", Action::slug),
        Found::NoMethod => "no method",
        Found::Unknown => "unknown",
    };
    assert_eq!(found(Method::GET, "/v1/audit/log/tile/entries/{*tile}"), "audit.entries.read");
    assert_eq!(found(Method::HEAD, "/v1/vehicles/{vehicle_id}/history"), "vehicle.history.read");
    assert_eq!(found(Method::GET, "/livez"), "none");
    assert_eq!(found(Method::PUT, "/v1/vehicles"), "no method");
    assert_eq!(found(Method::GET, "/v1/nothing"), "unknown");
}
