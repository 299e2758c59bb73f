//! The shard owner: reads the durable log, and makes twins and history of it.

pub mod twin;
mod twins;
pub mod watermarks;

pub use lake::{HistoryColumn, HistoryPage, HistoryQuery, HistoryRow, ReadCount, Reduce, Reduction};
pub use twin::{Latest, Twin};
pub use twins::{Changes, Counts, LaneState, Twins};
pub use watermarks::Mark;

use std::sync::Arc;

/// Answers history queries over files and buffer. Cheap to clone.
#[derive(Debug, Clone)]
pub struct History(Arc<lake::Lake>);

impl History {
    pub fn new(lake: Arc<lake::Lake>) -> Self {
        Self(lake)
    }

    /// Reads a page; see [`lake::Lake::history`].
    pub async fn query(&self, query: &HistoryQuery) -> Result<HistoryPage, lake::Error> {
        self.0.history(query).await
    }
}
