//! Where to report a weakness (RFC 9116).

use axum::{
    extract::State,
    http::header,
    response::{IntoResponse as _, Response},
};
use model::Micros;

use super::{Api, problem::Problem};
use crate::words::rfc3339;

/// The file is made anew at each request, so that it is never out of date while the platform runs.
const EXPIRES_AFTER: Micros = Micros(30 * Micros::DAY.0);

/// Where to report a weakness: `security.txt` (RFC 9116). Without a contact in the configuration there is none.
#[utoipa::path(
    get, path = "/.well-known/security.txt", tag = "platform", security(()),
    responses((status = 200, description = "Whom to write to", content_type = "text/plain", body = String,
        example = "Contact: mailto:security@example.org\nExpires: 2026-12-23T08:15:30.000000Z\n"),
        (status = 404, description = "Nobody is named")),
)]
pub(crate) async fn get_security_txt(State(api): State<Api>) -> Result<Response, Problem> {
    let contact = api
        .security_contact()
        .ok_or_else(|| Problem::not_found("who runs this platform has named no contact for security"))?;
    let text = format!("Contact: {contact}\nExpires: {}\n", rfc3339(api.now() + EXPIRES_AFTER));
    Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response())
}
