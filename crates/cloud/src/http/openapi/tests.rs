use serde_json::Value;

fn document() -> Value {
    serde_json::from_str(&super::json()).unwrap()
}

/// Method, path and operation of every route.
fn operations(document: &Value) -> Vec<(String, String, Value)> {
    let paths = document["paths"].as_object().unwrap();
    let of = |path: &String, item: &Value| {
        let methods = ["get", "put", "post", "delete", "patch"];
        let found = methods.into_iter().filter(|method| item.get(method).is_some());
        found.map(|method| (method.to_owned(), path.clone(), item[method].clone())).collect::<Vec<_>>()
    };
    paths.iter().flat_map(|(path, item)| of(path, item)).collect()
}

/// Follows a reference into the components.
fn resolve<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    match schema["$ref"].as_str() {
        Some(reference) => document.pointer(reference.trim_start_matches('#')).unwrap(),
        None => schema,
    }
}

#[test]
fn the_committed_document_is_current() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../web/packages/api/openapi.json");
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        committed == super::json(),
        "web/packages/api/openapi.json is out of step; run `cargo xtask codegen`"
    );
}

#[test]
fn every_route_has_an_id_a_tag_and_errors() {
    let document = document();
    let operations = operations(&document);
    assert!(operations.len() >= 30, "{}", operations.len());
    let tags: Vec<&str> =
        document["tags"].as_array().unwrap().iter().map(|tag| tag["name"].as_str().unwrap()).collect();
    let mut ids = std::collections::BTreeSet::new();
    for (method, path, operation) in &operations {
        let id = operation["operationId"].as_str().unwrap_or_default();
        assert!(ids.insert(id) && !id.is_empty(), "{method} {path}: operationId `{id}`");
        let tag = operation["tags"][0].as_str().unwrap_or_default();
        assert!(tags.contains(&tag), "{method} {path}: tag `{tag}`");
        assert!(
            operation["summary"].as_str().is_some_and(|text| !text.is_empty()),
            "{method} {path}: summary"
        );
        let responses = operation["responses"].as_object().unwrap();
        assert!(responses.contains_key("500"), "{method} {path}: no problem is documented");
        let open = operation["security"] == serde_json::json!([{}]);
        assert!(open || responses.contains_key("401"), "{method} {path}: 401");
    }
}

#[test]
fn every_body_has_an_example() {
    let document = document();
    for (method, path, operation) in operations(&document) {
        let requests = operation.get("requestBody").into_iter();
        let responses = operation["responses"].as_object().unwrap().values();
        for body in requests.chain(responses) {
            for (media, content) in body["content"].as_object().into_iter().flatten() {
                let schema = resolve(&document, &content["schema"]);
                let has = content.get("example").is_some() || schema.get("example").is_some();
                assert!(has, "{method} {path}: {media} has no example");
            }
        }
    }
}

#[test]
fn only_these_routes_are_open() {
    let document = document();
    let open: Vec<String> = operations(&document)
        .into_iter()
        .filter(|(_, _, operation)| operation["security"] == serde_json::json!([{}]))
        .map(|(method, path, _)| format!("{method} {path}"))
        .collect();
    assert_eq!(
        open,
        [
            "get /.well-known/security.txt",
            "get /livez",
            "get /readyz",
            "post /v1/credential-resets",
            "get /v1/oidc",
            "post /v1/oidc/{provider}/backchannel-logout",
            "get /v1/oidc/{provider}/callback",
            "get /v1/oidc/{provider}/login",
            "get /v1/openapi.json",
            "post /v1/session"
        ]
    );
}

/// Those whose work ends with [`store::Error::Conflict`] when somebody else was faster, and those that a client
/// may repeat with a key.
#[test]
fn only_these_routes_conflict() {
    let conflicts: Vec<String> = operations(&document())
        .into_iter()
        .filter(|(_, _, operation)| operation["responses"].get("409").is_some())
        .map(|(method, path, _)| format!("{method} {path}"))
        .collect();
    assert_eq!(
        conflicts,
        [
            "patch /v1/account",
            "post /v1/account/password",
            "post /v1/account/totp",
            "delete /v1/account/totp",
            "post /v1/account/totp/confirmation",
            "post /v1/campaigns",
            "put /v1/campaigns/{campaign_id}",
            "post /v1/campaigns/{campaign_id}/assignments",
            "post /v1/campaigns/{campaign_id}/end",
            "post /v1/campaigns/{campaign_id}/unassignments",
            "post /v1/driver-links",
            "post /v1/links",
            "get /v1/oidc/{provider}/login",
            "post /v1/ownership-releases",
            "post /v1/ownership-releases/{release_id}/approval",
            "post /v1/ownership-releases/{release_id}/objection",
            "post /v1/people",
            "patch /v1/people/{person_id}",
            "post /v1/people/{person_id}/credential-reset",
            "post /v1/people/{person_id}/roles",
            "delete /v1/people/{person_id}/roles/{assignment_id}",
            "post /v1/services",
            "post /v1/services/{service_id}/tokens",
            "post /v1/session/step-up",
            "post /v1/transfers",
            "post /v1/vehicles",
            "post /v1/vehicles/enrolments",
            "post /v1/vehicles/{vehicle_id}/certificate",
            "post /v1/vehicles/{vehicle_id}/drivers",
            "put /v1/vehicles/{vehicle_id}/fleet",
            "put /v1/vehicles/{vehicle_id}/grants",
            "delete /v1/vehicles/{vehicle_id}/owner",
        ]
    );
}
