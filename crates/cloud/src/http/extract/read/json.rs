//! JSON from its text into types, without a tree of it in memory: a body of 12 MiB would be one of 200.

use std::{borrow::Cow, cell::Cell, fmt};

use serde::{
    Deserialize,
    de::{
        self, DeserializeSeed, IgnoredAny, IntoDeserializer, MapAccess, SeqAccess, Visitor,
        value::StringDeserializer,
    },
    forward_to_deserialize_any,
};

use super::{Unread, whole};

/// Reads a JSON body as far as it fits.
pub(crate) fn body<'de, T: Deserialize<'de>>(bytes: &'de [u8]) -> Result<T, Unread> {
    let mut text = serde_json::Deserializer::from_slice(bytes);
    let slot = Slot::default();
    let read = T::deserialize(Json { inner: &mut text, slot: &slot })?;
    text.end().map_err(|error| slot.take(error))?;
    Ok(read)
}

/// Where an error of ours lies while `serde_json`, whose errors cannot hold it, carries one of its own up.
#[derive(Default)]
struct Slot(Cell<Option<Unread>>);

impl Slot {
    fn put<E: de::Error>(&self, unread: Unread) -> E {
        self.0.set(Some(unread));
        E::custom("the reason lies in the slot")
    }

    /// What was put, or what `serde_json` itself found: its words hold line and column, and it reads them back
    /// from there.
    fn take(&self, error: impl fmt::Display) -> Unread {
        self.0.take().unwrap_or_else(|| {
            let error: serde_json::Error = de::Error::custom(error);
            Unread::Syntax { line: error.line(), column: error.column() }
        })
    }
}

/// A value that `inner` is about to read.
struct Json<'s, D> {
    inner: D,
    slot: &'s Slot,
}

impl<'de, D: de::Deserializer<'de>> Json<'_, D> {
    fn scalar(self) -> Result<Scalar<'de>, Unread> {
        self.inner.deserialize_any(ScalarVisitor).map_err(|error| self.slot.take(error))
    }

    fn whole(self) -> Result<Option<i128>, Unread> {
        Ok(match self.scalar()? {
            Scalar::Whole(number) => Some(number),
            Scalar::Null | Scalar::Bool(_) | Scalar::Real(_) | Scalar::Text(_) | Scalar::Many => None,
        })
    }

    fn text(self) -> Result<Option<Cow<'de, str>>, Unread> {
        Ok(match self.scalar()? {
            Scalar::Text(text) => Some(text),
            Scalar::Null | Scalar::Bool(_) | Scalar::Whole(_) | Scalar::Real(_) | Scalar::Many => None,
        })
    }

    fn through<V: Visitor<'de>>(self, shape: Shape, visitor: V) -> Result<V::Value, Unread> {
        let through = Through { visitor, shape, slot: self.slot };
        self.inner.deserialize_any(through).map_err(|error| self.slot.take(error))
    }
}

impl<'de, D: de::Deserializer<'de>> de::Deserializer<'de> for Json<'_, D> {
    type Error = Unread;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unread> {
        self.through(Shape::Any, visitor)
    }

    whole_numbers!();

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unread> {
        self.deserialize_f64(visitor)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unread> {
        match self.scalar()? {
            Scalar::Real(number) => visitor.visit_f64(number),
            Scalar::Whole(number) => visitor.visit_f64(number as f64),
            Scalar::Null | Scalar::Bool(_) | Scalar::Text(_) | Scalar::Many => {
                Err(Unread::misfit("must be a number"))
            }
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unread> {
        match self.scalar()? {
            Scalar::Bool(value) => visitor.visit_bool(value),
            Scalar::Null | Scalar::Whole(_) | Scalar::Real(_) | Scalar::Text(_) | Scalar::Many => {
                Err(Unread::misfit("must be true or false"))
            }
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unread> {
        match self.text()?.ok_or_else(|| Unread::misfit("must be text"))? {
            Cow::Borrowed(text) => visitor.visit_borrowed_str(text),
            Cow::Owned(text) => visitor.visit_string(text),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unread> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unread> {
        let through = Through { visitor, shape: Shape::Any, slot: self.slot };
        self.inner.deserialize_option(through).map_err(|error| self.slot.take(error))
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unread> {
        self.through(Shape::List, visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unread> {
        self.through(Shape::Object, visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Unread> {
        self.deserialize_map(visitor)
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
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Unread> {
        let word = self.text()?.ok_or_else(|| Unread::one_of(variants))?;
        visitor.visit_enum(word.into_deserializer())
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unread> {
        let through = Through { visitor, shape: Shape::Any, slot: self.slot };
        self.inner.deserialize_ignored_any(through).map_err(|error| self.slot.take(error))
    }

    forward_to_deserialize_any! { i128 u128 char bytes byte_buf unit unit_struct tuple tuple_struct identifier }
}

/// One value; of a list or an object nothing is kept.
enum Scalar<'de> {
    Null,
    Bool(bool),
    Whole(i128),
    Real(f64),
    Text(Cow<'de, str>),
    Many,
}

struct ScalarVisitor;

impl<'de> Visitor<'de> for ScalarVisitor {
    type Value = Scalar<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Bool(value))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Whole(number.into()))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Whole(number.into()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Real(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Text(Cow::Borrowed(text)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Scalar<'de>, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Scalar::Many)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Scalar<'de>, A::Error> {
        while fields.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Scalar::Many)
    }
}

/// What a visitor takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Any,
    List,
    Object,
}

/// A visitor that hears of lists and objects by way of [`Json`].
struct Through<'s, V> {
    visitor: V,
    shape: Shape,
    slot: &'s Slot,
}

impl<V> Through<'_, V> {
    fn check<E: de::Error>(&self, is: Shape) -> Result<(), E> {
        let must = match self.shape {
            Shape::Any => return Ok(()),
            Shape::List => "must be a list",
            Shape::Object => "must be an object",
        };
        if self.shape == is { Ok(()) } else { Err(self.slot.put(Unread::misfit(must))) }
    }
}

macro_rules! pass_scalars {
    ($($visit:ident $type:ty),+ $(,)?) => {
        $(fn $visit<E: de::Error>(self, value: $type) -> Result<V::Value, E> {
            self.check(Shape::Any)?;
            self.visitor.$visit(value).map_err(|unread| self.slot.put(unread))
        })+
    };
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Through<'_, V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.visitor.expecting(f)
    }

    pass_scalars! {
        visit_bool bool, visit_u64 u64, visit_i64 i64, visit_f64 f64, visit_str &str,
        visit_borrowed_str &'de str,
    }

    fn visit_unit<E: de::Error>(self) -> Result<V::Value, E> {
        self.check(Shape::Any)?;
        self.visitor.visit_unit().map_err(|unread| self.slot.put(unread))
    }

    fn visit_none<E: de::Error>(self) -> Result<V::Value, E> {
        self.visitor.visit_none().map_err(|unread| self.slot.put(unread))
    }

    fn visit_some<D: de::Deserializer<'de>>(self, inner: D) -> Result<V::Value, D::Error> {
        let value = Json { inner, slot: self.slot };
        self.visitor.visit_some(value).map_err(|unread| self.slot.put(unread))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, inner: A) -> Result<V::Value, A::Error> {
        self.check(Shape::List)?;
        let items = Items { inner, index: 0, slot: self.slot };
        self.visitor.visit_seq(items).map_err(|unread| self.slot.put(unread))
    }

    fn visit_map<A: MapAccess<'de>>(self, inner: A) -> Result<V::Value, A::Error> {
        self.check(Shape::Object)?;
        let fields = Fields { inner, name: String::new(), slot: self.slot };
        self.visitor.visit_map(fields).map_err(|unread| self.slot.put(unread))
    }
}

/// A seed that reads its value by way of [`Json`].
struct Seed<'s, T> {
    seed: T,
    slot: &'s Slot,
}

impl<'de, T: DeserializeSeed<'de>> DeserializeSeed<'de> for Seed<'_, T> {
    type Value = T::Value;

    fn deserialize<D: de::Deserializer<'de>>(self, inner: D) -> Result<T::Value, D::Error> {
        let value = Json { inner, slot: self.slot };
        self.seed.deserialize(value).map_err(|unread| self.slot.put(unread))
    }
}

struct Items<'s, A> {
    inner: A,
    index: usize,
    slot: &'s Slot,
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Items<'_, A> {
    type Error = Unread;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Unread> {
        let index = self.index;
        self.index += 1;
        let item = self.inner.next_element_seed(Seed { seed, slot: self.slot });
        item.map_err(|error| self.slot.take(error).in_item(index))
    }
}

struct Fields<'s, A> {
    inner: A,
    name: String,
    slot: &'s Slot,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Fields<'_, A> {
    type Error = Unread;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Unread> {
        let name = self.inner.next_key::<String>().map_err(|error| self.slot.take(error))?;
        let Some(name) = name else { return Ok(None) };
        self.name.clone_from(&name);
        seed.deserialize(StringDeserializer::new(name)).map(Some)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Unread> {
        let value = self.inner.next_value_seed(Seed { seed, slot: self.slot });
        value.map_err(|error| self.slot.take(error).in_field(&self.name))
    }
}
