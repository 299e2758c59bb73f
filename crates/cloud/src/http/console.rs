//! The console's files, embedded when the program was built. The server works without them, and says so.

use std::borrow::Cow;

use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use rust_embed::{EmbeddedFile, RustEmbed};

use super::{edge, etag, problem::Problem};

#[derive(RustEmbed)]
#[folder = "$CARGO_MANIFEST_DIR/../../web/console/dist"]
#[allow_missing = true]
struct Files;

const INDEX: &str = "index.html";

const NOT_BUILT: &str = "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
    <meta name=\"viewport\" content=\"width=device-width\">\n<title>Marque</title>\n<h1>Marque</h1>\n\
    <p>The platform runs. This program was built without the console; <code>cargo xtask demo</code> builds \
    both.</p>\n<p>The API is described at <a href=\"/v1/openapi.json\">/v1/openapi.json</a>.</p>\n</html>\n";

/// Whether the console was built into this program.
pub fn is_built() -> bool {
    Files::get(INDEX).is_some()
}

/// Everything that is no route of the API.
pub async fn serve(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    let path = uri.path().trim_start_matches('/');
    if path == "v1" || path.starts_with("v1/") {
        return edge::not_found().await;
    }
    if method != Method::GET && method != Method::HEAD {
        let mut response = Problem::of_status(StatusCode::METHOD_NOT_ALLOWED).into_response();
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    if !path.is_empty()
        && let Some(file) = Files::get(path)
    {
        return answer(path, &file, &headers);
    }
    // Addresses within the console are its own; a file that is missing is not a page.
    let is_page =
        headers.get(header::ACCEPT).is_some_and(|accept| accept.as_bytes().starts_with(b"text/html"));
    if !path.is_empty() && !is_page {
        return edge::not_found().await;
    }
    match Files::get(INDEX) {
        Some(index) => answer(INDEX, &index, &headers),
        None => ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], NOT_BUILT).into_response(),
    }
}

fn answer(path: &str, file: &EmbeddedFile, headers: &HeaderMap) -> Response {
    // Hashed when the program was built.
    let hash = hex::encode(&file.metadata.sha256_hash()[..12]);
    let (tag, unchanged) = etag::tag(headers, &hash);
    let mut response = if unchanged {
        edge::empty(StatusCode::NOT_MODIFIED)
    } else {
        // Not copied: a thousand slow readers hold nothing.
        let bytes = match &file.data {
            Cow::Borrowed(bytes) => Bytes::from_static(bytes),
            Cow::Owned(bytes) => Bytes::copy_from_slice(bytes),
        };
        Response::new(Body::from(bytes))
    };
    // The bundler puts the content's hash into the names below assets/.
    let caching =
        if path.starts_with("assets/") { "public, max-age=31536000, immutable" } else { "no-cache" };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type(path)));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
    headers.insert(header::ETAG, tag);
    response
}

fn media_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" => "application/json",
        "geojson" => "application/geo+json",
        "webmanifest" => "application/manifest+json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "webp" => "image/webp",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "wasm" => "application/wasm",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests;
