//! What people are told to do.

use identity::{Brands, Function};
use model::{Brand, PersonId, Timestamp};
use store::{Besides, RoleRow, Transaction};

use super::{Known, People, PeopleError};
use crate::{notices::NoticeKind, random};

/// Roles of one person at once: each request looks at them.
pub(crate) const ROLES_MAX: usize = 64;

/// A function to give.
#[derive(Debug, Clone, Copy)]
pub struct NewRole {
    pub function: Function,
    pub brands: Brands,
    pub until: Option<Timestamp>,
}

impl People {
    /// Tells somebody to do something.
    pub async fn assign(
        &self,
        known: &Known,
        new: NewRole,
        by: Option<PersonId>,
        now: Timestamp,
    ) -> Result<RoleRow, PeopleError> {
        let (wanted, found) = (new.function.realm(), known.realm);
        if wanted != found {
            return Err(PeopleError::Realm { wanted, found });
        }
        if new.until.is_some_and(|until| until <= now) {
            return Err(PeopleError::Past);
        }
        let role = RoleRow {
            id: random::name()?,
            person: known.person.id,
            function: new.function.slug().to_owned(),
            brands: new.brands.iter().collect::<Vec<Brand>>(),
            region: self.region.clone(),
            starts_at: now,
            ends_at: new.until,
            created_at: now,
            created_by: by,
        };
        let mut tx = self.store.begin().await?;
        // Of two who give a role at once, each counts the other's. And who may give one was asked of the account as
        // it was: whoever puts it into an organisation meanwhile counts as having made it.
        if tx.lock_account(known.person.id).await? != Some(known.belonging()) {
            return Err(PeopleError::Changed);
        }
        if tx.count_roles(known.person.id, now).await? >= ROLES_MAX {
            return Err(PeopleError::Roles);
        }
        tx.add_role(&role).await?;
        self.tell_security(&mut tx, role.person, new.brands, NoticeKind::RoleGiven, now).await?;
        tx.commit().await?;
        self.changes.changed();
        Ok(role)
    }

    /// Ends a role now. The last administrator's stays.
    pub async fn revoke(&self, role: &RoleRow, now: Timestamp) -> Result<(), PeopleError> {
        let mut tx = self.store.begin().await?;
        if role.function == Function::Administrator.slug() {
            self.check_administrators(&mut tx, Besides::Role(&role.id), &role.brands, now).await?;
        }
        if !tx.end_role(role.person, &role.id, now).await? {
            return Err(PeopleError::Over);
        }
        let brands = Brands::new(role.brands.iter().copied()).unwrap_or(Brands::ALL);
        self.tell_security(&mut tx, role.person, brands, NoticeKind::RoleEnded, now).await?;
        tx.commit().await?;
        self.changes.changed();
        Ok(())
    }

    /// Whether each of the brands has an administrator who stays one.
    pub(super) async fn check_administrators(
        &self,
        tx: &mut Transaction,
        besides: Besides<'_>,
        brands: &[Brand],
        now: Timestamp,
    ) -> Result<(), PeopleError> {
        let administrator = Function::Administrator.slug();
        let held = tx.brands_held_besides(besides, administrator, &self.region, now).await?;
        if brands.iter().all(|brand| held.contains(brand)) {
            Ok(())
        } else {
            Err(PeopleError::LastAdministrator)
        }
    }
}
