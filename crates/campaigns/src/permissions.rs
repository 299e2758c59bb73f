//! What a car's consent allows, as a table that costs one bit test a sample.

use model::{ConsentEpoch, DataCategory, Purpose};

/// The answers of the decision function for every purpose and category, asked once per consent
/// epoch, driver mode and jurisdiction.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Permissions {
    epoch: ConsentEpoch,
    /// Per purpose, a bit for each category's code.
    allowed: [u16; Purpose::ALL.len()],
}

impl Permissions {
    /// Asks `decide` for each pair. Pass `consent::Consent::decide`, and ask again whenever grants,
    /// mode or jurisdiction change.
    pub fn ask(epoch: ConsentEpoch, mut decide: impl FnMut(Purpose, DataCategory) -> bool) -> Self {
        let mut allowed = [0; Purpose::ALL.len()];
        for purpose in Purpose::ALL {
            for category in DataCategory::ALL {
                if decide(purpose, category) {
                    allowed[purpose.index()] |= bit(category);
                }
            }
        }
        Self { epoch, allowed }
    }

    /// Allows nothing; what a car has before it knows its grants.
    pub fn none() -> Self {
        Self::default()
    }

    pub fn epoch(&self) -> ConsentEpoch {
        self.epoch
    }

    pub fn allows(&self, purpose: Purpose, category: DataCategory) -> bool {
        self.allowed[purpose.index()] & bit(category) != 0
    }
}

const fn bit(category: DataCategory) -> u16 {
    1 << category.code()
}
