//! What was granted, as a small set with an epoch.

use model::{ConsentEpoch, DataCategory, Purpose, Timestamp};

/// What the owner said about one purpose and one category.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grant {
    pub purpose: Purpose,
    pub category: DataCategory,
    /// `false` is a withdrawal or a refusal; both decide as if nothing had ever been granted.
    pub granted: bool,
    /// When it was said.
    pub at: Timestamp,
}

/// The newest word on each purpose and category, and the epoch that counts the changes.
///
/// At most 66 entries, looked up by bit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Grants {
    epoch: ConsentEpoch,
    /// Sorted by purpose and category, one entry each.
    entries: Vec<Grant>,
    /// Per purpose, a bit for each category's code.
    allowed: [u16; Purpose::ALL.len()],
}

impl Grants {
    /// Keeps the newest word on each pair; of two at the same time the withdrawal wins.
    pub fn new(epoch: ConsentEpoch, grants: impl IntoIterator<Item = Grant>) -> Self {
        let mut this = Self { epoch, ..Self::default() };
        for grant in grants {
            this.record(grant);
        }
        this
    }

    /// The set after one more word, in the next epoch.
    #[must_use]
    pub fn with(&self, grant: Grant) -> Self {
        let mut next = self.clone();
        next.record(grant);
        next.epoch = ConsentEpoch(self.epoch.0.saturating_add(1));
        next
    }

    pub fn epoch(&self) -> ConsentEpoch {
        self.epoch
    }

    /// Sorted by purpose and category.
    pub fn entries(&self) -> &[Grant] {
        &self.entries
    }

    /// Whether the pair is granted. To decide, call [`crate::decide`], which knows what else counts.
    pub(crate) fn has(&self, purpose: Purpose, category: DataCategory) -> bool {
        self.allowed[purpose.index()] & bit(category) != 0
    }

    fn record(&mut self, grant: Grant) {
        let place = self
            .entries
            .binary_search_by_key(&(grant.purpose, grant.category), |entry| (entry.purpose, entry.category));
        match place {
            Ok(index) => {
                let known = self.entries[index];
                let newer = grant.at > known.at || (grant.at == known.at && !grant.granted);
                if !newer {
                    return;
                }
                self.entries[index] = grant;
            }
            Err(index) => self.entries.insert(index, grant),
        }
        let bits = &mut self.allowed[grant.purpose.index()];
        *bits = if grant.granted { *bits | bit(grant.category) } else { *bits & !bit(grant.category) };
    }
}

const fn bit(category: DataCategory) -> u16 {
    1 << category.code()
}
