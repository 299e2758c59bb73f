use super::*;

fn steps(change: OwnershipChange) -> Vec<ResetStep> {
    change.steps().collect()
}

/// Whatever is added to the steps belongs to every change, unless it is the seller's or the buyer's.
#[test]
fn every_change_of_an_ownership_shuts_everybody_out() {
    for change in OwnershipChange::ALL {
        let of_one_side = match change {
            OwnershipChange::Linked => [ResetStep::EndOwnerLink, ResetStep::NotifySeller],
            OwnershipChange::Transferred | OwnershipChange::GivenUp | OwnershipChange::Released => {
                [ResetStep::BeginOwnerLink, ResetStep::NotifyBuyer]
            }
        };
        let left_out: Vec<ResetStep> =
            ResetStep::ALL.into_iter().filter(|step| !steps(change).contains(step)).collect();
        assert!(left_out.iter().all(|step| of_one_side.contains(step)), "{change:?} lacks {left_out:?}");
    }
}

#[test]
fn a_first_link_is_a_transfer_without_a_seller() {
    let of_the_seller = [ResetStep::EndOwnerLink, ResetStep::NotifySeller];
    let transferred = steps(OwnershipChange::Transferred).into_iter();
    let without: Vec<ResetStep> = transferred.filter(|step| !of_the_seller.contains(step)).collect();
    assert_eq!(steps(OwnershipChange::Linked), without);
}

#[test]
fn only_who_gives_the_code_becomes_the_owner() {
    assert!(steps(OwnershipChange::Transferred).contains(&ResetStep::BeginOwnerLink));
    assert!(!steps(OwnershipChange::Released).contains(&ResetStep::BeginOwnerLink));
    assert!(!steps(OwnershipChange::GivenUp).contains(&ResetStep::BeginOwnerLink));
    assert!(!steps(OwnershipChange::GivenUp).contains(&ResetStep::NotifyBuyer));
}

#[test]
fn the_old_owner_is_out_before_the_new_one_is_in() {
    let steps = steps(OwnershipChange::Transferred);
    assert!(steps.is_sorted());
    let place = |step| steps.iter().position(|other| *other == step);
    assert!(place(ResetStep::EndStreams) < place(ResetStep::BeginOwnerLink));
}
