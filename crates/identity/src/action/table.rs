//! The table of actions.

use super::Trait;
use crate::ResourceKind;

macro_rules! actions {
    ($($variant:ident $slug:literal $resource:ident [$($trait:ident)*] $meaning:literal),+ $(,)?) => {
        /// What can be done here. Each route of the API names the one that it is.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Action { $(#[doc = $meaning] $variant),+ }

        impl Action {
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// How policies and the audit spell it.
            pub const fn slug(self) -> &'static str {
                match self { $(Self::$variant => $slug),+ }
            }

            /// What it is asked about.
            pub const fn resource(self) -> ResourceKind {
                match self { $(Self::$variant => ResourceKind::$resource),+ }
            }

            pub const fn traits(self) -> &'static [Trait] {
                match self { $(Self::$variant => &[$(Trait::$trait),*]),+ }
            }

            /// One sentence for people.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $meaning),+ }
            }
        }
    };
}

actions! {
    MetricsRead "metrics.read" Group [] "Read what the platform counts, of all brands together.",
    RoleList "role.list" Region [] "Read which function may do what: the generated table.",
    CatalogueList "catalogue.list" Region [] "List catalogues of signals.",
    CatalogueRead "catalogue.read" Region [] "Read a catalogue with its leaves.",
    CatalogueCreate "catalogue.create" Group [Privileged] "Add a catalogue, for all brands and for good.",
    SessionRead "session.read" Session [] "Read the session of this request: account, functions, scopes, purposes, age of the step-up.",
    SessionStepUp "session.step_up" Session [Privileged] "Prove again who one is: password and second factor, or the provider with max_age.",
    SessionListOwn "session.list_own" Account [Personal] "List one's own open sessions.",
    SessionEndOwn "session.end_own" Session [Privileged] "Sign out, here or on another machine.",
    AccountRead "account.read" Account [Personal] "Read one's own account with its links, invitations and fleet or dealership.",
    AccountUpdate "account.update" Account [Personal Privileged StepUp] "Change one's own name, language or address for notices; the old address is told.",
    AccountPasswordChange "account.password.change" Account [Privileged StepUp] "Change one's own password; all other sessions of it end.",
    AccountTotpEnrol "account.totp.enrol" Account [Privileged StepUp] "Add a second factor to one's own account.",
    AccountTotpRemove "account.totp.remove" Account [Privileged StepUp] "Take one's own second factor away.",
    NoticeList "notice.list" Account [Personal] "Read notices to oneself: grants, links, transfers, new sign-ins.",
    NoticeAcknowledge "notice.acknowledge" Notice [] "Mark a notice to oneself as read.",
    PersonList "person.list" Tenant [Personal] "List staff and partners who have a function in the brand.",
    PersonRead "person.read" Tenant [Personal] "Read a staff or partner account with its assignments in the brand.",
    PersonCreate "person.create" Person [Personal Privileged StepUp] "Create or invite a staff or partner account; it has no function yet.",
    PersonUpdate "person.update" Person [Personal Privileged StepUp] "Change a staff or partner account's name, address or dealership.",
    PersonDisable "person.disable" Person [Personal Privileged StepUp] "Disable a staff or partner account; its sessions end.",
    PersonEnable "person.enable" Person [Personal Privileged StepUp] "Enable a disabled staff or partner account.",
    PersonCredentialsReset "person.credentials.reset" Person [Personal Privileged StepUp] "Void password and second factor; the one-time link goes to the person's own address and never into the answer.",
    RoleAssign "role.assign" Assignment [Personal Privileged StepUp] "Give a person a function in brands of the region, up to a time.",
    RoleRevoke "role.revoke" Assignment [Personal Privileged StepUp] "Take an assignment away; open streams are decided anew.",
    SessionList "session.list" Person [Personal] "List the open sessions of a staff or partner account.",
    SessionEnd "session.end" Person [Personal Privileged StepUp] "End another's sessions.",
    CustomerDisable "customer.disable" Customer [Personal Privileged StepUp] "Disable a customer's account that was taken over; its sessions end, its links stay.",
    CustomerEnable "customer.enable" Customer [Personal Privileged StepUp] "Enable it again.",
    OrganisationList "organisation.list" Tenant [] "List fleets and dealerships.",
    OrganisationCreate "organisation.create" Organisation [Privileged StepUp] "Create a fleet or a dealership; it has no car and no grant.",
    OrganisationDisable "organisation.disable" Organisation [Privileged StepUp] "Disable a fleet or a dealership; its access grants and memberships end.",
    DealershipList "dealership.list" Tenant [] "Choose a dealership to give access to.",
    ServiceList "service.list" Tenant [] "List services with profile, scope and when they were last seen.",
    ServiceCreate "service.create" Service [Privileged StepUp] "Register a service with profiles and scope; its first token is shown once.",
    ServiceRotate "service.rotate" Service [Privileged StepUp] "Issue a new token for a service; the old one ends after the overlap.",
    ServiceDisable "service.disable" Service [Privileged StepUp] "Disable a service at once.",
    ServiceTokenRenew "service.token.renew" Service [Privileged] "A service renews its own token before it ends.",
    LockoutList "lockout.list" Group [Personal] "See which identities and addresses are slowed down or locked out.",
    LockoutClear "lockout.clear" Group [Personal Privileged StepUp] "Lift one of them.",
    FleetFacetsRead "fleet.facets.read" Tenant [] "Read what the fleet can be sliced by; models of the brand only.",
    FleetSummaryRead "fleet.summary.read" Tenant [Purpose] "Read counts of the brand; no count names a car.",
    FleetPositionsRead "fleet.positions.read" Tenant [Personal Purpose] "Read the positions that owners have granted, of the brand or of linked cars; in the stream, the event `positions`.",
    FleetFollow "fleet.follow" Tenant [Personal Purpose] "Follow summary and connectivity of the brand.",
    VehicleList "vehicle.list" Tenant [Personal Purpose] "List vehicles of the brand, or one's linked cars.",
    VehicleFindByVin "vehicle.find_by_vin" Vehicle [Personal Purpose] "Find a car by its VIN.",
    VehicleRead "vehicle.read" Vehicle [Personal Purpose] "Read a car: connection, certificate's end, campaigns, gaps, state as consent allows.",
    VehicleStateRead "vehicle.state.read" Vehicle [] "Read versions of desired and reported state and the queue's length.",
    VehicleSignalsRead "vehicle.signals.read" Vehicle [Personal Purpose] "Read or follow a car's latest values, all categories but location.",
    VehicleLocationRead "vehicle.location.read" Vehicle [Personal Purpose] "Of these, the category location: where the car is now.",
    VehicleHistoryRead "vehicle.history.read" Vehicle [Personal Purpose] "Read a car's history, all categories but location.",
    VehicleLocationHistoryRead "vehicle.location_history.read" Vehicle [Personal StepUp Purpose] "Of it, the category location: where the car was.",
    VehicleCreate "vehicle.create" Tenant [Personal Privileged] "Register a car of the brand.",
    VehicleEnrol "vehicle.enrol" Tenant [Personal Privileged StepUp] "Register and certify new cars; asked for each brand in the request, all or none.",
    ConsentRead "consent.read" Vehicle [Personal] "Read what the owner granted.",
    ConsentWrite "consent.write" Vehicle [Personal Privileged] "Give or withdraw the owner's consent.",
    ConsentImport "consent.import" Tenant [Personal Privileged] "First grants of simulated owners, with the car's very first registration; recorded as simulated.",
    CertificateList "certificate.list" Tenant [] "List cars' certificates of the brand with their state and end.",
    CertificateRead "certificate.read" Vehicle [] "Read a car's certificates: serial, validity, revocation, enrolment credentials without secrets.",
    CertificateIssue "certificate.issue" Vehicle [Privileged StepUp] "Certify a key for a car that exists; in enrolments, asked for each VIN that is registered already.",
    CertificateRevoke "certificate.revoke" Vehicle [Privileged StepUp] "Take all certificates of a car back; it is sent away.",
    CertificateEnrolCredentialCreate "certificate.enrol_credential.create" Vehicle [Privileged StepUp] "Draw the one-time factory credential of a car that never had a certificate.",
    CertificateEnrolCredentialReplace "certificate.enrol_credential.replace" Vehicle [Privileged StepUp] "The same for a car that had one, such as after a change of its control unit; the owner is told.",
    CertificateEnrolCredentialRevoke "certificate.enrol_credential.revoke" Vehicle [Privileged] "Void an unused credential.",
    CertificateEnrol "certificate.enrol" Car [Privileged] "A car gets its first certificate with its one-time credential.",
    CertificateRenew "certificate.renew" Car [Privileged] "A car renews its certificate before it ends.",
    QuarantineList "quarantine.list" Tenant [Personal] "List cars whose identity looks cloned.",
    QuarantineCreate "quarantine.create" Vehicle [Privileged StepUp] "Quarantine a car's identity by hand.",
    QuarantineRelease "quarantine.release" Vehicle [Privileged StepUp] "Let a quarantined identity in again.",
    LinkConnect "link.connect" Car [] "Connect as a car.",
    LinkPublish "link.publish" Car [] "Publish batches, reports and fetches under the own id.",
    LinkSubscribe "link.subscribe" Car [] "Hear what is for the own id.",
    VehicleLinkCodePublish "vehicle.link_code.publish" Car [] "Announce the hash of the code that the car shows now, and until when.",
    VehicleLink "vehicle.link" Vehicle [Personal Privileged] "Become the owner of a car that has none, by the code shown in it.",
    VehicleUnlink "vehicle.unlink" Vehicle [Personal Privileged StepUp] "Give a car up without a successor; resets as a transfer does.",
    VehiclePeopleRead "vehicle.people.read" Vehicle [Personal StepUp] "Read who owns and drives the car, with open invitations.",
    DriverLinkCreate "driver_link.create" Vehicle [Personal Privileged StepUp] "Invite a driver.",
    DriverLinkAccept "driver_link.accept" Vehicle [Personal Privileged] "Become a driver: with the owner's invitation and the code shown in the car.",
    DriverLinkEnd "driver_link.end" DriverLink [Personal Privileged] "End a driver's link or invitation: the owner any, a driver the own.",
    VehicleTransferStart "vehicle.transfer.start" Vehicle [Personal Privileged StepUp] "Offer the car to its buyer.",
    VehicleTransferCancel "vehicle.transfer.cancel" Vehicle [Privileged] "Take the offer back.",
    VehicleTransferAccept "vehicle.transfer.accept" Vehicle [Personal Privileged] "Take an offered car over, by the code shown in it; all is reset.",
    OwnershipReleaseRequest "ownership_release.request" Vehicle [Personal Privileged] "A buyer whose seller did not let go asks for it, by the code shown in the car; the owner is told at once.",
    OwnershipReleaseList "ownership_release.list" Tenant [Personal] "List such requests.",
    OwnershipReleaseApprove "ownership_release.approve" Vehicle [Personal Privileged StepUp] "Approve one after proof of purchase; the link ends 14 days later unless the owner objects.",
    OwnershipReleaseObject "ownership_release.object" Vehicle [Privileged] "The owner objects; the request lapses.",
    FleetMembershipCreate "fleet_membership.create" Vehicle [Personal Privileged StepUp] "Put one's car into a fleet.",
    FleetMembershipEnd "fleet_membership.end" Vehicle [Personal Privileged] "Take the car out of its fleet.",
    AccessGrantCreate "access_grant.create" Vehicle [Personal Privileged StepUp] "Give a dealership access to the car for a time and for named categories.",
    AccessGrantRedeem "access_grant.redeem" Vehicle [Personal Privileged StepUp] "A dealer gets access for 72 hours by the code shown in the car; the owner is told at once.",
    AccessGrantList "access_grant.list" Vehicle [Personal] "Read which dealerships have or had access to the car.",
    AccessGrantListOwn "access_grant.list_own" Account [Personal] "A dealer reads the access grants of the own dealership.",
    AccessGrantEnd "access_grant.end" AccessGrant [Privileged StepUp] "End an access grant: a dealer the own dealership's.",
    CampaignList "campaign.list" Tenant [] "List campaigns of the brand.",
    CampaignRead "campaign.read" Tenant [] "Read a campaign that the brand has a part in.",
    CampaignStatusRead "campaign.status.read" Tenant [] "Read how far it has come in the brand.",
    CampaignCreate "campaign.create" Campaign [Privileged] "Create a campaign for named brands; it collects nothing yet.",
    CampaignChange "campaign.change" Campaign [Privileged StepUp] "Give a campaign a new document; its cars fetch it.",
    CampaignAssign "campaign.assign" Campaign [Privileged StepUp] "Assign a campaign to cars of its brands.",
    CampaignUnassign "campaign.unassign" Campaign [Privileged] "Take a campaign away from cars; they stop collecting for it.",
    CampaignEnd "campaign.end" Campaign [Privileged] "End a campaign for good; all of its cars stop collecting for it.",
    AuditSearch "audit.search" Tenant [Personal Privileged] "Search who did what, of the brand; entries without a brand need all fourteen.",
    AuditEntriesRead "audit.entries.read" Group [Personal Privileged] "Read entry bundles of the log whole.",
    AuditReadOwnCar "audit.read_own_car" Vehicle [Personal] "An owner reads who accessed what of the car since it is theirs, with salts and indexes to verify it.",
    AuditCheckpointRead "audit.checkpoint.read" Region [] "Read the newest signed checkpoint.",
    AuditTileRead "audit.tile.read" Region [] "Read tiles of hashes.",
    AuditProofRead "audit.proof.read" Region [] "Read inclusion and consistency proofs: hashes only.",
}
