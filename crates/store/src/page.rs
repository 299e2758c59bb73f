//! Pages: a cursor is the key of the last item, so that what is inserted meanwhile moves nothing.

use std::{fmt, str::FromStr};

use crate::Error;

/// Part of a list, and where the next part begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// `None` when this is the last page.
    pub next: Option<Cursor>,
}

impl<T> Page<T> {
    /// From up to `limit + 1` items: the one too many says that there is a next page.
    pub(crate) fn cut(mut items: Vec<T>, limit: u32, key: impl Fn(&T) -> String) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = items.len() > limit;
        items.truncate(limit);
        let next = if more { items.last().map(|item| Cursor(key(item))) } else { None };
        Self { items, next }
    }
}

/// The key of the last item of a page. Clients hold it as an opaque text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor(pub(crate) String);

impl Cursor {
    /// For lists that are not one SQL query.
    pub fn new(key: impl Into<String>) -> Self {
        Self(key.into())
    }

    pub fn key(&self) -> &str {
        &self.0
    }

    /// The key as numbers, for lists that are sorted by several.
    pub(crate) fn number<T: FromStr>(&self) -> Result<T, Error> {
        self.0.parse().map_err(|_| Error::Cursor)
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(&self.0))
    }
}

impl FromStr for Cursor {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let bytes = hex::decode(text).map_err(|_| Error::Cursor)?;
        String::from_utf8(bytes).map(Self).map_err(|_| Error::Cursor)
    }
}
