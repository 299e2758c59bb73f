//! Text to tokens, each with its column.

use super::ExprError;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    Number(f64),
    Text(String),
    Name(String),
    Symbol(&'static str),
    End,
}

/// Longest first, so that `<=` is not read as `<`.
const SYMBOLS: [&str; 16] =
    ["||", "&&", "==", "!=", "<=", ">=", "<", ">", "+", "-", "*", "/", "%", "!", "(", ")"];

pub(super) struct Lexer<'a> {
    rest: &'a str,
    /// From 1, in characters.
    column: usize,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { rest: text, column: 1 }
    }

    /// The next token and the column where it begins.
    pub(super) fn next(&mut self) -> Result<(usize, Token), ExprError> {
        let blank = self.rest.len() - self.rest.trim_start().len();
        self.advance(blank);
        let column = self.column;
        let Some(first) = self.rest.chars().next() else {
            return Ok((column, Token::End));
        };
        if first.is_ascii_digit()
            || (first == '.' && self.rest.chars().nth(1).is_some_and(|c| c.is_ascii_digit()))
        {
            return Ok((column, self.number(column)?));
        }
        if first.is_alphabetic() || first == '_' {
            let end = self.rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '.'));
            return Ok((column, Token::Name(self.advance(end.unwrap_or(self.rest.len())).to_owned())));
        }
        if first == '"' {
            return self.text(column);
        }
        if first == ',' {
            self.advance(1);
            return Ok((column, Token::Symbol(",")));
        }
        let symbol = SYMBOLS.into_iter().find(|symbol| self.rest.starts_with(symbol));
        let symbol =
            symbol.ok_or_else(|| ExprError { column, problem: format!("`{first}` means nothing here") })?;
        self.advance(symbol.len());
        Ok((column, Token::Symbol(symbol)))
    }

    fn number(&mut self, column: usize) -> Result<Token, ExprError> {
        let mut previous = ' ';
        let end = self.rest.find(|c: char| {
            let exponent_sign = (c == '-' || c == '+') && (previous == 'e' || previous == 'E');
            previous = c;
            !(c.is_ascii_alphanumeric() || c == '.' || exponent_sign)
        });
        let text = self.advance(end.unwrap_or(self.rest.len()));
        let hex = text.strip_prefix("0x").map(|digits| u32::from_str_radix(digits, 16).map(f64::from).ok());
        let number = hex.unwrap_or_else(|| text.parse().ok()).filter(|number| number.is_finite());
        number
            .map(Token::Number)
            .ok_or_else(|| ExprError { column, problem: format!("`{text}` is not a number") })
    }

    fn text(&mut self, column: usize) -> Result<(usize, Token), ExprError> {
        self.advance(1);
        let end = self.rest.find('"');
        let end =
            end.ok_or_else(|| ExprError { column, problem: "the text has no closing `\"`".to_owned() })?;
        let text = self.advance(end).to_owned();
        self.advance(1);
        Ok((column, Token::Text(text)))
    }

    /// Steps over the first `bytes` bytes, which end between characters.
    fn advance(&mut self, bytes: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(bytes);
        self.column += taken.chars().count();
        self.rest = rest;
        taken
    }
}
