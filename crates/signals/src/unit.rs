//! Units as VSS names them, and conversion between those of one dimension.

use crate::Error;

/// What a unit measures. Only units of one dimension convert into each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dimension {
    Length,
    Speed,
    Acceleration,
    Angle,
    AngularSpeed,
    Time,
    Mass,
    Volume,
    VolumeFlow,
    MassFlow,
    Pressure,
    Temperature,
    Force,
    Torque,
    Energy,
    Power,
    Charge,
    Current,
    Voltage,
    Resistance,
    Ratio,
    Frequency,
    FuelPerDistance,
    DistancePerFuel,
    EnergyPerDistance,
    MassPerDistance,
}

/// A unit: `base = number * factor + offset`, where the base is the dimension's SI unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Unit {
    pub name: &'static str,
    pub dimension: Dimension,
    factor: f64,
    offset: f64,
}

/// Turns numbers of one unit into those of another: `number * factor + offset`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Conversion {
    pub factor: f64,
    pub offset: f64,
}

impl Unit {
    /// The unit of a VSS name (`km/h`), its older spelling (`celsius`) or a common symbol (`°C`).
    pub fn named(name: &str) -> Option<&'static Self> {
        let name = ALIASES.iter().find(|(alias, _)| *alias == name).map_or(name, |(_, unit)| unit);
        UNITS.iter().find(|unit| unit.name == name)
    }

    /// How numbers of `from` become numbers of `to`; worked out once, applied per sample.
    pub fn conversion(from: &str, to: &str) -> Result<Conversion, Error> {
        let find = |name: &str| Self::named(name).ok_or_else(|| Error::UnknownUnit { unit: name.to_owned() });
        let (source, target) = (find(from)?, find(to)?);
        if source.dimension != target.dimension {
            return Err(Error::UnitDimension { from: from.to_owned(), to: to.to_owned() });
        }
        if source.name == target.name {
            return Ok(Conversion::IDENTITY);
        }
        let factor = source.factor / target.factor;
        Ok(Conversion { factor, offset: (source.offset - target.offset) / target.factor })
    }

    /// One number from one unit to another.
    pub fn convert(from: &str, to: &str, number: f64) -> Result<f64, Error> {
        Ok(Self::conversion(from, to)?.apply(number))
    }
}

impl Conversion {
    pub const IDENTITY: Self = Self { factor: 1.0, offset: 0.0 };

    pub fn apply(self, number: f64) -> f64 {
        number * self.factor + self.offset
    }

    /// The way back.
    pub fn inverse(self) -> Self {
        Self { factor: 1.0 / self.factor, offset: -self.offset / self.factor }
    }
}

const ALIASES: &[(&str, &str)] = &[
    ("celsius", "Celsius"),
    ("°C", "Celsius"),
    ("degC", "Celsius"),
    ("°F", "Fahrenheit"),
    ("%", "percent"),
    ("degree", "degrees"),
    ("deg", "degrees"),
    ("°", "degrees"),
    ("deg/s", "degrees/s"),
    ("kph", "km/h"),
    ("mps", "m/s"),
    ("m/s2", "m/s^2"),
    ("cm3", "cm^3"),
    ("N.m", "Nm"),
    ("1/min", "rpm"),
    ("gram", "g"),
    ("L", "l"),
    ("sec", "s"),
    ("miles", "mile"),
    ("mi", "mile"),
];

const fn unit(name: &'static str, dimension: Dimension, factor: f64) -> Unit {
    Unit { name, dimension, factor, offset: 0.0 }
}

use std::f64::consts::PI;

const UNITS: &[Unit] = &[
    unit("mm", Dimension::Length, 0.001),
    unit("cm", Dimension::Length, 0.01),
    unit("m", Dimension::Length, 1.0),
    unit("km", Dimension::Length, 1_000.0),
    unit("inch", Dimension::Length, 0.0254),
    unit("mile", Dimension::Length, 1_609.344),
    unit("m/s", Dimension::Speed, 1.0),
    unit("km/h", Dimension::Speed, 1.0 / 3.6),
    unit("mph", Dimension::Speed, 0.447_04),
    unit("mm/h", Dimension::Speed, 0.001 / 3_600.0),
    unit("m/s^2", Dimension::Acceleration, 1.0),
    unit("cm/s^2", Dimension::Acceleration, 0.01),
    unit("g0", Dimension::Acceleration, 9.806_65),
    unit("degrees", Dimension::Angle, PI / 180.0),
    unit("rad", Dimension::Angle, 1.0),
    unit("degrees/s", Dimension::AngularSpeed, PI / 180.0),
    unit("rad/s", Dimension::AngularSpeed, 1.0),
    unit("rpm", Dimension::AngularSpeed, PI / 30.0),
    unit("us", Dimension::Time, 1e-6),
    unit("ms", Dimension::Time, 0.001),
    unit("s", Dimension::Time, 1.0),
    unit("min", Dimension::Time, 60.0),
    unit("h", Dimension::Time, 3_600.0),
    unit("days", Dimension::Time, 86_400.0),
    unit("g", Dimension::Mass, 0.001),
    unit("kg", Dimension::Mass, 1.0),
    unit("lbs", Dimension::Mass, 0.453_592_37),
    unit("ml", Dimension::Volume, 1e-6),
    unit("cm^3", Dimension::Volume, 1e-6),
    unit("l", Dimension::Volume, 0.001),
    unit("gal", Dimension::Volume, 0.003_785_411_784),
    unit("l/h", Dimension::VolumeFlow, 0.001 / 3_600.0),
    unit("ml/s", Dimension::VolumeFlow, 1e-6),
    unit("g/s", Dimension::MassFlow, 0.001),
    unit("kg/h", Dimension::MassFlow, 1.0 / 3_600.0),
    unit("Pa", Dimension::Pressure, 1.0),
    unit("hPa", Dimension::Pressure, 100.0),
    unit("mbar", Dimension::Pressure, 100.0),
    unit("kPa", Dimension::Pressure, 1_000.0),
    unit("bar", Dimension::Pressure, 100_000.0),
    unit("psi", Dimension::Pressure, 6_894.757_293_168),
    unit("K", Dimension::Temperature, 1.0),
    Unit { name: "Celsius", dimension: Dimension::Temperature, factor: 1.0, offset: 273.15 },
    Unit {
        name: "Fahrenheit",
        dimension: Dimension::Temperature,
        factor: 5.0 / 9.0,
        offset: 459.67 * 5.0 / 9.0,
    },
    unit("N", Dimension::Force, 1.0),
    unit("kN", Dimension::Force, 1_000.0),
    unit("Nm", Dimension::Torque, 1.0),
    unit("lbf.ft", Dimension::Torque, 1.355_817_948),
    unit("J", Dimension::Energy, 1.0),
    unit("Wh", Dimension::Energy, 3_600.0),
    unit("kWh", Dimension::Energy, 3_600_000.0),
    unit("W", Dimension::Power, 1.0),
    unit("kW", Dimension::Power, 1_000.0),
    unit("PS", Dimension::Power, 735.498_75),
    unit("Ah", Dimension::Charge, 3_600.0),
    unit("mA", Dimension::Current, 0.001),
    unit("A", Dimension::Current, 1.0),
    unit("mV", Dimension::Voltage, 0.001),
    unit("V", Dimension::Voltage, 1.0),
    unit("Ohm", Dimension::Resistance, 1.0),
    unit("kOhm", Dimension::Resistance, 1_000.0),
    unit("percent", Dimension::Ratio, 0.01),
    unit("ratio", Dimension::Ratio, 1.0),
    unit("Hz", Dimension::Frequency, 1.0),
    unit("cpm", Dimension::Frequency, 1.0 / 60.0),
    unit("bpm", Dimension::Frequency, 1.0 / 60.0),
    unit("l/100km", Dimension::FuelPerDistance, 1.0),
    unit("ml/100km", Dimension::FuelPerDistance, 0.001),
    unit("km/l", Dimension::DistancePerFuel, 1.0),
    unit("mpg", Dimension::DistancePerFuel, 0.425_143_707),
    unit("kWh/100km", Dimension::EnergyPerDistance, 1.0),
    unit("Wh/km", Dimension::EnergyPerDistance, 0.1),
    unit("g/km", Dimension::MassPerDistance, 1.0),
];

#[cfg(test)]
mod tests;
