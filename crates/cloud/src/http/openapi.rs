//! The OpenAPI 3.1 document: what the handlers say, and what holds for all of them.

use std::sync::LazyLock;

use axum::{http::header, response::IntoResponse};
use utoipa::{
    OpenApi,
    openapi::{
        self, ContentBuilder, HttpMethod, ObjectBuilder, Ref, RefOr, Required, ResponseBuilder, Schema, Type,
        path::{Operation, ParameterBuilder, ParameterIn},
        security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityRequirement, SecurityScheme},
    },
};

use super::{
    fleet,
    problem::{Kind, ProblemDocument},
    signals,
};

/// What clients send may leave fields out, and so does a problem. Everything else that the platform says has
/// all its fields, some of them null.
const MAY_LEAVE_OUT: [&str; 11] = [
    "Campaign",
    "CampaignDocument",
    "CampaignGroup",
    "EnrolVehicle",
    "NewPerson",
    "NewRole",
    "OnChange",
    "PersonChange",
    "AccountChange",
    "Problem",
    "VehicleChoice",
];

/// Where somebody may have changed, ended or registered the same meanwhile, or an account is kept elsewhere.
const CONFLICTS: [(HttpMethod, &str); 29] = [
    (HttpMethod::Patch, "/v1/account"),
    (HttpMethod::Post, "/v1/session/step-up"),
    (HttpMethod::Post, "/v1/account/password"),
    (HttpMethod::Post, "/v1/account/totp"),
    (HttpMethod::Delete, "/v1/account/totp"),
    (HttpMethod::Post, "/v1/account/totp/confirmation"),
    (HttpMethod::Post, "/v1/people/{person_id}/credential-reset"),
    (HttpMethod::Post, "/v1/links"),
    (HttpMethod::Delete, "/v1/vehicles/{vehicle_id}/owner"),
    (HttpMethod::Post, "/v1/transfers"),
    (HttpMethod::Post, "/v1/ownership-releases"),
    (HttpMethod::Post, "/v1/ownership-releases/{release_id}/approval"),
    (HttpMethod::Post, "/v1/ownership-releases/{release_id}/objection"),
    (HttpMethod::Post, "/v1/vehicles/{vehicle_id}/drivers"),
    (HttpMethod::Post, "/v1/driver-links"),
    (HttpMethod::Put, "/v1/vehicles/{vehicle_id}/fleet"),
    (HttpMethod::Post, "/v1/people"),
    (HttpMethod::Patch, "/v1/people/{person_id}"),
    (HttpMethod::Post, "/v1/people/{person_id}/roles"),
    (HttpMethod::Delete, "/v1/people/{person_id}/roles/{assignment_id}"),
    (HttpMethod::Post, "/v1/services"),
    (HttpMethod::Post, "/v1/services/{service_id}/tokens"),
    (HttpMethod::Post, "/v1/vehicles/enrolments"),
    (HttpMethod::Put, "/v1/vehicles/{vehicle_id}/grants"),
    (HttpMethod::Put, "/v1/campaigns/{campaign_id}"),
    (HttpMethod::Post, "/v1/campaigns/{campaign_id}/assignments"),
    (HttpMethod::Post, "/v1/campaigns/{campaign_id}/unassignments"),
    (HttpMethod::Post, "/v1/campaigns/{campaign_id}/end"),
    (HttpMethod::Get, "/v1/oidc/{provider}/login"),
];

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Marque",
        version = "1",
        description = "The platform's API. Errors are problems (RFC 9457). Lists come in pages: give \
            `next_cursor` as `cursor` for the next one. Reads of personal data name a purpose; what the \
            owner has not granted for it is withheld, and the answer says which categories.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    servers((url = "/", description = "This server")),
    tags(
        (name = "session", description = "Signing in and out"),
        (name = "account", description = "One's own account: password, second factor, sessions"),
        (name = "people", description = "Other people's accounts, and what they may do"),
        (name = "services", description = "Machines of ours and their tokens"),
        (name = "fleet", description = "The fleet as a whole"),
        (name = "vehicles", description = "The registry of vehicles and their certificates"),
        (name = "signals", description = "The latest values of a car's signals"),
        (name = "history", description = "What a car's signals were"),
        (name = "state", description = "Desired and reported state"),
        (name = "ownership", description = "Who owns, drives and may see a car"),
        (name = "organisations", description = "Fleets and dealerships"),
        (name = "notices", description = "What one was told"),
        (name = "consent", description = "What owners grant"),
        (name = "campaigns", description = "What cars collect"),
        (name = "catalogues", description = "Catalogues of signals"),
        (name = "audit", description = "Who did what, provably"),
        (name = "platform", description = "Health, metrics and this document"),
    ),
    components(schemas(
        ProblemDocument,
        fleet::types::ConnectivityChanges,
        signals::types::SignalChanges,
    )),
)]
struct Document;

/// This document.
#[utoipa::path(
    get, path = "/v1/openapi.json", tag = "platform", security(()),
    responses((status = 200, description = "OpenAPI 3.1", body = Object, example = json!({ "openapi": "3.1.0" }))),
)]
pub(crate) async fn get_openapi() -> impl IntoResponse {
    static DOCUMENT: LazyLock<String> = LazyLock::new(json);
    ([(header::CONTENT_TYPE, "application/json")], DOCUMENT.as_str())
}

/// The document as it is committed: pretty, with a newline at its end.
pub fn json() -> String {
    let (_, document) = super::routes::all().split_for_parts();
    let mut text = complete(document).to_pretty_json().expect("the document holds no maps without text keys");
    text.push('\n');
    text
}

pub(super) fn base() -> openapi::OpenApi {
    Document::openapi()
}

/// Adds what holds for every route: how to sign in, which errors to expect, conditional and repeatable
/// requests. Written here once, so that no handler can forget it.
fn complete(mut document: openapi::OpenApi) -> openapi::OpenApi {
    let components = document.components.get_or_insert_with(Default::default);
    let bearer = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
    let cookie = SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::new(super::auth::COOKIE)));
    components.security_schemes.insert("token".to_owned(), bearer.into());
    components.security_schemes.insert("cookie".to_owned(), cookie.into());
    for (name, schema) in &mut components.schemas {
        if !MAY_LEAVE_OUT.contains(&name.as_str())
            && let RefOr::T(Schema::Object(object)) = schema
        {
            object.required = object.properties.keys().cloned().collect();
        }
    }
    document.security = Some(vec![none("token"), none("cookie")]);
    for (path, item) in &mut document.paths.paths {
        let operations = [
            (HttpMethod::Get, &mut item.get),
            (HttpMethod::Put, &mut item.put),
            (HttpMethod::Post, &mut item.post),
            (HttpMethod::Delete, &mut item.delete),
            (HttpMethod::Patch, &mut item.patch),
        ];
        for (method, operation) in operations {
            if let Some(operation) = operation {
                complete_operation(path, &method, operation);
            }
        }
    }
    document
}

fn none(scheme: &str) -> SecurityRequirement {
    SecurityRequirement::new(scheme, Vec::<String>::new())
}

fn complete_operation(path: &str, method: &HttpMethod, operation: &mut Operation) {
    let open = operation.security.is_some();
    let mut kinds =
        vec![Kind::BadRequest, Kind::Timeout, Kind::TooManyRequests, Kind::Internal, Kind::Unavailable];
    if !open {
        kinds.extend([Kind::Unauthorized, Kind::Forbidden]);
    }
    if path == "/v1/session" && *method == HttpMethod::Post {
        kinds.extend([Kind::SignInRefused, Kind::Forbidden]);
    }
    if path == "/v1/oidc/{provider}/login" {
        // Of who steps up without a session, or as a service.
        kinds.extend([Kind::Unauthorized, Kind::Forbidden]);
    }
    for response in operation.responses.responses.values_mut() {
        if let RefOr::T(response) = response
            && let Some(RefOr::T(stream)) = response.content.get_mut("text/event-stream")
        {
            stream.schema = Some(streamed_event());
        }
    }
    if path.contains('{') {
        kinds.push(Kind::NotFound);
    }
    let is_query = |parameter: &RefOr<openapi::path::Parameter>| matches!(parameter, RefOr::T(parameter) if parameter.parameter_in == ParameterIn::Query);
    if operation.parameters.iter().flatten().any(is_query) {
        kinds.push(Kind::Unprocessable);
    }
    if operation.request_body.is_some() {
        kinds.extend([Kind::TooLarge, Kind::UnsupportedMedia, Kind::Unprocessable]);
    }
    if super::idempotency::covers(method, path) {
        kinds.push(Kind::Conflict);
        let text = ObjectBuilder::new().schema_type(Type::String).min_length(Some(1)).max_length(Some(128));
        operation.parameters.get_or_insert_with(Vec::new).push(header_parameter(
            "Idempotency-Key",
            "The same key with the same body gives the same answer again, for a day; nothing is done twice.",
            text.pattern(Some("^[!-~]([ -~]*[!-~])?$")),
        ));
    }
    if CONFLICTS.iter().any(|(of, at)| of == method && *at == path) {
        kinds.push(Kind::Conflict);
    }
    if super::etag::covers(method, path) {
        operation.parameters.get_or_insert_with(Vec::new).push(header_parameter(
            "If-None-Match",
            "The `ETag` of an answer before; 304 when nothing has changed.",
            ObjectBuilder::new().schema_type(Type::String),
        ));
        let unchanged = ResponseBuilder::new().description("Nothing has changed").build();
        operation.responses.responses.insert("304".to_owned(), RefOr::T(unchanged));
    }
    if super::etag::guards(method, path) {
        kinds.push(Kind::PreconditionFailed);
        operation.parameters.get_or_insert_with(Vec::new).push(header_parameter(
            "If-Match",
            "The `ETag` of the state that the change was thought of; 412 when it is another by now.",
            ObjectBuilder::new().schema_type(Type::String),
        ));
    }
    for kind in kinds {
        let status = kind.status().as_u16().to_string();
        operation.responses.responses.entry(status).or_insert_with(|| RefOr::T(problem_response(kind)));
    }
}

/// Of a stream each event is described, since it has no end.
fn streamed_event() -> RefOr<Schema> {
    let text = |what: &str| ObjectBuilder::new().schema_type(Type::String).description(Some(what));
    let event = ObjectBuilder::new()
        .property("event", text("What it tells of"))
        .property("data", text("A document in JSON"))
        .required("event")
        .required("data");
    event.build().into()
}

fn header_parameter(name: &str, description: &str, schema: ObjectBuilder) -> RefOr<openapi::path::Parameter> {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(description))
        .schema(Some(schema))
        .build()
        .into()
}

fn problem_response(kind: Kind) -> openapi::Response {
    let example = serde_json::json!({
        "type": format!("urn:marque:problem:{}", kind.slug()),
        "title": kind.title(),
        "status": kind.status().as_u16(),
        "detail": "what happened this time and what to do next",
        "instance": "urn:marque:request:5b0c52b4c1d94f03",
    });
    let content =
        ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).example(Some(example)).build();
    ResponseBuilder::new().description(kind.title()).content("application/problem+json", content).build()
}

#[cfg(test)]
mod tests;
