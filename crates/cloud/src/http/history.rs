//! A car's history, from the buffer and the lake alike.

use std::{collections::BTreeSet, sync::Arc};

use axum::extract::State;
use identity::Action;
use jiff::SignedDuration;
use model::{DataCategory, Micros, Timestamp};
use signals::Leaf;
use store::Cursor;

use super::{
    Api,
    extract::{Json, Path, Query},
    gate::{Gate, Sight},
    page,
    problem::Problem,
    words::{CategorySlug, PlaceError, VehicleIdHex},
};
use crate::owner::{self, Reduction};
use types::{HistoryColumn, HistoryPage, HistoryQuery, Reduce, Rows};

pub(crate) mod types;

/// Columns of a page: more do not fit a chart, and each is read from every file.
const SIGNALS_MAX: usize = 64;
const ROWS: u32 = 1_000;
const ROWS_MAX: u32 = 10_000;
/// The shortest interval that reduces anything.
const INTERVAL_MIN: Micros = Micros::MILLISECOND;

/// Reads a car's history, raw or reduced over intervals.
#[utoipa::path(
    get, path = "/v1/vehicles/{vehicle_id}/history", tag = "history",
    extensions(("x-marque-action" = json!("vehicle.history.read"))),
    params(("vehicle_id" = inline(VehicleIdHex), Path, description = "The vehicle's id"), HistoryQuery),
    responses((status = 200, description = "One page of rows", body = HistoryPage)),
)]
pub(crate) async fn get_history(
    State(api): State<Api>,
    gate: Gate,
    Path(vehicle_id): Path<VehicleIdHex>,
    Query(query): Query<HistoryQuery>,
) -> Result<Json<HistoryPage>, Problem> {
    let car = gate.car(vehicle_id.0)?;
    let asked = leaves_of(&api, &query.signals)?;
    let tracks = asked.iter().any(|leaf| leaf.category == DataCategory::Location);
    let sight = Sight::of(&gate, &api, &car, tracks.then_some(Action::VehicleLocationHistoryRead));
    let mut withheld = BTreeSet::new();
    let mut leaves = Vec::new();
    for leaf in asked {
        if sight.sees(&api, &car, leaf.category) {
            leaves.push(leaf);
        } else {
            withheld.insert(leaf.category);
        }
    }
    let request = owner::HistoryQuery {
        brand: car.brand,
        subject: car.subject,
        signals: leaves,
        from: query.from.0,
        to: query.to.map_or_else(|| api.now(), |to| to.0),
        reduce: reduce_of(query.interval.as_deref(), query.reduce.as_deref())?,
        rows_max: usize::try_from(page::bounded(query.limit, ROWS, ROWS_MAX)?).unwrap_or(usize::MAX),
        after: query.cursor.as_deref().map(after).transpose()?,
    };
    if request.from >= request.to {
        return Err(Problem::at("to", "must be later than `from`"));
    }
    let withheld = withheld.into_iter().map(CategorySlug).collect();
    if request.signals.is_empty() {
        return Ok(Json(HistoryPage {
            columns: Vec::new(),
            rows: Rows(Vec::new()),
            withheld,
            next_cursor: None,
        }));
    }
    let page = api.history().query(&request).await.map_err(|error| Problem::internal(&error))?;
    Ok(Json(HistoryPage {
        columns: page.columns.iter().map(column).collect(),
        rows: Rows(page.rows),
        withheld,
        next_cursor: page.next.map(|time| Cursor::new(time.0.to_string()).to_string()),
    }))
}

fn leaves_of(api: &Api, paths: &str) -> Result<Vec<Arc<Leaf>>, Problem> {
    let paths: Vec<&str> = paths.split(',').map(str::trim).filter(|path| !path.is_empty()).collect();
    if paths.is_empty() || paths.len() > SIGNALS_MAX {
        return Err(Problem::at("signals", format!("give 1 to {SIGNALS_MAX} paths, separated by commas")));
    }
    let mut leaves: Vec<Arc<Leaf>> = Vec::with_capacity(paths.len());
    let mut wrong = Vec::new();
    for path in paths {
        match api.catalogues().leaf_by_path(path) {
            Ok(leaf) if leaves.iter().any(|known| known.id == leaf.id) => {}
            Ok(leaf) => leaves.push(leaf),
            Err(error) => {
                wrong.push(PlaceError::new("signals", error.to_string()));
            }
        }
    }
    if wrong.is_empty() { Ok(leaves) } else { Err(Problem::places(wrong)) }
}

fn reduce_of(interval: Option<&str>, reduce: Option<&str>) -> Result<owner::Reduce, Problem> {
    let Some(interval) = interval else {
        return match reduce {
            None => Ok(owner::Reduce::Raw),
            Some(_) => Err(Problem::at("interval", "to reduce, give an interval such as PT10S")),
        };
    };
    let wrong =
        || Problem::at("interval", "must be a duration such as PT10S or 10s, from a millisecond to a year");
    let interval: SignedDuration = interval.parse().map_err(|_| wrong())?;
    let micros = i64::try_from(interval.as_micros()).map(Micros).map_err(|_| wrong())?;
    if !(INTERVAL_MIN..=Micros(366 * Micros::DAY.0)).contains(&micros) {
        return Err(wrong());
    }
    let mut reductions = BTreeSet::new();
    for name in reduce.unwrap_or("mean").split(',').map(str::trim) {
        let found = Reduction::ALL.into_iter().find(|reduction| reduction.slug() == name);
        let found = found.ok_or_else(|| Problem::at("reduce", "must list min, max, mean or last"))?;
        reductions.insert(found);
    }
    Ok(owner::Reduce::Every { interval: micros, reductions: reductions.into_iter().collect() })
}

fn after(cursor: &str) -> Result<Timestamp, Problem> {
    let cursor: Cursor = cursor.parse()?;
    cursor.key().parse().map(Timestamp).map_err(|_| store::Error::Cursor.into())
}

fn column(column: &owner::HistoryColumn) -> HistoryColumn {
    HistoryColumn {
        path: column.leaf.path.to_string(),
        unit: column.leaf.unit.as_deref().map(str::to_owned),
        reduce: column.reduction.map(|reduction| match reduction {
            Reduction::Min => Reduce::Min,
            Reduction::Max => Reduce::Max,
            Reduction::Mean => Reduce::Mean,
            Reduction::Last => Reduce::Last,
        }),
    }
}
