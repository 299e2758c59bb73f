//! What a leaf outside of the registry takes: its id, category and scale.

use model::DataCategory;

use crate::{DataType, ScalarType, Scale, SignalId};

impl SignalId {
    /// Ids from here on are hashed from the path; below, they are registered.
    pub const HASHED_MIN: u32 = 1 << 31;

    /// The id of a path that is not registered: the upper half of its 64-bit FNV-1a hash with the
    /// top bit set.
    pub fn hashed(path: &str) -> Self {
        let upper =
            u32::try_from(model::fnv1a(path.as_bytes()) >> 32).expect("the upper half of 64 bits fits 32");
        Self(upper | Self::HASHED_MIN)
    }

    pub const fn is_registered(self) -> bool {
        self.0 < Self::HASHED_MIN
    }
}

/// The category of a path: by a word in it that tells of people or places, else that of the longest
/// prefix below. What nothing names, such as a maker's own branch, is `location`: it is off until
/// someone turns it on, and the driver's mode can keep it in the car.
pub(crate) fn category_of(path: &str) -> DataCategory {
    let relative = path.split_once('.').map_or(path, |(_, rest)| rest);
    let has = |words: &[&str]| relative.split('.').any(|word| words.contains(&word));
    if has(&["Identifier", "Occupant"]) {
        return DataCategory::Identity;
    }
    if has(&["Latitude", "Longitude", "Altitude", "Heading"]) {
        return DataCategory::Location;
    }
    CATEGORIES
        .iter()
        .filter(|(prefix, _)| {
            relative.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        })
        .max_by_key(|(prefix, _)| prefix.len())
        .map_or(DataCategory::Location, |(_, category)| *category)
}

/// The decimal scale of a unit and type: about the resolution of the sensors that measure it.
pub(crate) fn scale_of(data_type: DataType, unit: Option<&str>) -> Scale {
    let (DataType::Scalar(scalar) | DataType::Array(scalar)) = data_type;
    if !matches!(scalar, ScalarType::Float | ScalarType::Double) {
        return Scale::ZERO;
    }
    let double = scalar == ScalarType::Double;
    let digits = match unit.unwrap_or_default() {
        // A centimetre on the ground.
        "degrees" if double => 7,
        "V" | "rad" | "rad/s" | "ratio" | "m/s^2" | "kWh" | "bar" | "inch" => 3,
        "Celsius" | "celsius" | "kPa" | "hPa" | "Pa" | "W" | "N" | "mm" | "s" | "km/l" | "mm/h" | "cm^3" => 1,
        "rpm" => 1,
        "ms" => 0,
        "" => 4,
        _ => 2,
    };
    Scale::new(digits).expect("the digits above are at most 17")
}

/// Paths below the root, without it.
const CATEGORIES: &[(&str, DataCategory)] = &[
    ("ADAS", DataCategory::Assistance),
    ("Acceleration", DataCategory::Driving),
    ("AngularVelocity", DataCategory::Driving),
    ("AverageSpeed", DataCategory::Driving),
    ("Body", DataCategory::Body),
    ("Cabin", DataCategory::Cabin),
    ("Cabin.Convertible", DataCategory::Body),
    ("Cabin.Door", DataCategory::Body),
    ("Cabin.DoorCount", DataCategory::Equipment),
    ("Cabin.Infotainment", DataCategory::Media),
    ("Cabin.Infotainment.Navigation", DataCategory::Location),
    ("Cabin.IsWindowChildLockEngaged", DataCategory::Body),
    ("Cabin.SeatPosCount", DataCategory::Equipment),
    ("Cabin.SeatRowCount", DataCategory::Equipment),
    ("Cabin.Sunroof", DataCategory::Body),
    ("CargoVolume", DataCategory::Equipment),
    ("Chassis", DataCategory::Driving),
    ("Chassis.Axle", DataCategory::Equipment),
    ("Chassis.Axle.Row1.SteeringAngle", DataCategory::Driving),
    ("Chassis.Axle.Row2.SteeringAngle", DataCategory::Driving),
    ("Chassis.Axle.Row1.Torque", DataCategory::Driving),
    ("Chassis.Axle.Row2.Torque", DataCategory::Driving),
    ("Chassis.Axle.Row1.Wheel", DataCategory::Driving),
    ("Chassis.Axle.Row2.Wheel", DataCategory::Driving),
    ("Chassis.Axle.Row1.Wheel.Left.Brake", DataCategory::Diagnostics),
    ("Chassis.Axle.Row1.Wheel.Right.Brake", DataCategory::Diagnostics),
    ("Chassis.Axle.Row2.Wheel.Left.Brake", DataCategory::Diagnostics),
    ("Chassis.Axle.Row2.Wheel.Right.Brake", DataCategory::Diagnostics),
    ("Chassis.Axle.Row1.Wheel.Left.Tire", DataCategory::Tyres),
    ("Chassis.Axle.Row1.Wheel.Right.Tire", DataCategory::Tyres),
    ("Chassis.Axle.Row2.Wheel.Left.Tire", DataCategory::Tyres),
    ("Chassis.Axle.Row2.Wheel.Right.Tire", DataCategory::Tyres),
    ("Chassis.AxleCount", DataCategory::Equipment),
    ("Chassis.SteeringWheel.Extension", DataCategory::Cabin),
    ("Chassis.SteeringWheel.HeatingCooling", DataCategory::Cabin),
    ("Chassis.SteeringWheel.Tilt", DataCategory::Cabin),
    ("Chassis.Wheelbase", DataCategory::Equipment),
    ("Connectivity", DataCategory::Equipment),
    ("ControlUnit", DataCategory::Diagnostics),
    ("CurbWeight", DataCategory::Equipment),
    ("CurrentLocation", DataCategory::Location),
    ("CurrentOverallWeight", DataCategory::Driving),
    ("Diagnostics", DataCategory::Diagnostics),
    ("Driver", DataCategory::Identity),
    ("EmissionsCO2", DataCategory::Equipment),
    ("Exterior", DataCategory::Driving),
    ("GrossWeight", DataCategory::Equipment),
    ("Height", DataCategory::Equipment),
    ("IsAutoPowerOptimize", DataCategory::Equipment),
    ("IsBrokenDown", DataCategory::Diagnostics),
    ("IsMoving", DataCategory::Driving),
    ("Length", DataCategory::Equipment),
    ("LowVoltageBattery", DataCategory::Diagnostics),
    ("LowVoltageSystemState", DataCategory::Driving),
    ("MaxTowBallWeight", DataCategory::Equipment),
    ("MaxTowWeight", DataCategory::Equipment),
    ("MotionManagement", DataCategory::Driving),
    ("OBD", DataCategory::Diagnostics),
    ("Occupant", DataCategory::Identity),
    ("Orientation", DataCategory::Location),
    ("PowerOptimizeLevel", DataCategory::Equipment),
    ("Powertrain", DataCategory::Driving),
    ("Powertrain.AccumulatedBrakingEnergy", DataCategory::Charging),
    ("Powertrain.CombustionEngine", DataCategory::Diagnostics),
    ("Powertrain.CombustionEngine.IsRunning", DataCategory::Driving),
    ("Powertrain.CombustionEngine.Power", DataCategory::Driving),
    ("Powertrain.CombustionEngine.Speed", DataCategory::Driving),
    ("Powertrain.CombustionEngine.TPS", DataCategory::Driving),
    ("Powertrain.CombustionEngine.Torque", DataCategory::Driving),
    ("Powertrain.ElectricMotor", DataCategory::Diagnostics),
    ("Powertrain.ElectricMotor.Power", DataCategory::Driving),
    ("Powertrain.ElectricMotor.Speed", DataCategory::Driving),
    ("Powertrain.ElectricMotor.Torque", DataCategory::Driving),
    ("Powertrain.FuelSystem", DataCategory::Driving),
    ("Powertrain.FuelSystem.HybridType", DataCategory::Equipment),
    ("Powertrain.FuelSystem.RefuelPortPosition", DataCategory::Equipment),
    ("Powertrain.FuelSystem.SupportedFuel", DataCategory::Equipment),
    ("Powertrain.FuelSystem.SupportedFuelTypes", DataCategory::Equipment),
    ("Powertrain.FuelSystem.TankCapacity", DataCategory::Equipment),
    ("Powertrain.RangeExtender", DataCategory::Charging),
    ("Powertrain.TractionBattery", DataCategory::Charging),
    ("Powertrain.TractionBattery.Charging.EvseId", DataCategory::Location),
    ("Powertrain.TractionBattery.Charging.Location", DataCategory::Location),
    ("Powertrain.Transmission.ClutchWear", DataCategory::Diagnostics),
    ("Powertrain.Transmission.DriveType", DataCategory::Equipment),
    ("Powertrain.Transmission.GearCount", DataCategory::Equipment),
    ("Powertrain.Transmission.Temperature", DataCategory::Diagnostics),
    ("Powertrain.Transmission.Type", DataCategory::Equipment),
    ("Powertrain.Type", DataCategory::Equipment),
    ("RoofLoad", DataCategory::Equipment),
    ("Safety", DataCategory::Assistance),
    ("Service", DataCategory::Diagnostics),
    ("Speed", DataCategory::Driving),
    ("StartTime", DataCategory::Driving),
    ("Trailer", DataCategory::Body),
    ("TraveledDistance", DataCategory::Driving),
    ("TraveledDistanceSinceStart", DataCategory::Driving),
    ("TripDuration", DataCategory::Driving),
    ("TripMeterReading", DataCategory::Driving),
    ("TurningDiameter", DataCategory::Equipment),
    ("VehicleIdentification", DataCategory::Equipment),
    ("VehicleIdentification.KnownVehicleDamages", DataCategory::Identity),
    ("VehicleIdentification.LicensePlate", DataCategory::Identity),
    ("VehicleIdentification.PurchaseDate", DataCategory::Identity),
    ("VehicleIdentification.VIN", DataCategory::Identity),
    ("VersionVSS", DataCategory::Equipment),
    ("Width", DataCategory::Equipment),
    ("WidthExcludingMirrors", DataCategory::Equipment),
    ("WidthFoldedMirrors", DataCategory::Equipment),
    ("WidthIncludingMirrors", DataCategory::Equipment),
];
