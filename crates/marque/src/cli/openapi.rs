//! `marque openapi`: the document of the HTTP API.

use std::io::Write;

use anyhow::Context as _;

pub(crate) fn run(out: &mut impl Write) -> anyhow::Result<()> {
    out.write_all(cloud::http::openapi::json().as_bytes()).context("write the document")
}
