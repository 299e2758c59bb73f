use super::*;

fn steps(end: OwnershipEnd) -> Vec<ResetStep> {
    end.steps().collect()
}

/// Whatever is added to the steps belongs to every end, unless it is the buyer's.
#[test]
fn every_end_of_an_ownership_shuts_everybody_out() {
    let of_the_buyer = [ResetStep::BeginOwnerLink, ResetStep::NotifyBuyer];
    for end in OwnershipEnd::ALL {
        let left_out: Vec<ResetStep> =
            ResetStep::ALL.into_iter().filter(|step| !steps(end).contains(step)).collect();
        assert!(left_out.iter().all(|step| of_the_buyer.contains(step)), "{end:?} lacks {left_out:?}");
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
