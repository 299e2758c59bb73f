//! The latest values of a car's signals, and their stream.

use std::collections::BTreeSet;

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use identity::Action;
use model::DataCategory;
use serde_json::Value as JsonValue;
use signals::Leaf;

use super::{
    Api,
    extract::{Json, Path, Query},
    gate::{Gate, Sight},
    problem::Problem,
    sse, values,
    words::{CategorySlug, Time, VehicleIdHex},
};
use crate::{
    owner::{Latest, Twin},
    registry::Car,
};
use types::{SignalItem, Signals, SignalsQuery};

mod stream;
pub(crate) mod types;

/// The latest value of each signal of a car.
#[utoipa::path(
    get, path = "/v1/vehicles/{vehicle_id}/signals", tag = "signals",
    extensions(("x-marque-action" = json!("vehicle.signals.read"))),
    params(("vehicle_id" = inline(VehicleIdHex), Path, description = "The vehicle's id"), SignalsQuery),
    responses((status = 200, description = "The signals that the purpose may see", body = Signals)),
)]
pub(crate) async fn list_signals(
    State(api): State<Api>,
    gate: Gate,
    Path(vehicle_id): Path<VehicleIdHex>,
    Query(SignalsQuery { .. }): Query<SignalsQuery>,
) -> Result<Json<Signals>, Problem> {
    let car = gate.car(vehicle_id.0)?;
    Ok(Json(snapshot(&api, &car, &live(&gate, &api, &car))))
}

/// Follows a car's signals.
///
/// Server-sent events: `snapshot` (`Signals`) first, and again when the client falls behind or the grants
/// change; then `signals` (`SignalChanges`) as they change, at most ten times a second; `connectivity`
/// (`ConnectivityChanges`) when the car comes or goes.
#[utoipa::path(
    get, path = "/v1/vehicles/{vehicle_id}/signals/events", tag = "signals",
    extensions(("x-marque-action" = json!("vehicle.signals.read"))),
    params(("vehicle_id" = inline(VehicleIdHex), Path, description = "The vehicle's id"), SignalsQuery),
    responses((status = 200, description = "The stream", content_type = "text/event-stream", body = String,
        example = "event: signals\ndata: {\"items\":[]}\n\n")),
)]
pub(crate) async fn stream_signal_events(
    State(api): State<Api>,
    gate: Gate,
    Path(vehicle_id): Path<VehicleIdHex>,
    Query(SignalsQuery { .. }): Query<SignalsQuery>,
) -> Result<Response, Problem> {
    let car = gate.car(vehicle_id.0)?;
    let place = sse::place(&api)?;
    // The stream itself does so later, when its beginning is recorded already.
    live(&gate, &api, &car);
    Ok(sse::answer(stream::events(api, gate, car.vehicle, place)).into_response())
}

/// What is seen of a car now.
fn live(gate: &Gate, api: &Api, car: &Car) -> Sight {
    Sight::of(gate, api, car, Some(Action::VehicleLocationRead))
}

/// All that may be seen, and which categories may not.
fn snapshot(api: &Api, car: &Car, sight: &Sight) -> Signals {
    let twin = api.twins().get(car.subject).unwrap_or_default();
    let mut withheld = BTreeSet::new();
    let mut items = items(api, car, sight, &twin, |_| true, &mut withheld);
    items.sort_by(|a, b| a.path.cmp(&b.path));
    Signals { items, withheld: withheld.into_iter().map(CategorySlug).collect() }
}

/// The items of the wanted signals that may be seen; categories of others go to `withheld`.
fn items(
    api: &Api,
    car: &Car,
    sight: &Sight,
    twin: &Twin,
    wanted: impl Fn(&Latest) -> bool,
    withheld: &mut BTreeSet<DataCategory>,
) -> Vec<SignalItem> {
    let mut items = Vec::new();
    for latest in twin.readings().iter().filter(|latest| wanted(latest)) {
        let Some(leaf) = api.catalogues().leaf(latest.signal) else { continue };
        if sight.sees(api, car, leaf.category) {
            items.push(item(&leaf, latest));
        } else {
            withheld.insert(leaf.category);
        }
    }
    items
}

fn item(leaf: &Leaf, latest: &Latest) -> SignalItem {
    SignalItem {
        path: leaf.path.to_string(),
        unit: leaf.unit.as_deref().map(str::to_owned),
        data_type: leaf.data_type.to_string(),
        category: CategorySlug(leaf.category),
        value: latest.value.as_ref().map_or(JsonValue::Null, values::json),
        quality: latest.quality.into(),
        source_time: Time(latest.source_time),
        receive_time: Time(latest.receive_time),
    }
}
