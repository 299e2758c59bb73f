use utoipa::openapi::HttpMethod;

/// The single resources that carry an `ETag`.
pub fn covers(method: &HttpMethod, path: &str) -> bool {
    const PATHS: [&str; 6] = [
        "/v1/facets",
        "/v1/vehicles/{vehicle_id}",
        "/v1/vehicles/{vehicle_id}/grants",
        "/v1/vehicles/{vehicle_id}/state",
        "/v1/campaigns/{campaign_id}",
        "/v1/catalogues/{hash}",
    ];
    *method == HttpMethod::Get && PATHS.contains(&path)
}
