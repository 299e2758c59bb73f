//! Reads what clients send into types, and says in the API's own words what does not fit, and where.
//!
//! The words of serde's data formats are for programmers: they name Rust types and no place.

use std::fmt;

use serde::{
    Deserialize,
    de::{self, DeserializeSeed, IntoDeserializer, MapAccess, Visitor, value::BorrowedStrDeserializer},
    forward_to_deserialize_any,
};

pub(crate) use json::body;

use crate::words::PlaceError;

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

/// Why something was not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Unread {
    /// It is no JSON, from there on.
    Syntax { line: usize, column: usize },
    /// What is there does not fit; without a place, the whole does not.
    Misfit(PlaceError),
}

impl Unread {
    fn misfit(detail: impl Into<String>) -> Self {
        Self::Misfit(PlaceError::new("", detail))
    }

    fn one_of(variants: &[&str]) -> Self {
        Self::misfit(format!("must be one of {}", listed(variants)))
    }

    fn in_field(self, field: &str) -> Self {
        self.within(|misfit| misfit.in_field(field))
    }

    fn in_item(self, index: usize) -> Self {
        self.within(|misfit| misfit.in_item(index))
    }

    /// Where JSON ends to be JSON is counted from its beginning.
    fn within(self, place: impl FnOnce(PlaceError) -> PlaceError) -> Self {
        match self {
            Self::Misfit(misfit) => Self::Misfit(place(misfit)),
            Self::Syntax { line, column } => Self::Syntax { line, column },
        }
    }
}

fn listed(words: &[&str]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Misfit(misfit) => f.write_str(&misfit.detail),
            Self::Syntax { line, column } => write!(f, "no JSON at line {line} column {column}"),
        }
    }
}

impl std::error::Error for Unread {}

impl de::Error for Unread {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::misfit(message.to_string())
    }

    fn invalid_type(_: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::misfit(format!("must be {expected}"))
    }

    fn invalid_value(_: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::misfit(format!("must be {expected}"))
    }

    fn unknown_variant(_: &str, expected: &'static [&'static str]) -> Self {
        Self::one_of(expected)
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        Self::misfit(format!("is not known here; there are {}", listed(expected))).in_field(field)
    }

    fn missing_field(field: &'static str) -> Self {
        Self::misfit("must be given").in_field(field)
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self::misfit("must be given once").in_field(field)
    }
}

/// Reads a query string's pairs. One without a value is as if it were not there.
pub(crate) fn query<'de, T: Deserialize<'de>>(pairs: &'de [(String, String)]) -> Result<T, Unread> {
    let given = pairs.iter().filter(|(_, text)| !text.is_empty());
    T::deserialize(de::value::MapAccessDeserializer::new(Pairs { rest: given, value: None }))
}

/// Reads a parameter of the path.
pub(crate) fn parameter<'de, T: Deserialize<'de>>(name: &str, text: &'de str) -> Result<T, Unread> {
    T::deserialize(Text(text)).map_err(|unread| unread.in_field(name))
}

/// A whole number of a type, or what it must be.
fn whole<T: TryFrom<i128> + fmt::Display>(number: Option<i128>, bounds: [T; 2]) -> Result<T, Unread> {
    let [min, max] = bounds;
    let fits = number.and_then(|number| T::try_from(number).ok());
    fits.ok_or_else(|| Unread::misfit(format!("must be a whole number from {min} to {max}")))
}

struct Pairs<'de, I> {
    rest: I,
    value: Option<&'de (String, String)>,
}

impl<'de, I: Iterator<Item = &'de (String, String)>> MapAccess<'de> for Pairs<'de, I> {
    type Error = Unread;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Unread> {
        self.value = self.rest.next();
        let Some((name, _)) = self.value else { return Ok(None) };
        seed.deserialize(BorrowedStrDeserializer::new(name)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Unread> {
        let (name, text) = self.value.take().expect("a value is asked for behind its key");
        seed.deserialize(Text(text)).map_err(|unread| unread.in_field(name))
    }
}

/// A value in a path or a query string.
struct Text<'de>(&'de str);

impl Text<'_> {
    fn whole(&self) -> Result<Option<i128>, Unread> {
        Ok(self.0.parse().ok())
    }
}

impl<'de> de::Deserializer<'de> for Text<'de> {
    type Error = Unread;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unread> {
        visitor.visit_borrowed_str(self.0)
    }

    whole_numbers!();

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unread> {
        visitor.visit_bool(self.0.parse().map_err(|_| Unread::misfit("must be true or false"))?)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unread> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Unread> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Unread> {
        visitor.visit_enum(self.0.into_deserializer())
    }

    forward_to_deserialize_any! {
        f32 f64 i128 u128 char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map struct
        identifier ignored_any
    }
}

#[cfg(test)]
mod tests;
