//! The registry of vehicles and their certificates.

use axum::{extract::State, response::Response};

use super::{
    Api,
    extract::{Json, Path, Query},
    problem::Problem,
    words::VehicleIdHex,
};
use types::{
    CertificateRequest, Enrolled, Enrolment, IssuedCertificate, NewVehicle, Vehicle, VehiclePage,
    VehiclesQuery, VinSearch,
};

pub mod types;

/// Lists vehicles.
#[utoipa::path(
    get, path = "/v1/vehicles", tag = "vehicles", params(VehiclesQuery),
    responses((status = 200, description = "One page", body = VehiclePage)),
)]
pub async fn list_vehicles(
    State(_api): State<Api>,
    Query(_query): Query<VehiclesQuery>,
) -> Result<Json<VehiclePage>, Problem> {
    Err(Problem::unavailable("soon"))
}

/// Registers a vehicle. A VIN that is registered already is a conflict.
#[utoipa::path(
    post, path = "/v1/vehicles", tag = "vehicles", request_body = NewVehicle,
    responses((status = 201, description = "Registered", body = Vehicle,
        headers(("Location" = String, description = "The vehicle's path")))),
)]
pub async fn create_vehicle(
    State(_api): State<Api>,
    Json(_body): Json<NewVehicle>,
) -> Result<Response, Problem> {
    Err(Problem::unavailable("soon"))
}

/// Registers and certifies many vehicles at once.
#[utoipa::path(
    post, path = "/v1/vehicles/enrolments", tag = "vehicles", request_body = Enrolment,
    responses((status = 200, description = "All of them are registered", body = Enrolled)),
)]
pub async fn enrol_vehicles(
    State(_api): State<Api>,
    Json(_body): Json<Enrolment>,
) -> Result<Json<Enrolled>, Problem> {
    Err(Problem::unavailable("soon"))
}

/// Finds a vehicle by its VIN.
#[utoipa::path(
    post, path = "/v1/vehicles/search", tag = "vehicles", request_body = VinSearch,
    responses((status = 200, description = "The vehicle, or no item", body = VehiclePage)),
)]
pub async fn search_vehicles(
    State(_api): State<Api>,
    Json(_body): Json<VinSearch>,
) -> Result<Json<VehiclePage>, Problem> {
    Err(Problem::unavailable("soon"))
}

/// A vehicle with its connection, certificate, campaigns and gaps.
#[utoipa::path(
    get, path = "/v1/vehicles/{vehicle_id}", tag = "vehicles",
    params(("vehicle_id" = inline(VehicleIdHex), Path, description = "The vehicle's id")),
    responses((status = 200, description = "The vehicle", body = Vehicle)),
)]
pub async fn get_vehicle(
    State(_api): State<Api>,
    Path(_vehicle_id): Path<VehicleIdHex>,
) -> Result<Json<Vehicle>, Problem> {
    Err(Problem::unavailable("soon"))
}

/// Issues a certificate for the car's own key.
#[utoipa::path(
    post, path = "/v1/vehicles/{vehicle_id}/certificate", tag = "vehicles",
    params(("vehicle_id" = inline(VehicleIdHex), Path, description = "The vehicle's id")),
    request_body = CertificateRequest,
    responses((status = 201, description = "Issued", body = IssuedCertificate)),
)]
pub async fn create_certificate(
    State(_api): State<Api>,
    Path(_vehicle_id): Path<VehicleIdHex>,
    Json(_body): Json<CertificateRequest>,
) -> Result<Response, Problem> {
    Err(Problem::unavailable("soon"))
}
