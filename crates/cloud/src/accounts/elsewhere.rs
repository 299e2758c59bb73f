//! Sessions of people who showed somebody else who they are.

use std::net::IpAddr;

use model::Timestamp;
use store::{PersonRow, SessionOrigin};

use super::{Accounts, Opened, Session, SignInError};

impl Accounts {
    /// Opens a session for who has just come from a provider. It has a new token always: one that a browser had
    /// before, somebody else may know.
    pub(crate) async fn open_elsewhere(
        &self,
        person: PersonRow,
        origin: SessionOrigin,
        proven_at: Timestamp,
        from: IpAddr,
        now: Timestamp,
    ) -> Result<Opened, SignInError> {
        self.open(person, Some(origin), proven_at, from, now).await
    }

    /// What a provider's access token is here: a session that has no row, and ends with it.
    pub(crate) async fn of_token(
        &self,
        id: String,
        person: PersonRow,
        proven_at: Timestamp,
        expires_at: Timestamp,
        now: Timestamp,
    ) -> Result<Session, store::Error> {
        self.take_up(id, person, proven_at, expires_at, now).await
    }

    /// Told by whoever changed sessions elsewhere, once the change holds.
    pub(crate) fn changed(&self) {
        self.changes.changed();
    }
}
