//! Whether who may do what has changed, within this process.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// Counts changes of people, roles, links, sessions and services. Cheap to clone; all clones count as one.
#[derive(Debug, Clone, Default)]
pub struct Changes(Arc<AtomicU64>);

impl Changes {
    /// What was decided under another count may be otherwise.
    pub fn count(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }

    /// Told by whoever changed any of these, once the change holds.
    pub fn changed(&self) {
        self.0.fetch_add(1, Ordering::Release);
    }
}
