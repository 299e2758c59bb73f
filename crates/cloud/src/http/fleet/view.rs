//! The fleet as one picture, drawn at most once a second for all who look at the same brands for the same purpose.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use identity::Brands;
use model::{DataCategory, Micros, Purpose, Timestamp, VehicleId};
use signals::{Catalogue, Quality, SignalId, Value};
use tokio::sync::{OwnedMutexGuard, broadcast, watch};

use super::types::{
    ArchitectureCount, BrandCount, ConnectivityChange, FleetSummary, Position, RegionCount, StateCounts,
    VehicleState,
};
use crate::{
    http::Api,
    owner::Twin,
    presence::Change,
    registry::Car,
    words::{BrandSlug, RegionName, Time, VehicleIdHex},
};

/// How long a picture is good enough.
const AGE_MAX: Micros = Micros::SECOND;
const TICK: Duration = Duration::from_secs(1);
/// Rates are over the last seconds, so that they neither jump nor lag.
const RATE_SAMPLES: usize = 6;
/// Pictures that are kept: one for each purpose and set of brands that somebody may see.
const EASELS_MAX: usize = 256;
/// Cars looked at while the registry is held.
const STRIDE: usize = 1_024;
/// Slower is standing: sensors are noisy.
const STANDING_KMH: f64 = 1.0;

/// What a picture is drawn of, and for what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Scope {
    pub purpose: Purpose,
    pub brands: Brands,
}

/// The fleet at one time.
#[derive(Debug, Clone)]
pub(crate) struct Frame {
    /// Grows by one from frame to frame of a stream.
    pub number: u64,
    pub at: Timestamp,
    /// How often grants had changed before it was drawn.
    pub consent: u64,
    pub summary: FleetSummary,
    /// What each car does; sorted by vehicle.
    states: Vec<(VehicleId, VehicleState)>,
    /// Sorted by vehicle.
    pub positions: Vec<Position>,
    /// Positions that are not in the frame before as they are here.
    pub moved: Vec<Position>,
    /// Whether a position of the frame before is gone: then all have to be told anew.
    pub vanished: bool,
    pub connectivity: Vec<ConnectivityChange>,
}

/// Draws frames and keeps the newest of each scope.
#[derive(Debug)]
pub(crate) struct View {
    signals: Watched,
    easels: Mutex<HashMap<Scope, Arc<Easel>>>,
    streams: Mutex<HashMap<Scope, watch::Sender<Arc<Frame>>>>,
    rates: Mutex<VecDeque<Counted>>,
}

/// The newest frame of a scope. One draws at a time; whoever waits for it takes what was drawn.
type Easel = tokio::sync::Mutex<Option<Arc<Frame>>>;

/// The signals that the picture is drawn of.
#[derive(Debug)]
struct Watched {
    speed: Option<SignalId>,
    charging: Option<SignalId>,
    latitude: Option<SignalId>,
    longitude: Option<SignalId>,
    heading: Option<SignalId>,
}

#[derive(Debug, Clone, Copy)]
struct Counted {
    at: Timestamp,
    batches: u64,
    samples: u64,
}

impl View {
    pub(crate) fn new(catalogue: &Catalogue) -> Self {
        let id = |path: &str| catalogue.by_path(path).map(|leaf| leaf.id);
        Self {
            signals: Watched {
                speed: id("Vehicle.Speed"),
                charging: id("Vehicle.Powertrain.TractionBattery.Charging.IsCharging"),
                latitude: id("Vehicle.CurrentLocation.Latitude"),
                longitude: id("Vehicle.CurrentLocation.Longitude"),
                heading: id("Vehicle.CurrentLocation.Heading"),
            },
            easels: Mutex::default(),
            streams: Mutex::default(),
            rates: Mutex::default(),
        }
    }

    /// A picture that is at most a second old, and never older than the newest grant.
    pub(crate) async fn frame(&self, api: &Api, scope: Scope) -> Arc<Frame> {
        let newest = self.easel(scope).lock_owned().await;
        let young = newest.as_ref().filter(|frame| frame.is_young(api.now())).map(Arc::clone);
        match young {
            Some(frame) if frame.consent == api.registry().consent_changes() => frame,
            young => {
                draw(api.clone(), newest, move |api| {
                    let again = young.and_then(|frame| api.view().decide_again(api, scope, &frame));
                    again.unwrap_or_else(|| api.view().draw(api, scope, None, &[]))
                })
                .await
            }
        }
    }

    /// Pictures from now on, one a second while anybody looks.
    pub(crate) async fn subscribe(&self, api: &Api, scope: Scope) -> watch::Receiver<Arc<Frame>> {
        let first = self.frame(api, scope).await;
        let mut streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(stream) = streams.get(&scope) {
            return stream.subscribe();
        }
        let (sender, receiver) = watch::channel(first);
        streams.insert(scope, sender);
        tokio::spawn(follow(api.clone(), scope));
        receiver
    }

    fn easel(&self, scope: Scope) -> Arc<Easel> {
        let mut easels = self.easels.lock().unwrap_or_else(PoisonError::into_inner);
        if easels.len() >= EASELS_MAX && !easels.contains_key(&scope) {
            // Those that nobody draws on now can be set up again.
            easels.retain(|_, easel| Arc::strong_count(easel) > 1);
        }
        Arc::clone(easels.entry(scope).or_default())
    }

    /// The frame as the grants of now allow it: only cars whose grants have changed are looked at. `None` when
    /// too many have changed.
    fn decide_again(&self, api: &Api, scope: Scope, frame: &Frame) -> Option<Frame> {
        // Before the grants are read: what changes meanwhile is decided once more.
        let consent = api.registry().consent_changes();
        let changed = api.registry().consent_changed_since(frame.consent)?;
        let mut frame = frame.clone();
        frame.consent = consent;
        for vehicle in changed {
            let car = api.registry().car(vehicle).filter(|car| scope.brands.contains(car.brand));
            let Some(car) = car else { continue };
            let connected = api.presence().of(vehicle).connected_at.is_some();
            let (state, position) = self.look(api, &car, scope.purpose, connected);
            frame.put(vehicle, state, position);
        }
        Some(frame)
    }

    /// Counts for the rates; called once a second.
    pub(crate) fn count(&self, api: &Api) {
        let counts = api.twins().counts();
        let mut rates = self.rates.lock().unwrap_or_else(PoisonError::into_inner);
        rates.push_back(Counted { at: api.now(), batches: counts.batches, samples: counts.samples });
        while rates.len() > RATE_SAMPLES {
            rates.pop_front();
        }
    }

    fn draw(&self, api: &Api, scope: Scope, before: Option<&Frame>, changes: &[Change]) -> Frame {
        let consent = api.registry().consent_changes();
        let mut summary = self.count_registered(api, scope.brands);
        let (mut states, mut positions) = (Vec::new(), Vec::new());
        let mut after = None;
        loop {
            let cars = api.registry().cars_after(after, STRIDE);
            let Some(last) = cars.last() else { break };
            after = Some(last.vehicle);
            for car in cars.iter().filter(|car| scope.brands.contains(car.brand)) {
                let connected = api.presence().of(car.vehicle).connected_at.is_some();
                if connected {
                    count_connected(&mut summary, car);
                }
                let (state, position) = self.look(api, car, scope.purpose, connected);
                *count_of(&mut summary.by_state, state) += 1;
                states.push((car.vehicle, state));
                positions.extend(position);
            }
        }
        summary.by_region.iter_mut().for_each(|region| region.connected = summary.connected);
        let before_positions = before.map_or(&[][..], |before| &before.positions);
        let (moved, vanished) = differences(before_positions, &positions);
        let seen = |change: &&Change| {
            scope.brands == Brands::ALL
                || api.registry().car(change.vehicle).is_some_and(|car| scope.brands.contains(car.brand))
        };
        let change = |change: &Change| ConnectivityChange {
            vehicle_id: VehicleIdHex(change.vehicle),
            connected: change.connected,
            at: Time(change.at),
        };
        Frame {
            number: before.map_or(0, |before| before.number + 1),
            at: summary.at.0,
            consent,
            summary,
            states,
            positions,
            moved,
            vanished,
            connectivity: changes.iter().filter(seen).map(change).collect(),
        }
    }

    fn count_registered(&self, api: &Api, brands: Brands) -> FleetSummary {
        let rates = (brands == Brands::ALL).then(|| self.rates());
        let mut summary = FleetSummary {
            vehicles: 0,
            connected: 0,
            by_brand: Vec::new(),
            by_region: Vec::new(),
            by_architecture: Vec::new(),
            by_state: StateCounts::default(),
            samples_per_s: rates.map(|(samples, _)| samples),
            acks_per_s: rates.map(|(_, acks)| acks),
            at: Time(api.now()),
        };
        for count in api.registry().counts().into_iter().filter(|count| brands.contains(count.brand)) {
            summary.vehicles += count.vehicles;
            let brand = BrandSlug(count.brand);
            match summary.by_brand.last_mut() {
                Some(last) if last.brand == brand => last.vehicles += count.vehicles,
                Some(_) | None => {
                    summary.by_brand.push(BrandCount { brand, vehicles: count.vehicles, connected: 0 });
                }
            }
            let known =
                summary.by_architecture.iter_mut().find(|known| known.architecture == count.architecture);
            match known {
                Some(known) => known.vehicles += count.vehicles,
                None => summary.by_architecture.push(ArchitectureCount {
                    architecture: count.architecture,
                    vehicles: count.vehicles,
                    connected: 0,
                }),
            }
        }
        summary.by_architecture.sort_by(|a, b| a.architecture.cmp(&b.architecture));
        let region = RegionName(api.registry().region().clone());
        summary.by_region.push(RegionCount { region, vehicles: summary.vehicles, connected: 0 });
        summary
    }

    fn rates(&self) -> (f64, f64) {
        let rates = self.rates.lock().unwrap_or_else(PoisonError::into_inner);
        let (Some(first), Some(last)) = (rates.front(), rates.back()) else { return (0.0, 0.0) };
        let seconds = last.at.since(first.at).0 as f64 / 1e6;
        if seconds <= 0.0 {
            return (0.0, 0.0);
        }
        let rate = |from: u64, to: u64| to.saturating_sub(from) as f64 / seconds;
        (rate(first.samples, last.samples), rate(first.batches, last.batches))
    }

    /// What a car does and where it is or was last, as far as its owner granted that.
    fn look(
        &self,
        api: &Api,
        car: &Car,
        purpose: Purpose,
        connected: bool,
    ) -> (VehicleState, Option<Position>) {
        let allowed = |category| api.registry().decide(car, purpose, category).is_allowed();
        let (driving, charging, location) = (
            allowed(DataCategory::Driving),
            allowed(DataCategory::Charging),
            allowed(DataCategory::Location),
        );
        let read = |twin: &Twin| {
            let speed = if driving && connected { number(twin, self.signals.speed) } else { None };
            let plugged = if charging { number(twin, self.signals.charging) } else { None };
            let state = if connected { state_of(speed, plugged) } else { VehicleState::Offline };
            let position = if location { self.position(twin, car, speed, state) } else { None };
            (state, position)
        };
        let nothing = if connected { VehicleState::Unknown } else { VehicleState::Offline };
        api.twins().with(car.subject, read).unwrap_or((nothing, None))
    }

    fn position(&self, twin: &Twin, car: &Car, speed: Option<f64>, state: VehicleState) -> Option<Position> {
        let latitude = number(twin, self.signals.latitude)?;
        let longitude = number(twin, self.signals.longitude)?;
        let at = twin.get(self.signals.latitude?)?.source_time;
        Some(Position {
            vehicle_id: VehicleIdHex(car.vehicle),
            brand: BrandSlug(car.brand),
            model: car.model.to_string(),
            latitude,
            longitude,
            heading: number(twin, self.signals.heading),
            speed,
            state,
            at: Time(at),
        })
    }
}

/// What a car does, for lists.
pub(crate) fn state(api: &Api, car: &Car, purpose: Purpose) -> VehicleState {
    let connected = api.presence().of(car.vehicle).connected_at.is_some();
    api.view().look(api, car, purpose, connected).0
}

/// Where a car is or was last, as far as its owner granted that.
pub(crate) fn position(api: &Api, car: &Car, purpose: Purpose) -> Option<Position> {
    let connected = api.presence().of(car.vehicle).connected_at.is_some();
    api.view().look(api, car, purpose, connected).1
}

impl Frame {
    fn is_young(&self, now: Timestamp) -> bool {
        self.at <= now && now.since(self.at) < AGE_MAX
    }

    /// Replaces what is told of one car; where its position is gone, all have to be told anew.
    fn put(&mut self, vehicle: VehicleId, state: VehicleState, position: Option<Position>) {
        // A car that was registered since is in the next frame.
        if let Ok(index) = self.states.binary_search_by_key(&vehicle, |(known, _)| *known) {
            let before = std::mem::replace(&mut self.states[index].1, state);
            *count_of(&mut self.summary.by_state, before) -= 1;
            *count_of(&mut self.summary.by_state, state) += 1;
        }
        self.moved.retain(|moved| moved.vehicle_id.0 != vehicle);
        match (self.positions.binary_search_by_key(&vehicle, |known| known.vehicle_id.0), position) {
            (Ok(index), Some(position)) => self.positions[index] = position,
            (Ok(index), None) => {
                self.positions.remove(index);
                self.vanished = true;
            }
            (Err(index), Some(position)) => self.positions.insert(index, position),
            (Err(_), None) => {}
        }
    }
}

/// Draws on a thread that serves nobody else. It goes on when nobody waits for it any more, and keeps others from
/// beginning to draw the same.
async fn draw(
    api: Api,
    mut newest: OwnedMutexGuard<Option<Arc<Frame>>>,
    work: impl FnOnce(&Api) -> Frame + Send + 'static,
) -> Arc<Frame> {
    let work = move || {
        let frame = Arc::new(work(&api));
        *newest = Some(Arc::clone(&frame));
        frame
    };
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
}

fn count_connected(summary: &mut FleetSummary, car: &Car) {
    summary.connected += 1;
    let brand = BrandSlug(car.brand);
    if let Some(count) = summary.by_brand.iter_mut().find(|count| count.brand == brand) {
        count.connected += 1;
    }
    let mut architectures = summary.by_architecture.iter_mut();
    if let Some(count) = architectures.find(|count| *count.architecture == *car.architecture) {
        count.connected += 1;
    }
}

fn state_of(speed: Option<f64>, charging: Option<f64>) -> VehicleState {
    match (speed, charging) {
        (_, Some(charging)) if charging > 0.0 => VehicleState::Charging,
        (Some(speed), _) if speed.abs() >= STANDING_KMH => VehicleState::Moving,
        (Some(_), _) => VehicleState::Parked,
        (None, _) => VehicleState::Unknown,
    }
}

fn count_of(counts: &mut StateCounts, state: VehicleState) -> &mut u64 {
    match state {
        VehicleState::Moving => &mut counts.moving,
        VehicleState::Parked => &mut counts.parked,
        VehicleState::Charging => &mut counts.charging,
        VehicleState::Offline => &mut counts.offline,
        VehicleState::Unknown => &mut counts.unknown,
    }
}

/// The latest number that can be trusted.
fn number(twin: &Twin, signal: Option<SignalId>) -> Option<f64> {
    let latest = twin.get(signal?)?;
    match latest.quality {
        Quality::Good | Quality::Stale => latest.value.as_ref().and_then(Value::as_f64),
        Quality::OutOfRange | Quality::NotAvailable => None,
    }
}

/// Both sorted by vehicle: what is new or different, and whether anything is gone.
fn differences(before: &[Position], now: &[Position]) -> (Vec<Position>, bool) {
    let mut before = before.iter().peekable();
    let mut vanished = false;
    let mut moved = Vec::new();
    for position in now {
        while before.next_if(|known| known.vehicle_id < position.vehicle_id).is_some() {
            vanished = true;
        }
        match before.next_if(|known| known.vehicle_id == position.vehicle_id) {
            Some(known) if known == position => {}
            Some(_) | None => moved.push(position.clone()),
        }
    }
    (moved, vanished || before.next().is_some())
}

/// Draws a frame a second until nobody looks any more, or the platform stops.
async fn follow(api: Api, scope: Scope) {
    let mut changes = api.presence().subscribe();
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    tick.tick().await;
    loop {
        tokio::select! {
            _ = tick.tick() => {}
            () = api.stopping().cancelled() => return,
        }
        let view = api.view();
        let Some(before) = ({
            let mut streams = view.streams.lock().unwrap_or_else(PoisonError::into_inner);
            let watched = streams.get(&scope).is_some_and(|stream| stream.receiver_count() > 0);
            if !watched {
                streams.remove(&scope);
            }
            streams.get(&scope).map(|stream| Arc::clone(&stream.borrow()))
        }) else {
            return;
        };
        let newest = view.easel(scope).lock_owned().await;
        let changes = drain(&mut changes);
        let frame =
            draw(api.clone(), newest, move |api| api.view().draw(api, scope, Some(&before), &changes)).await;
        let streams = view.streams.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(stream) = streams.get(&scope) {
            stream.send_replace(frame);
        }
    }
}

/// What came and went since the last frame; of each car only the last change counts.
fn drain(changes: &mut broadcast::Receiver<Change>) -> Vec<Change> {
    let mut last = std::collections::BTreeMap::new();
    loop {
        match changes.try_recv() {
            Ok(change) => {
                last.insert(change.vehicle, change);
            }
            // Changes were lost; the summary still counts right.
            Err(broadcast::error::TryRecvError::Lagged(_)) => {}
            Err(broadcast::error::TryRecvError::Empty | broadcast::error::TryRecvError::Closed) => {
                return last.into_values().collect();
            }
        }
    }
}

#[cfg(test)]
mod tests;
