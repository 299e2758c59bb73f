use super::*;

fn steps(end: OwnershipEnd) -> Vec<ResetStep> {
    end.steps().collect()
}

#[test]
fn every_end_of_an_ownership_shuts_everybody_out() {
    for end in OwnershipEnd::ALL {
        let steps = steps(end);
        for step in [
            ResetStep::EndSubject,
            ResetStep::BeginSubject,
            ResetStep::WithdrawGrants,
            ResetStep::TellCar,
            ResetStep::EndOwnerLink,
            ResetStep::EndDriverLinks,
            ResetStep::EndInvitations,
            ResetStep::EndFleetMembership,
            ResetStep::EndAccessGrants,
            ResetStep::EndShownCode,
            ResetStep::EndStreams,
            ResetStep::NotifySeller,
            ResetStep::NotifyOthers,
        ] {
            assert!(steps.contains(&step), "{end:?} lacks {step:?}");
        }
    }
}

#[test]
fn only_a_buyer_with_the_code_becomes_the_owner() {
    assert!(steps(OwnershipEnd::Transferred).contains(&ResetStep::BeginOwnerLink));
    assert!(!steps(OwnershipEnd::Released).contains(&ResetStep::BeginOwnerLink));
    assert!(!steps(OwnershipEnd::GivenUp).contains(&ResetStep::NotifyBuyer));
}

#[test]
fn the_old_owner_is_out_before_the_new_one_is_in() {
    let steps = steps(OwnershipEnd::Transferred);
    assert!(steps.is_sorted());
    let place = |step| steps.iter().position(|other| *other == step);
    assert!(place(ResetStep::EndStreams) < place(ResetStep::BeginOwnerLink));
}
