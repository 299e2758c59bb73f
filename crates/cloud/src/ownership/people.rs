//! Who owns and drives a car.

use identity::Function;
use model::{Timestamp, VehicleId};
use store::{InvitationRow, LinkRow, OfferRow, ReleaseRow};

use super::Ownership;

/// A link and the name of whose it is.
pub type Named = (LinkRow, String);

/// The people of a car, and what is open about them.
#[derive(Debug, Clone)]
pub struct CarPeople {
    pub owner: Option<Named>,
    /// The oldest first.
    pub drivers: Vec<Named>,
    pub invitations: Vec<InvitationRow>,
    pub offer: Option<OfferRow>,
    /// Open requests that the owner loses the car, the oldest first.
    pub releases: Vec<ReleaseRow>,
}

impl Ownership {
    pub async fn people(&self, vehicle: VehicleId, now: Timestamp) -> Result<CarPeople, store::Error> {
        let store = &self.0.store;
        let (mut owner, mut drivers) = (None, Vec::new());
        for link in store.links_to(vehicle, now).await? {
            let Some(person) = store.person(link.person).await? else { continue };
            if link.function == Function::Owner.slug() {
                owner = Some((link, person.username));
            } else if link.function == Function::Driver.slug() {
                drivers.push((link, person.username));
            }
        }
        let invitations = store.invitations_to(vehicle, now).await?;
        let offer = store.offer(vehicle, now).await?;
        let releases = store.open_releases(vehicle).await?;
        Ok(CarPeople { owner, drivers, invitations, offer, releases })
    }
}
