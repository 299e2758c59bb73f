//! Ownership intervals that end and begin, and what is open about a car's people: invitations, an offer, a
//! fleet.

use model::{Brand, ConsentEpoch, OrganisationId, PersonId, Region, SubjectId, Timestamp, VehicleId};

use crate::{
    Error, Store, Transaction,
    sql::{Row, args},
};

/// An open invitation of a driver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvitationRow {
    pub id: String,
    pub vehicle: VehicleId,
    pub invited_by: PersonId,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
}

/// A car that its owner offers to a buyer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfferRow {
    pub vehicle: VehicleId,
    pub offered_by: PersonId,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
}

fn invitation(row: &Row) -> Result<InvitationRow, Error> {
    Ok(InvitationRow {
        id: row.text(0)?,
        vehicle: row.word(1)?,
        invited_by: row.word(2)?,
        created_at: Timestamp(row.int(3)?),
        expires_at: Timestamp(row.int(4)?),
    })
}

impl Store {
    /// The open invitation of this id.
    pub async fn invitation(&self, id: &str, now: Timestamp) -> Result<Option<InvitationRow>, Error> {
        let sql = "SELECT invitation_id, vehicle_id, invited_by, created_at, expires_at FROM invitations \
                   WHERE invitation_id = $1 AND expires_at > $2";
        self.pool.fetch_optional(sql, args![id, now]).await?.as_ref().map(invitation).transpose()
    }

    /// The open invitations to a car, the oldest first.
    pub async fn invitations_to(
        &self,
        vehicle: VehicleId,
        now: Timestamp,
    ) -> Result<Vec<InvitationRow>, Error> {
        let sql = "SELECT invitation_id, vehicle_id, invited_by, created_at, expires_at FROM invitations \
                   WHERE vehicle_id = $1 AND expires_at > $2 ORDER BY created_at, invitation_id";
        self.pool.fetch(sql, args![vehicle, now]).await?.iter().map(invitation).collect()
    }

    /// The open offer of a car.
    pub async fn offer(&self, vehicle: VehicleId, now: Timestamp) -> Result<Option<OfferRow>, Error> {
        let sql = "SELECT vehicle_id, offered_by, created_at, expires_at FROM offers \
                   WHERE vehicle_id = $1 AND expires_at > $2";
        let row = self.pool.fetch_optional(sql, args![vehicle, now]).await?;
        row.map(|row| {
            Ok(OfferRow {
                vehicle: row.word(0)?,
                offered_by: row.word(1)?,
                created_at: Timestamp(row.int(2)?),
                expires_at: Timestamp(row.int(3)?),
            })
        })
        .transpose()
    }

    /// The fleet that a car is in.
    pub async fn fleet_of(&self, vehicle: VehicleId) -> Result<Option<OrganisationId>, Error> {
        let sql = "SELECT organisation_id FROM fleet_memberships WHERE vehicle_id = $1 AND ends_at IS NULL";
        self.pool.fetch_optional(sql, args![vehicle]).await?.map(|row| row.word(0)).transpose()
    }
}

impl Transaction {
    /// Ends an ownership interval; that it was over already is a conflict.
    pub async fn end_subject(&mut self, subject: SubjectId, now: Timestamp) -> Result<(), Error> {
        let sql = "UPDATE subjects SET ended_at = $2 WHERE subject_id = $1 AND ended_at IS NULL";
        if self.execute(sql, args![subject, now]).await? == 1 {
            Ok(())
        } else {
            Err(Error::Conflict { what: "the car changed hands meanwhile; look at it again" })
        }
    }

    /// Begins an ownership interval, in which nothing is granted yet.
    pub async fn begin_subject(
        &mut self,
        subject: SubjectId,
        vehicle: VehicleId,
        epoch: ConsentEpoch,
        now: Timestamp,
    ) -> Result<(), Error> {
        let sql = "INSERT INTO subjects (subject_id, vehicle_id, began_at, consent_epoch, first_epoch) \
                   VALUES ($1, $2, $3, $4, $4)";
        self.execute(sql, args![subject, vehicle, now, epoch.0]).await.map(drop)
    }

    pub async fn add_invitation(&mut self, new: &InvitationRow) -> Result<(), Error> {
        let sql = "INSERT INTO invitations (invitation_id, vehicle_id, invited_by, created_at, expires_at) \
                   VALUES ($1, $2, $3, $4, $5)";
        let args = args![&new.id, new.vehicle, new.invited_by, new.created_at, new.expires_at];
        self.execute(sql, args).await.map(drop)
    }

    /// Ends an open invitation to a car; `false` when there is none of this id.
    pub async fn end_invitation(
        &mut self,
        vehicle: VehicleId,
        id: &str,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let sql = "DELETE FROM invitations WHERE vehicle_id = $1 AND invitation_id = $2 AND expires_at > $3";
        Ok(self.execute(sql, args![vehicle, id, now]).await? == 1)
    }

    /// Ends all invitations to a car.
    pub async fn end_invitations(&mut self, vehicle: VehicleId) -> Result<(), Error> {
        self.execute("DELETE FROM invitations WHERE vehicle_id = $1", args![vehicle]).await.map(drop)
    }

    /// Offers a car, or offers it anew.
    pub async fn put_offer(&mut self, new: &OfferRow) -> Result<(), Error> {
        let sql = "INSERT INTO offers (vehicle_id, offered_by, created_at, expires_at) VALUES ($1, $2, $3, $4) \
                   ON CONFLICT (vehicle_id) DO UPDATE SET offered_by = excluded.offered_by, \
                   created_at = excluded.created_at, expires_at = excluded.expires_at";
        let args = args![new.vehicle, new.offered_by, new.created_at, new.expires_at];
        self.execute(sql, args).await.map(drop)
    }

    /// Ends the offer of a car; whether it was open.
    pub async fn end_offer(&mut self, vehicle: VehicleId, now: Timestamp) -> Result<bool, Error> {
        let sql = "DELETE FROM offers WHERE vehicle_id = $1 RETURNING expires_at";
        let row = self.fetch_optional(sql, args![vehicle]).await?;
        Ok(row.map(|row| row.int(0)).transpose()?.is_some_and(|expires_at| expires_at > now.0))
    }

    /// Puts a car into a fleet; that it is in one is a conflict.
    pub async fn join_fleet(
        &mut self,
        id: &str,
        vehicle: VehicleId,
        fleet: OrganisationId,
        (brand, region): (Brand, &Region),
        now: Timestamp,
    ) -> Result<(), Error> {
        let sql = "INSERT INTO fleet_memberships (membership_id, vehicle_id, organisation_id, brand, region, \
                   starts_at) VALUES ($1, $2, $3, $4, $5, $6)";
        self.execute(sql, args![id, vehicle, fleet, brand, region, now]).await.map(drop)
    }

    /// Takes a car out of its fleet; which it was.
    pub async fn leave_fleet(
        &mut self,
        vehicle: VehicleId,
        now: Timestamp,
    ) -> Result<Option<OrganisationId>, Error> {
        let sql = "UPDATE fleet_memberships SET ends_at = $2 WHERE vehicle_id = $1 AND ends_at IS NULL \
                   RETURNING organisation_id";
        self.fetch_optional(sql, args![vehicle, now]).await?.map(|row| row.word(0)).transpose()
    }
}
