//! Decimal fixed point: how numbers travel and how they are stored.

use crate::Error;

/// A number times ten to its leaf's scale.
pub type Mantissa = i64;

/// The largest magnitude that a `DECIMAL(18, s)` column holds.
const MANTISSA_MAX: f64 = 999_999_999_999_999_999.0;

/// Digits after the decimal point, fixed for ever for each leaf: 0 to 17.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scale(u8);

impl Scale {
    pub const ZERO: Self = Self(0);

    pub fn new(digits: u8) -> Result<Self, Error> {
        if digits <= 17 { Ok(Self(digits)) } else { Err(Error::Scale { digits }) }
    }

    pub const fn digits(self) -> u8 {
        self.0
    }

    /// Ten to the scale; exact, since 10^17 < 2^63 and doubles hold 10^22 exactly.
    fn factor(self) -> f64 {
        10_f64.powi(i32::from(self.0))
    }

    /// Rounds half away from zero; `None` when the number does not fit 18 digits or is not finite.
    #[expect(clippy::cast_possible_truncation, reason = "the magnitude was compared with 10^18 before")]
    pub fn mantissa(self, number: f64) -> Option<Mantissa> {
        let scaled = (number * self.factor()).round();
        (scaled.abs() <= MANTISSA_MAX).then_some(scaled as i64)
    }

    /// The number nearest to the decimal.
    pub fn number(self, mantissa: Mantissa) -> f64 {
        mantissa as f64 / self.factor()
    }
}
