//! A small expression language over signals, for many-to-one mappings and conditions.
//!
//! ```text
//! (WheelLeft + WheelRight) / 2 * 0.01
//! if(Gear == 14 || Gear == "R", -1, Gear)
//! Vehicle.Speed > 120 && !isNull(Vehicle.CurrentLocation.Latitude)
//! ```
//!
//! Numbers, `true`, `false`, `null`, texts in double quotes, and names of inputs (letters, digits,
//! `_` and `.`). From loosest: `||`, `&&`, `== != < <= > >=`, `+ -`, `* / %`, `! -`. Functions:
//! `min`, `max` (two or more), `abs`, `round`, `floor`, `if(condition, then, else)`, `isNull`,
//! `coalesce` (two or more).
//!
//! A boolean counts as 0 or 1 in arithmetic. What has no value (a missing input, a division by
//! zero, a text in a sum) is null; null spreads, but `false && null` is false, `true || null` is
//! true, and `isNull` and `coalesce` see it. Evaluation neither allocates nor fails.

mod eval;
mod lex;
mod parse;

use std::sync::Arc;

/// Bytes of an expression's text: a screen full.
pub const TEXT_BYTES_MAX: usize = 4_096;

/// Steps of a compiled expression; what one evaluation costs at most.
pub const STEPS_MAX: usize = 512;

/// Nesting of an expression; bounds the parser's and the evaluator's stack.
pub const DEPTH_MAX: usize = 32;

/// Values that wait on the evaluator's stack; checked when the expression is compiled.
const STACK_MAX: usize = 32;

/// A compiled expression.
#[derive(Debug, Clone, PartialEq)]
pub struct Expr {
    steps: Box<[Step]>,
    texts: Box<[Arc<str>]>,
    inputs: Box<[Arc<str>]>,
}

/// What an input holds and an expression yields.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Operand<'a> {
    Null,
    Bool(bool),
    /// Always finite.
    Number(f64),
    Text(&'a str),
}

/// Where and why a text is not an expression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("column {column}: {problem}")]
pub struct ExprError {
    /// From 1, in characters.
    pub column: usize,
    pub problem: String,
}

impl Expr {
    /// Compiles a text.
    pub fn parse(text: &str) -> Result<Self, ExprError> {
        parse::Parser::compile(text)
    }

    /// The names that the expression reads, in the order of their first use. Bind them to signals
    /// once; [`Expr::eval`] asks for them by their place here.
    pub fn inputs(&self) -> &[Arc<str>] {
        &self.inputs
    }

    /// The value with the inputs that `input` gives by place.
    pub fn eval<'a>(&'a self, input: impl Fn(usize) -> Operand<'a>) -> Operand<'a> {
        eval::run(&self.steps, &self.texts, input)
    }
}

impl<'a> From<&'a crate::Value> for Operand<'a> {
    /// Arrays are null: no operator takes one.
    fn from(value: &'a crate::Value) -> Self {
        match value {
            crate::Value::Bool(value) => Self::Bool(*value),
            crate::Value::Int(_) | crate::Value::Uint(_) | crate::Value::Float(_) => {
                value.as_f64().map_or(Self::Null, Self::number)
            }
            crate::Value::Text(text) => Self::Text(text),
            crate::Value::Array(_) => Self::Null,
        }
    }
}

impl Operand<'_> {
    /// A number, or null when it is not finite.
    pub fn number(number: f64) -> Self {
        if number.is_finite() { Self::Number(number) } else { Self::Null }
    }

    /// The number; a boolean is 0 or 1.
    pub fn as_number(self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(number),
            Self::Bool(value) => Some(f64::from(u8::from(value))),
            Self::Null | Self::Text(_) => None,
        }
    }

    /// The truth; a number is true when it is not zero.
    pub fn as_bool(self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(value),
            Self::Number(number) => Some(number != 0.0),
            Self::Null | Self::Text(_) => None,
        }
    }
}

/// One step of the stack machine.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Step {
    Null,
    Bool(bool),
    Number(f64),
    Text(u16),
    Input(u16),
    Unary(Unary),
    Binary(Binary),
    If,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unary {
    Negate,
    Not,
    Abs,
    Round,
    Floor,
    IsNull,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Binary {
    Or,
    And,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Min,
    Max,
    Coalesce,
}

#[cfg(test)]
mod tests;
