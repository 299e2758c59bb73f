//! Actions: what can be done here. One line of `action/table.rs` is one action.

mod table;

use std::{fmt, str::FromStr};

pub use table::Action;

use crate::{Error, ResourceKind};

/// What is so about an action besides its resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trait {
    /// It gives out or changes data of a person; the audit keeps it unless it was one's own.
    Personal,
    /// The audit keeps it, allowed or denied.
    Privileged,
    /// Some function needs a fresh second factor for it.
    StepUp,
    /// The request names a purpose, and the function may name that one.
    Purpose,
}

impl Action {
    pub fn personal_data(self) -> bool {
        self.traits().contains(&Trait::Personal)
    }

    pub fn privileged(self) -> bool {
        self.traits().contains(&Trait::Privileged)
    }

    pub fn step_up(self) -> bool {
        self.traits().contains(&Trait::StepUp)
    }

    pub fn purpose_required(self) -> bool {
        self.traits().contains(&Trait::Purpose)
    }

    /// Its place in [`Action::ALL`], for dense tables.
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Whether it may be asked about a resource of this kind. What is asked for a brand may be asked
    /// for one car of it: so it is for functions that reach cars by links.
    pub fn takes(self, kind: ResourceKind) -> bool {
        kind == self.resource() || (self.resource() == ResourceKind::Tenant && kind == ResourceKind::Vehicle)
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.slug())
    }
}

impl FromStr for Action {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::ALL.iter().copied().find(|action| action.slug() == text).ok_or(Error::Action)
    }
}
