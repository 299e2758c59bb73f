//! How a source signal of a frame is made from the values of leaves.

use signals::{Expr, Value, expr::Operand};

use super::route::{Route, Source, nearest_raw};
use crate::SignalCoding;

#[derive(Debug, Clone)]
pub(super) struct EncodeRule {
    pub source: Source,
    pub recipe: Recipe,
}

#[derive(Debug, Clone)]
pub(super) enum Recipe {
    /// The map read backwards.
    Inverse { route: usize, slot: usize },
    /// A physical value of the source signal from the values of leaves.
    /// An input that the catalogue does not have has no slot, and is null.
    Expression { expr: Expr, slots: Vec<Option<usize>> },
    /// Always the same physical value.
    Constant(f64),
}

impl EncodeRule {
    /// The leaves that it reads.
    pub(super) fn slots(&self) -> impl Iterator<Item = usize> {
        let (one, several) = match &self.recipe {
            Recipe::Inverse { slot, .. } => (Some(*slot), &[][..]),
            Recipe::Expression { slots, .. } => (None, &slots[..]),
            Recipe::Constant(_) => (None, &[][..]),
        };
        one.into_iter().chain(several.iter().copied().flatten())
    }

    /// The raw number, or `None` when its leaves have no value.
    pub(super) fn raw(
        &self,
        coding: &SignalCoding,
        routes: &[Route],
        not_available: Option<u64>,
        values: &[Option<Value>],
    ) -> Option<u64> {
        match &self.recipe {
            Recipe::Inverse { route, slot } => {
                let value = values.get(*slot)?.as_ref()?;
                routes.get(*route)?.raw_of(coding, value)
            }
            Recipe::Expression { expr, slots } => {
                let input = |place: usize| {
                    let value = slots.get(place).copied().flatten().and_then(|slot| values.get(slot));
                    value.and_then(Option::as_ref).map_or(Operand::Null, Operand::from)
                };
                let physical = expr.eval(input).as_number()?;
                Some(nearest_raw(coding, physical, [not_available, None]))
            }
            Recipe::Constant(physical) => coding.raw_of(*physical),
        }
    }
}
