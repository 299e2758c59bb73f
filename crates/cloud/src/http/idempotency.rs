use utoipa::openapi::HttpMethod;

/// The creates that a client may repeat safely.
pub fn covers(method: &HttpMethod, path: &str) -> bool {
    *method == HttpMethod::Post
        && ["/v1/vehicles", "/v1/campaigns", "/v1/vehicles/{vehicle_id}/certificate"].contains(&path)
}
