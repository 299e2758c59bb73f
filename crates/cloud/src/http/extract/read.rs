//! Reads what clients send into types, and says in the API's own words what does not fit, and where.
//!
//! The words of serde's data formats are for programmers: they name Rust types and no place.

use std::fmt;

use serde::{
    Deserialize,
    de::{self, DeserializeSeed, IntoDeserializer, MapAccess, Visitor, value::BorrowedStrDeserializer},
    forward_to_deserialize_any,
};

pub(crate) use json::{Unread, body};

/// The methods of a deserializer for whole numbers, by its `whole`.
macro_rules! whole_numbers {
    ($($method:ident $visit:ident $type:ty),+ $(,)?) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
            visitor.$visit(whole(self.whole()?, [<$type>::MIN, <$type>::MAX])?)
        })+
    };
    () => {
        whole_numbers! {
            deserialize_u8 visit_u8 u8, deserialize_u16 visit_u16 u16, deserialize_u32 visit_u32 u32,
            deserialize_u64 visit_u64 u64, deserialize_i8 visit_i8 i8, deserialize_i16 visit_i16 i16,
            deserialize_i32 visit_i32 i32, deserialize_i64 visit_i64 i64,
        }
    };
}

mod json;

/// What does not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Misfit {
    /// `groups[0].signals[2]`, or a parameter's name; empty for the whole.
    pub place: String,
    pub detail: String,
}

impl Misfit {
    fn new(detail: impl Into<String>) -> Self {
        Self { place: String::new(), detail: detail.into() }
    }

    fn in_field(mut self, field: &str) -> Self {
        let dot = if self.place.is_empty() || self.place.starts_with('[') { "" } else { "." };
        self.place = format!("{field}{dot}{}", self.place);
        self
    }

    fn in_item(mut self, index: usize) -> Self {
        let dot = if self.place.is_empty() || self.place.starts_with('[') { "" } else { "." };
        self.place = format!("[{index}]{dot}{}", self.place);
        self
    }

    fn one_of(variants: &[&str]) -> Self {
        Self::new(format!("must be one of {}", listed(variants)))
    }
}

fn listed(words: &[&str]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

impl std::error::Error for Misfit {}

impl de::Error for Misfit {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(message.to_string())
    }

    fn invalid_type(_: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::new(format!("must be {expected}"))
    }

    fn invalid_value(_: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::new(format!("must be {expected}"))
    }

    fn unknown_variant(_: &str, expected: &'static [&'static str]) -> Self {
        Self::one_of(expected)
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        Self::new(format!("is not known here; there are {}", listed(expected))).in_field(field)
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new("must be given").in_field(field)
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self::new("must be given once").in_field(field)
    }
}

/// Reads a query string's pairs. One without a value is as if it were not there.
pub(crate) fn query<'de, T: Deserialize<'de>>(pairs: &'de [(String, String)]) -> Result<T, Misfit> {
    let given = pairs.iter().filter(|(_, text)| !text.is_empty());
    T::deserialize(de::value::MapAccessDeserializer::new(Pairs { rest: given, value: None }))
}

/// Reads a parameter of the path.
pub(crate) fn parameter<'de, T: Deserialize<'de>>(name: &str, text: &'de str) -> Result<T, Misfit> {
    T::deserialize(Text(text)).map_err(|misfit| misfit.in_field(name))
}

/// A whole number of a type, or what it must be.
fn whole<T: TryFrom<i128> + fmt::Display>(number: Option<i128>, bounds: [T; 2]) -> Result<T, Misfit> {
    let [min, max] = bounds;
    let fits = number.and_then(|number| T::try_from(number).ok());
    fits.ok_or_else(|| Misfit::new(format!("must be a whole number from {min} to {max}")))
}

struct Pairs<'de, I> {
    rest: I,
    value: Option<&'de (String, String)>,
}

impl<'de, I: Iterator<Item = &'de (String, String)>> MapAccess<'de> for Pairs<'de, I> {
    type Error = Misfit;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Misfit> {
        self.value = self.rest.next();
        let Some((name, _)) = self.value else { return Ok(None) };
        seed.deserialize(BorrowedStrDeserializer::new(name)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Misfit> {
        let (name, text) = self.value.take().expect("a value is asked for behind its key");
        seed.deserialize(Text(text)).map_err(|misfit| misfit.in_field(name))
    }
}

/// A value in a path or a query string.
struct Text<'de>(&'de str);

impl Text<'_> {
    fn whole(&self) -> Result<Option<i128>, Misfit> {
        Ok(self.0.parse().ok())
    }
}

impl<'de> de::Deserializer<'de> for Text<'de> {
    type Error = Misfit;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        visitor.visit_borrowed_str(self.0)
    }

    whole_numbers!();

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        visitor.visit_bool(self.0.parse().map_err(|_| Misfit::new("must be true or false"))?)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        visitor.visit_enum(self.0.into_deserializer())
    }

    forward_to_deserialize_any! {
        f32 f64 i128 u128 char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map struct
        identifier ignored_any
    }
}

#[cfg(test)]
mod tests;
