//! The stack machine.

use std::sync::Arc;

use super::{Binary, Operand, STACK_MAX, Step, Unary};

pub(super) fn run<'a>(
    steps: &[Step],
    texts: &'a [Arc<str>],
    input: impl Fn(usize) -> Operand<'a>,
) -> Operand<'a> {
    // A single name is the most common expression; it needs no stack.
    if let [Step::Input(index)] = steps {
        return input(usize::from(*index));
    }
    let mut stack = [Operand::Null; STACK_MAX];
    let mut top = 0;
    for step in steps {
        let value = match step {
            Step::Null => Operand::Null,
            Step::Bool(value) => Operand::Bool(*value),
            Step::Number(number) => Operand::Number(*number),
            Step::Text(index) => {
                texts.get(usize::from(*index)).map_or(Operand::Null, |text| Operand::Text(text))
            }
            Step::Input(index) => input(usize::from(*index)),
            Step::Unary(operator) => {
                top -= 1;
                unary(*operator, stack[top])
            }
            Step::Binary(operator) => {
                top -= 2;
                binary(*operator, stack[top], stack[top + 1])
            }
            Step::If => {
                top -= 3;
                match stack[top].as_bool() {
                    Some(true) => stack[top + 1],
                    Some(false) => stack[top + 2],
                    None => Operand::Null,
                }
            }
        };
        stack[top] = value;
        top += 1;
    }
    stack[0]
}

fn unary<'a>(operator: Unary, value: Operand<'a>) -> Operand<'a> {
    let number =
        |apply: fn(f64) -> f64| value.as_number().map_or(Operand::Null, |x| Operand::number(apply(x)));
    match operator {
        Unary::Negate => number(|x| -x),
        Unary::Abs => number(f64::abs),
        Unary::Round => number(f64::round),
        Unary::Floor => number(f64::floor),
        Unary::Not => value.as_bool().map_or(Operand::Null, |value| Operand::Bool(!value)),
        Unary::IsNull => Operand::Bool(value == Operand::Null),
    }
}

fn binary<'a>(operator: Binary, a: Operand<'a>, b: Operand<'a>) -> Operand<'a> {
    let number = |apply: fn(f64, f64) -> f64| match (a.as_number(), b.as_number()) {
        (Some(a), Some(b)) => Operand::number(apply(a, b)),
        (None, _) | (_, None) => Operand::Null,
    };
    let compare = |apply: fn(f64, f64) -> bool| match (a.as_number(), b.as_number()) {
        (Some(a), Some(b)) => Operand::Bool(apply(a, b)),
        (None, _) | (_, None) => Operand::Null,
    };
    match operator {
        Binary::Or => match (a.as_bool(), b.as_bool()) {
            (Some(true), _) | (_, Some(true)) => Operand::Bool(true),
            (Some(false), Some(false)) => Operand::Bool(false),
            (None, _) | (_, None) => Operand::Null,
        },
        Binary::And => match (a.as_bool(), b.as_bool()) {
            (Some(false), _) | (_, Some(false)) => Operand::Bool(false),
            (Some(true), Some(true)) => Operand::Bool(true),
            (None, _) | (_, None) => Operand::Null,
        },
        Binary::Equal => equal(a, b).map_or(Operand::Null, Operand::Bool),
        Binary::NotEqual => equal(a, b).map_or(Operand::Null, |equal| Operand::Bool(!equal)),
        Binary::Less => compare(|a, b| a < b),
        Binary::LessOrEqual => compare(|a, b| a <= b),
        Binary::Greater => compare(|a, b| a > b),
        Binary::GreaterOrEqual => compare(|a, b| a >= b),
        Binary::Add => number(|a, b| a + b),
        Binary::Subtract => number(|a, b| a - b),
        Binary::Multiply => number(|a, b| a * b),
        Binary::Divide => number(|a, b| a / b),
        Binary::Remainder => number(|a, b| a % b),
        Binary::Min => number(f64::min),
        Binary::Max => number(f64::max),
        Binary::Coalesce => {
            if a == Operand::Null {
                b
            } else {
                a
            }
        }
    }
}

/// A text equals no number; null equals nothing that can be told.
fn equal(a: Operand<'_>, b: Operand<'_>) -> Option<bool> {
    match (a, b) {
        (Operand::Null, _) | (_, Operand::Null) => None,
        (Operand::Text(a), Operand::Text(b)) => Some(a == b),
        (Operand::Text(_), Operand::Bool(_) | Operand::Number(_))
        | (Operand::Bool(_) | Operand::Number(_), Operand::Text(_)) => Some(false),
        (Operand::Bool(_) | Operand::Number(_), Operand::Bool(_) | Operand::Number(_)) => {
            Some(a.as_number() == b.as_number())
        }
    }
}
