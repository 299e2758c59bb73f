//! Prints the OpenAPI document: `cargo run -p cloud --example openapi > web/packages/api/openapi.json`.

use std::io::Write;

fn main() -> std::io::Result<()> {
    std::io::stdout().write_all(cloud::http::openapi::json().as_bytes())
}
