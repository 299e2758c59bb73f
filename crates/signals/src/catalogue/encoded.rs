//! A catalogue as one text that needs nothing else: what reads a batch years later, whatever the
//! program of that day ships.
//!
//! The first line names the format and the hash; below it stands a table like those that ship.

use model::CatalogueHash;

use super::{Catalogue, CatalogueBuilder};
use crate::{Error, table};

/// The largest encoded catalogue that is read; the head of VSS takes 0.2 MB.
pub const CATALOGUE_BYTES_MAX: usize = 16 * 1024 * 1024;

const FORMAT: &str = "# marque catalogue 1 ";

impl Catalogue {
    /// All leaves with all that is known of them, as text.
    pub fn encode(&self) -> String {
        let table = table::write(self.leaves().map(AsRef::as_ref));
        format!("{FORMAT}{}\n{table}", self.hash())
    }

    /// Whether a source claims to be what [`Catalogue::encode`] makes, and not vspec JSON.
    pub fn is_encoded(source: &[u8]) -> bool {
        source.starts_with(FORMAT.as_bytes())
    }

    /// Reads what [`Catalogue::encode`] made. The leaves have the hash that the text names.
    pub fn decode(source: &[u8]) -> Result<Self, Error> {
        let wrong = |problem: String| Error::Encoded { problem };
        if source.len() > CATALOGUE_BYTES_MAX {
            let bytes = source.len();
            return Err(wrong(format!("it has {bytes} bytes; at most {CATALOGUE_BYTES_MAX} are read")));
        }
        let text = std::str::from_utf8(source).map_err(|_| wrong("it is not UTF-8".to_owned()))?;
        let first = text.lines().next().unwrap_or_default();
        let named = first.strip_prefix(FORMAT);
        let named = named.ok_or_else(|| wrong(format!("the first line is not `{FORMAT}` and a hash")))?;
        let named: CatalogueHash =
            named.parse().map_err(|error: model::ParseError| wrong(error.to_string()))?;
        let mut builder = CatalogueBuilder::default();
        for leaf in table::leaves("the encoded catalogue", text)? {
            builder.add(leaf);
        }
        let catalogue = builder.build()?;
        if catalogue.hash() != named {
            return Err(wrong(format!("it names the hash {named}, its leaves have {}", catalogue.hash())));
        }
        Ok(catalogue)
    }
}

#[cfg(test)]
mod tests;
