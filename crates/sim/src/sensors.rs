//! Which signal says what of a car: one row a sensor.

use std::sync::LazyLock;

use signals::{Catalogue, SignalId, Value};

use crate::{
    car::State,
    driver::{Indicate, Phase},
    powertrain::Powertrain,
};

/// What a car must have for a sensor to be in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Needs {
    Nothing,
    Engine,
    Battery,
    Charger,
}

/// One sensor: its signal, and how it reads a car.
#[derive(Debug)]
pub(crate) struct Sensor {
    id: SignalId,
    needs: Needs,
    read: fn(&State) -> Value,
}

impl Sensor {
    pub(crate) fn id(&self) -> SignalId {
        self.id
    }

    pub(crate) fn fits(&self, powertrain: &Powertrain) -> bool {
        match self.needs {
            Needs::Nothing => true,
            Needs::Engine => powertrain.kind.has_engine(),
            Needs::Battery => powertrain.kind.has_traction_battery(),
            Needs::Charger => powertrain.kind.can_charge(),
        }
    }

    pub(crate) fn read(&self, state: &State) -> Option<Value> {
        Some((self.read)(state))
    }
}

/// All sensors, by signal.
pub(crate) fn all() -> &'static [Sensor] {
    &SENSORS
}

static SENSORS: LazyLock<Vec<Sensor>> = LazyLock::new(|| {
    let catalogue = Catalogue::core();
    let sensor = |(path, needs, read): &(&str, Needs, fn(&State) -> Value)| {
        let leaf = catalogue.by_path(path).expect("the crate's tests check each path");
        Sensor { id: leaf.id, needs: *needs, read: *read }
    };
    let tables = [DRIVING, POWERTRAIN, ENERGY, BODY, CABIN, PLACE];
    let mut sensors: Vec<_> = tables.into_iter().flatten().map(sensor).collect();
    sensors.sort_by_key(|sensor| sensor.id);
    sensors
});

type Row = (&'static str, Needs, fn(&State) -> Value);

fn float(number: f64) -> Value {
    Value::Float(number)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "casts of floats saturate")]
fn uint(number: f64) -> Value {
    Value::Uint(number.max(0.0).round() as u64)
}

#[expect(clippy::cast_possible_truncation, reason = "casts of floats saturate")]
fn int(number: f64) -> Value {
    Value::Int(number.round() as i64)
}

fn text(text: &'static str) -> Value {
    // Profiles intern what they decode; here a short text is copied once a step.
    Value::from(text)
}

use Needs::{Battery, Charger, Engine, Nothing};

const DRIVING: &[Row] = &[
    ("Vehicle.Speed", Nothing, |s| float(s.speed_kmh)),
    ("Vehicle.IsMoving", Nothing, |s| Value::Bool(s.speed_kmh > 0.3)),
    ("Vehicle.Acceleration.Longitudinal", Nothing, |s| float(s.acceleration)),
    ("Vehicle.Acceleration.Lateral", Nothing, |s| float(s.lateral)),
    ("Vehicle.AngularVelocity.Yaw", Nothing, |s| float(s.yaw_deg_s)),
    ("Vehicle.Chassis.SteeringWheel.Angle", Nothing, |s| int(s.steering_deg)),
    ("Vehicle.Chassis.SteeringWheel.AngleFine", Nothing, |s| float(s.steering_deg)),
    ("Vehicle.Chassis.SteeringWheel.AngleSpeed", Nothing, |s| float(s.steering_deg_s)),
    ("Vehicle.Chassis.Accelerator.PedalPosition", Nothing, |s| uint(s.pedal_percent)),
    ("Vehicle.Chassis.Accelerator.PedalPositionFine", Nothing, |s| float(s.pedal_percent)),
    ("Vehicle.Chassis.Brake.PedalPosition", Nothing, |s| uint(s.brake_percent)),
    ("Vehicle.Chassis.Brake.IsPedalPressed", Nothing, |s| Value::Bool(s.brake_percent > 1.0)),
    ("Vehicle.Chassis.ParkingBrake.IsEngaged", Nothing, |s| Value::Bool(!s.on)),
    ("Vehicle.Chassis.Axle.Row1.Wheel.Left.Speed", Nothing, |s| float(s.wheels_kmh[0])),
    ("Vehicle.Chassis.Axle.Row1.Wheel.Right.Speed", Nothing, |s| float(s.wheels_kmh[1])),
    ("Vehicle.Chassis.Axle.Row2.Wheel.Left.Speed", Nothing, |s| float(s.wheels_kmh[2])),
    ("Vehicle.Chassis.Axle.Row2.Wheel.Right.Speed", Nothing, |s| float(s.wheels_kmh[3])),
    ("Vehicle.ADAS.CruiseControl.IsEnabled", Nothing, |s| Value::Bool(s.on)),
    ("Vehicle.ADAS.CruiseControl.IsActive", Nothing, |s| Value::Bool(s.cruise)),
    ("Vehicle.ADAS.CruiseControl.SpeedSet", Nothing, |s| float(s.cruise_kmh)),
    ("Vehicle.ADAS.ABS.IsEngaged", Nothing, |s| Value::Bool(s.acceleration < -6.0)),
    ("Vehicle.ADAS.ESC.IsEngaged", Nothing, |s| Value::Bool(s.lateral.abs() > 7.0)),
    ("Vehicle.ADAS.TCS.IsEngaged", Nothing, |s| Value::Bool(s.acceleration > 6.0)),
    ("Vehicle.TraveledDistance", Nothing, |s| uint(s.odometer_m)),
    ("Vehicle.TraveledDistanceSinceStart", Nothing, |s| uint(s.trip_m)),
];

const POWERTRAIN: &[Row] = &[
    ("Vehicle.LowVoltageSystemState", Nothing, |s| text(if s.on { "ON" } else { "OFF" })),
    ("Vehicle.LowVoltageBattery.CurrentVoltage", Nothing, |s| float(s.body.low_voltage_v)),
    ("Vehicle.Powertrain.Transmission.GearLever", Nothing, |s| text(if s.on { "DRIVE" } else { "PARK" })),
    ("Vehicle.Powertrain.Transmission.CurrentGear", Nothing, |s| int(f64::from(s.powertrain.output.gear))),
    ("Vehicle.Powertrain.Transmission.SelectedGear", Nothing, |s| int(if s.on { 127.0 } else { 126.0 })),
    ("Vehicle.Powertrain.Transmission.Temperature", Engine, |s| float(s.powertrain.oil_c - 5.0)),
    ("Vehicle.Powertrain.CombustionEngine.Speed", Engine, |s| float(s.powertrain.output.engine_rpm)),
    ("Vehicle.Powertrain.CombustionEngine.TorqueFine", Engine, |s| float(s.powertrain.output.engine_nm)),
    ("Vehicle.Powertrain.CombustionEngine.IsRunning", Engine, |s| Value::Bool(s.powertrain.output.engine_on)),
    ("Vehicle.Powertrain.CombustionEngine.EngineCoolant.Temperature", Engine, |s| {
        float(s.powertrain.coolant_c)
    }),
    ("Vehicle.Powertrain.CombustionEngine.EngineOil.Temperature", Engine, |s| float(s.powertrain.oil_c)),
    ("Vehicle.OBD.EngineLoad", Engine, |s| {
        float(if s.powertrain.output.engine_on { s.pedal_percent } else { 0.0 })
    }),
    ("Vehicle.Powertrain.FuelSystem.RelativeLevel", Engine, |s| uint(s.powertrain.fuel_percent())),
    ("Vehicle.Powertrain.FuelSystem.RelativeLevelFine", Engine, |s| float(s.powertrain.fuel_percent())),
    ("Vehicle.Powertrain.FuelSystem.AbsoluteLevel", Engine, |s| float(s.powertrain.fuel_l)),
    ("Vehicle.Powertrain.FuelSystem.IsFuelLevelLow", Engine, |s| {
        Value::Bool(s.powertrain.fuel_percent() < 12.0)
    }),
    ("Vehicle.Powertrain.FuelSystem.InstantConsumption", Engine, |s| {
        // Litres an hour make no sense for a car that hardly moves; 30 is where displays end.
        float((s.powertrain.output.fuel_l_h / s.speed_kmh.max(3.0) * 100.0).min(30.0))
    }),
    ("Vehicle.Powertrain.FuelSystem.Range", Engine, |s| uint(s.powertrain.range_km().0 * 1_000.0)),
    ("Vehicle.Powertrain.Range", Nothing, |s| {
        let (fuel, electric) = s.powertrain.range_km();
        uint((fuel + electric) * 1_000.0)
    }),
    ("Vehicle.Powertrain.ElectricMotor.Speed", Battery, |s| float(s.powertrain.output.motor_rpm)),
    ("Vehicle.Powertrain.ElectricMotor.TorqueFine", Battery, |s| float(s.powertrain.output.motor_nm)),
    ("Vehicle.Powertrain.ElectricMotor.PowerFine", Battery, |s| {
        float(s.powertrain.output.motor_nm * s.powertrain.output.motor_rpm / 9_549.3)
    }),
    ("Vehicle.Powertrain.ElectricMotor.Temperature", Battery, |s| float(s.powertrain.motor_c)),
];

const ENERGY: &[Row] = &[
    ("Vehicle.Powertrain.TractionBattery.StateOfCharge.Current", Battery, |s| {
        float(s.powertrain.charge_percent)
    }),
    ("Vehicle.Powertrain.TractionBattery.StateOfCharge.Displayed", Battery, |s| {
        float(s.powertrain.charge_percent.round())
    }),
    ("Vehicle.Powertrain.TractionBattery.StateOfCharge.CurrentEnergy", Battery, |s| {
        float(s.powertrain.energy_kwh())
    }),
    ("Vehicle.Powertrain.TractionBattery.StateOfHealth", Battery, |s| float(s.powertrain.health_percent)),
    ("Vehicle.Powertrain.TractionBattery.Temperature.Average", Battery, |s| float(s.powertrain.battery_c)),
    ("Vehicle.Powertrain.TractionBattery.CurrentVoltage", Battery, |s| float(s.powertrain.output.battery_v)),
    ("Vehicle.Powertrain.TractionBattery.CurrentCurrent", Battery, |s| float(amperes(s))),
    ("Vehicle.Powertrain.TractionBattery.CurrentPower", Battery, |s| {
        float(s.powertrain.output.battery_w.round())
    }),
    ("Vehicle.Powertrain.TractionBattery.Range", Charger, |s| uint(s.powertrain.range_km().1 * 1_000.0)),
    ("Vehicle.Powertrain.TractionBattery.Charging.IsCharging", Charger, |s| {
        Value::Bool(charging_kw(s) > 0.1)
    }),
    (
        "Vehicle.Powertrain.TractionBattery.Charging.ChargingPort.AnyPosition.IsChargingCableConnected",
        Charger,
        |s| Value::Bool(on_the_cable(s)),
    ),
    ("Vehicle.Powertrain.TractionBattery.Charging.Power", Charger, |s| float(charging_kw(s))),
    ("Vehicle.Powertrain.TractionBattery.Charging.ChargeLimit", Charger, |s| {
        uint(s.powertrain.charge_limit_percent)
    }),
    ("Vehicle.Powertrain.TractionBattery.Charging.ChargeRate", Charger, |s| float(charging_kw(s) / 0.165)),
    ("Vehicle.Powertrain.TractionBattery.Charging.TimeToComplete", Charger, |s| uint(time_to_full_s(s))),
    ("Vehicle.Powertrain.TractionBattery.Charging.ConnectionType", Charger, |s| {
        text(match (on_the_cable(s), s.powertrain.charger_kw > 22.0) {
            (false, _) => "NONE",
            (true, false) => "AC",
            (true, true) => "DC",
        })
    }),
];

const BODY: &[Row] = &[
    ("Vehicle.Cabin.Door.Row1.DriverSide.IsOpen", Nothing, |s| Value::Bool(s.body.doors_open[0])),
    ("Vehicle.Cabin.Door.Row1.PassengerSide.IsOpen", Nothing, |s| Value::Bool(s.body.doors_open[1])),
    ("Vehicle.Cabin.Door.Row2.DriverSide.IsOpen", Nothing, |s| Value::Bool(s.body.doors_open[2])),
    ("Vehicle.Cabin.Door.Row2.PassengerSide.IsOpen", Nothing, |s| Value::Bool(s.body.doors_open[3])),
    ("Vehicle.Cabin.Door.Row1.DriverSide.IsLocked", Nothing, |s| Value::Bool(s.body.locked)),
    ("Vehicle.Cabin.Door.Row1.PassengerSide.IsLocked", Nothing, |s| Value::Bool(s.body.locked)),
    ("Vehicle.Cabin.Door.Row2.DriverSide.IsLocked", Nothing, |s| Value::Bool(s.body.locked)),
    ("Vehicle.Cabin.Door.Row2.PassengerSide.IsLocked", Nothing, |s| Value::Bool(s.body.locked)),
    ("Vehicle.Body.Trunk.Rear.IsOpen", Nothing, |s| Value::Bool(s.body.trunk_open)),
    ("Vehicle.Body.Trunk.Rear.IsLocked", Nothing, |s| Value::Bool(s.body.locked)),
    ("Vehicle.Body.Hood.IsOpen", Nothing, |_| Value::Bool(false)),
    ("Vehicle.Body.Lights.Beam.Low.IsOn", Nothing, |s| Value::Bool(s.on && s.body.dark)),
    ("Vehicle.Body.Lights.Beam.High.IsOn", Nothing, |_| Value::Bool(false)),
    ("Vehicle.Body.Lights.Parking.IsOn", Nothing, |s| Value::Bool(s.on && s.body.dark)),
    ("Vehicle.Body.Lights.Running.IsOn", Nothing, |s| Value::Bool(s.on && !s.body.dark)),
    ("Vehicle.Body.Lights.Fog.Front.IsOn", Nothing, |_| Value::Bool(false)),
    ("Vehicle.Body.Lights.Fog.Rear.IsOn", Nothing, |_| Value::Bool(false)),
    ("Vehicle.Body.Lights.Backup.IsOn", Nothing, |_| Value::Bool(false)),
    ("Vehicle.Body.Lights.Hazard.IsSignaling", Nothing, |s| Value::Bool(s.body.hazard)),
    ("Vehicle.Body.Lights.DirectionIndicator.Left.IsSignaling", Nothing, |s| {
        Value::Bool(s.body.hazard || s.body.indicate == Indicate::Left)
    }),
    ("Vehicle.Body.Lights.DirectionIndicator.Right.IsSignaling", Nothing, |s| {
        Value::Bool(s.body.hazard || s.body.indicate == Indicate::Right)
    }),
    ("Vehicle.Body.Lights.Brake.IsActive", Nothing, |s| {
        text(if s.brake_percent > 1.0 { "ACTIVE" } else { "INACTIVE" })
    }),
    ("Vehicle.Body.Windshield.Front.Wiping.Mode", Nothing, |s| {
        text(if s.body.wiping { "SLOW" } else { "OFF" })
    }),
    ("Vehicle.Chassis.Axle.Row1.Wheel.Left.Tire.Pressure", Nothing, |s| uint(s.body.tyre_kpa[0])),
    ("Vehicle.Chassis.Axle.Row1.Wheel.Right.Tire.Pressure", Nothing, |s| uint(s.body.tyre_kpa[1])),
    ("Vehicle.Chassis.Axle.Row2.Wheel.Left.Tire.Pressure", Nothing, |s| uint(s.body.tyre_kpa[2])),
    ("Vehicle.Chassis.Axle.Row2.Wheel.Right.Tire.Pressure", Nothing, |s| uint(s.body.tyre_kpa[3])),
    ("Vehicle.Chassis.Axle.Row1.Wheel.Left.Tire.PressureFine", Nothing, |s| float(s.body.tyre_kpa[0])),
    ("Vehicle.Chassis.Axle.Row1.Wheel.Right.Tire.PressureFine", Nothing, |s| float(s.body.tyre_kpa[1])),
    ("Vehicle.Chassis.Axle.Row2.Wheel.Left.Tire.PressureFine", Nothing, |s| float(s.body.tyre_kpa[2])),
    ("Vehicle.Chassis.Axle.Row2.Wheel.Right.Tire.PressureFine", Nothing, |s| float(s.body.tyre_kpa[3])),
    ("Vehicle.Chassis.Axle.Row1.Wheel.Left.Tire.Temperature", Nothing, |s| float(s.body.tyre_c[0])),
    ("Vehicle.Chassis.Axle.Row1.Wheel.Right.Tire.Temperature", Nothing, |s| float(s.body.tyre_c[1])),
    ("Vehicle.Chassis.Axle.Row2.Wheel.Left.Tire.Temperature", Nothing, |s| float(s.body.tyre_c[2])),
    ("Vehicle.Chassis.Axle.Row2.Wheel.Right.Tire.Temperature", Nothing, |s| float(s.body.tyre_c[3])),
    ("Vehicle.Service.DistanceToService", Nothing, |s| float(s.body.service_km)),
    ("Vehicle.Diagnostics.DTCCount", Nothing, |s| uint(f64::from(s.body.trouble_codes))),
    ("Vehicle.Diagnostics.IsMILOn", Nothing, |s| Value::Bool(s.body.trouble_codes > 0)),
];

const CABIN: &[Row] = &[
    ("Vehicle.Cabin.HVAC.Station.Row1.Driver.Temperature", Nothing, |s| float(s.body.setpoint_c)),
    ("Vehicle.Cabin.HVAC.Station.Row1.Passenger.Temperature", Nothing, |s| float(s.body.setpoint_c)),
    ("Vehicle.Cabin.HVAC.Station.Row1.Driver.FanSpeed", Nothing, |s| uint(s.body.fan_percent)),
    ("Vehicle.Cabin.HVAC.IsAirConditioningActive", Nothing, |s| Value::Bool(s.body.cooling)),
    ("Vehicle.Cabin.HVAC.IsRecirculationActive", Nothing, |_| Value::Bool(false)),
    ("Vehicle.Cabin.HVAC.IsFrontDefrosterActive", Nothing, |s| {
        Value::Bool(s.on && s.weather.ambient_c < 2.0)
    }),
    ("Vehicle.Cabin.HVAC.IsRearDefrosterActive", Nothing, |s| Value::Bool(s.on && s.weather.ambient_c < 4.0)),
    ("Vehicle.Cabin.HVAC.AmbientAirTemperature", Nothing, |s| float(s.body.cabin_c)),
    ("Vehicle.Exterior.AirTemperature", Nothing, |s| float(s.weather.ambient_c)),
    ("Vehicle.Cabin.Infotainment.Media.Volume", Nothing, |s| uint(s.body.volume_percent)),
    ("Vehicle.Cabin.Infotainment.Media.Played.Source", Nothing, |s| text(s.body.source)),
    ("Vehicle.Cabin.Seat.Row1.DriverSide.IsBelted", Nothing, |s| Value::Bool(s.body.belted[0])),
    ("Vehicle.Cabin.Seat.Row1.PassengerSide.IsBelted", Nothing, |s| Value::Bool(s.body.belted[1])),
];

const PLACE: &[Row] = &[
    ("Vehicle.CurrentLocation.Latitude", Nothing, |s| float(s.position.place.latitude)),
    ("Vehicle.CurrentLocation.Longitude", Nothing, |s| float(s.position.place.longitude)),
    ("Vehicle.CurrentLocation.Altitude", Nothing, |s| float(s.position.altitude_m)),
    ("Vehicle.CurrentLocation.Heading", Nothing, |s| float(s.position.heading_deg)),
    ("Vehicle.CurrentLocation.HorizontalAccuracy", Nothing, |s| float(s.accuracy_m)),
    ("Vehicle.CurrentLocation.VerticalAccuracy", Nothing, |s| float(s.accuracy_m * 1.6)),
    ("Vehicle.CurrentLocation.GNSSReceiver.FixType", Nothing, |_| text("THREE_D")),
];

fn amperes(state: &State) -> f64 {
    let output = state.powertrain.output;
    if output.battery_v > 1.0 { output.battery_w / output.battery_v } else { 0.0 }
}

fn on_the_cable(state: &State) -> bool {
    matches!(state.phase, Phase::Charging { .. })
}

fn charging_kw(state: &State) -> f64 {
    if on_the_cable(state) { state.powertrain.output.battery_w / 1_000.0 } else { 0.0 }
}

fn time_to_full_s(state: &State) -> f64 {
    let power_kw = charging_kw(state);
    let powertrain = &state.powertrain;
    if power_kw < 0.1 || powertrain.charge_percent < 0.1 {
        return 0.0;
    }
    let missing = (powertrain.charge_limit_percent - powertrain.charge_percent).max(0.0);
    missing / powertrain.charge_percent * powertrain.energy_kwh() / power_kw * 3_600.0
}
