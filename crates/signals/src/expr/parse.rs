//! Tokens to steps: recursive descent by precedence, straight into postfix order.

use std::sync::Arc;

use super::{
    Binary, DEPTH_MAX, Expr, ExprError, STACK_MAX, STEPS_MAX, Step, TEXT_BYTES_MAX, Unary,
    lex::{Lexer, Token},
};

pub(super) struct Parser<'a> {
    lexer: Lexer<'a>,
    token: Token,
    column: usize,
    depth: usize,
    /// Values that wait on the evaluator's stack at this point.
    height: usize,
    steps: Vec<Step>,
    texts: Vec<Arc<str>>,
    inputs: Vec<Arc<str>>,
}

/// Binary operators by precedence, loosest first.
const LEVELS: [&[(&str, Binary)]; 5] = [
    &[("||", Binary::Or)],
    &[("&&", Binary::And)],
    &[
        ("==", Binary::Equal),
        ("!=", Binary::NotEqual),
        ("<=", Binary::LessOrEqual),
        (">=", Binary::GreaterOrEqual),
        ("<", Binary::Less),
        (">", Binary::Greater),
    ],
    &[("+", Binary::Add), ("-", Binary::Subtract)],
    &[("*", Binary::Multiply), ("/", Binary::Divide), ("%", Binary::Remainder)],
];

/// What a name followed by `(` does, and how many arguments it takes at least.
enum Function {
    Unary(Unary),
    Fold(Binary),
    If,
}

impl<'a> Parser<'a> {
    pub(super) fn compile(text: &'a str) -> Result<Expr, ExprError> {
        if text.len() > TEXT_BYTES_MAX {
            return Err(ExprError { column: 1, problem: format!("longer than {TEXT_BYTES_MAX} bytes") });
        }
        let mut parser = Self {
            lexer: Lexer::new(text),
            token: Token::End,
            column: 1,
            depth: 0,
            height: 0,
            steps: Vec::new(),
            texts: Vec::new(),
            inputs: Vec::new(),
        };
        parser.step()?;
        parser.binary(0)?;
        if parser.token != Token::End {
            return Err(parser.unexpected("the end"));
        }
        Ok(Expr { steps: parser.steps.into(), texts: parser.texts.into(), inputs: parser.inputs.into() })
    }

    fn binary(&mut self, level: usize) -> Result<(), ExprError> {
        let Some(operators) = LEVELS.get(level) else {
            return self.unary();
        };
        self.binary(level + 1)?;
        while let Some(operator) = self.operator(operators) {
            self.step()?;
            self.binary(level + 1)?;
            self.emit(Step::Binary(operator))?;
        }
        Ok(())
    }

    fn operator(&self, operators: &[(&str, Binary)]) -> Option<Binary> {
        let Token::Symbol(symbol) = &self.token else { return None };
        operators.iter().find(|(text, _)| text == symbol).map(|(_, operator)| *operator)
    }

    fn unary(&mut self) -> Result<(), ExprError> {
        let operator = match &self.token {
            Token::Symbol("-") => Unary::Negate,
            Token::Symbol("!") => Unary::Not,
            Token::Number(_) | Token::Text(_) | Token::Name(_) | Token::Symbol(_) | Token::End => {
                return self.primary();
            }
        };
        self.nested(|parser| {
            parser.step()?;
            parser.unary()
        })?;
        self.emit(Step::Unary(operator))
    }

    fn primary(&mut self) -> Result<(), ExprError> {
        let column = self.column;
        match std::mem::replace(&mut self.token, Token::End) {
            Token::Number(number) => {
                self.step()?;
                self.emit(Step::Number(number))
            }
            Token::Text(text) => {
                self.step()?;
                let index = place(&mut self.texts, &text);
                self.emit(Step::Text(index))
            }
            Token::Name(name) => {
                self.step()?;
                if self.token == Token::Symbol("(") {
                    return self.nested(|parser| parser.call(&name, column));
                }
                self.name(&name)
            }
            Token::Symbol("(") => {
                self.step()?;
                self.nested(|parser| parser.binary(0))?;
                self.expect(")")
            }
            token @ (Token::Symbol(_) | Token::End) => {
                self.token = token;
                Err(self.unexpected("a value"))
            }
        }
    }

    fn name(&mut self, name: &str) -> Result<(), ExprError> {
        let step = match name {
            "true" => Step::Bool(true),
            "false" => Step::Bool(false),
            "null" => Step::Null,
            input => Step::Input(place(&mut self.inputs, input)),
        };
        self.emit(step)
    }

    fn call(&mut self, name: &str, column: usize) -> Result<(), ExprError> {
        let function = match name {
            "min" => Function::Fold(Binary::Min),
            "max" => Function::Fold(Binary::Max),
            "coalesce" => Function::Fold(Binary::Coalesce),
            "abs" => Function::Unary(Unary::Abs),
            "round" => Function::Unary(Unary::Round),
            "floor" => Function::Unary(Unary::Floor),
            "isNull" => Function::Unary(Unary::IsNull),
            "if" => Function::If,
            other => {
                let problem = format!(
                    "no function `{other}`; there are min, max, coalesce, abs, round, floor, isNull, if"
                );
                return Err(ExprError { column, problem });
            }
        };
        self.expect("(")?;
        let mut arguments = 0;
        loop {
            self.binary(0)?;
            arguments += 1;
            if let (Function::Fold(operator), 2..) = (&function, arguments) {
                self.emit(Step::Binary(*operator))?;
            }
            if self.token != Token::Symbol(",") {
                break;
            }
            self.step()?;
        }
        self.expect(")")?;
        let wrong =
            |wanted: &str| ExprError { column, problem: format!("`{name}` takes {wanted}, not {arguments}") };
        match (function, arguments) {
            (Function::Unary(operator), 1) => self.emit(Step::Unary(operator)),
            (Function::If, 3) => self.emit(Step::If),
            (Function::Fold(_), 2..) => Ok(()),
            (Function::Unary(_), _) => Err(wrong("one argument")),
            (Function::If, _) => Err(wrong("three arguments")),
            (Function::Fold(_), _) => Err(wrong("two or more arguments")),
        }
    }

    fn nested(&mut self, parse: impl FnOnce(&mut Self) -> Result<(), ExprError>) -> Result<(), ExprError> {
        if self.depth == DEPTH_MAX {
            let problem = format!("nested deeper than {DEPTH_MAX}; split the expression");
            return Err(ExprError { column: self.column, problem });
        }
        self.depth += 1;
        parse(self)?;
        self.depth -= 1;
        Ok(())
    }

    fn expect(&mut self, symbol: &'static str) -> Result<(), ExprError> {
        if self.token != Token::Symbol(symbol) {
            return Err(self.unexpected(&format!("`{symbol}`")));
        }
        self.step()
    }

    fn step(&mut self) -> Result<(), ExprError> {
        (self.column, self.token) = self.lexer.next()?;
        Ok(())
    }

    fn emit(&mut self, step: Step) -> Result<(), ExprError> {
        if self.steps.len() == STEPS_MAX {
            let problem = format!("more than {STEPS_MAX} steps; split the expression");
            return Err(ExprError { column: self.column, problem });
        }
        match step {
            Step::Null | Step::Bool(_) | Step::Number(_) | Step::Text(_) | Step::Input(_) => self.height += 1,
            Step::Unary(_) => {}
            Step::Binary(_) => self.height -= 1,
            Step::If => self.height -= 2,
        }
        if self.height > STACK_MAX {
            let problem =
                format!("more than {STACK_MAX} values wait for their operator; split the expression");
            return Err(ExprError { column: self.column, problem });
        }
        self.steps.push(step);
        Ok(())
    }

    fn unexpected(&self, wanted: &str) -> ExprError {
        let found = match &self.token {
            Token::Number(number) => number.to_string(),
            Token::Text(text) => format!("\"{text}\""),
            Token::Name(name) => name.clone(),
            Token::Symbol(symbol) => (*symbol).to_owned(),
            Token::End => {
                return ExprError { column: self.column, problem: format!("ends where {wanted} belongs") };
            }
        };
        ExprError { column: self.column, problem: format!("`{found}` where {wanted} belongs") }
    }
}

/// The place of a name in a list, added if it is new.
fn place(names: &mut Vec<Arc<str>>, name: &str) -> u16 {
    let index = names.iter().position(|known| &**known == name).unwrap_or_else(|| {
        names.push(name.into());
        names.len() - 1
    });
    u16::try_from(index).expect("a text of 4,096 bytes has fewer names")
}
