//! The words that all of Marque shares: ids, brands, regions, time, categories and limits.
//!
//! Invariants, as absences: `model` never reads a clock, a file or the environment, draws no
//! randomness, and knows no wire or storage format.

mod batch;
mod brand;
mod category;
mod id;
pub mod limits;
mod purpose;
mod region;
mod time;
mod vin;

pub use batch::{ClockState, Lane, QueueEpoch, Seq};
pub use brand::Brand;
pub use category::DataCategory;
pub use id::{
    CampaignId, CampaignVersion, CatalogueHash, ConsentEpoch, OrganisationId, PersonId, ServiceId,
    ShardCount, ShardId, SubjectId, VehicleId, VehicleUrn, fnv1a,
};
pub use purpose::Purpose;
pub use region::Region;
pub use time::{Micros, Timestamp};
pub use vin::Vin;

/// A text that does not name what it should.
///
/// The offending text is not repeated: it may be a VIN or a token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    #[error("an id is 32 lower-case hexadecimal digits; got {length} characters")]
    Id { length: usize },
    #[error("a vehicle's name is `urn:marque:vehicle:<region>:<vehicle id>`")]
    Urn,
    #[error("a VIN has 17 characters of A-Z and 0-9 without I, O and Q (ISO 3779)")]
    Vin,
    #[error("unknown brand; the brands are {}", Brand::ALL.map(Brand::slug).join(", "))]
    Brand,
    #[error("unknown data category; the categories are {}", DataCategory::ALL.map(DataCategory::slug).join(", "))]
    Category,
    #[error("unknown purpose; the purposes are {}", Purpose::ALL.map(Purpose::slug).join(", "))]
    Purpose,
    #[error("a region is 2 to 16 characters of a-z, 0-9 and '-', beginning with a letter")]
    Region,
    #[error("a catalogue hash is 16 lower-case hexadecimal digits")]
    CatalogueHash,
    #[error("a lane is one of alert, live, bulk")]
    Lane,
    #[error("a shard count is a power of two from 1 to 256")]
    ShardCount,
}

#[cfg(test)]
mod tests;
