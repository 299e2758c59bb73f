//! What an answer says besides yes and no.

use model::{Brand, Purpose};

use super::{
    cases::{self, base, my_car},
    tables::{Column, Tables, marks},
};
use crate::{
    Action, Assignment, Brands, Cell, Condition, Context, Decision, DenyReason, Function, Policies, Principal,
};

/// As docs/authorisation.md and the table say it: an allowed answer is kept when the act is privileged, or
/// gives out personal data that is not one's own; a denied one when the act is privileged.
#[test]
fn the_audit_keeps_what_the_table_marks() {
    for (action, marks) in marks() {
        for cell in [Cell::Own, Cell::Linked, Cell::Tenant] {
            let allowed = Decision::Allowed { assignment: None, cell };
            let kept = marks.privileged || (marks.personal_data && cell != Cell::Own);
            assert_eq!(allowed.is_audited(action), kept, "{action} {cell:?}");
        }
        let denied = Decision::Denied { reason: DenyReason::Scope };
        assert_eq!(denied.is_audited(action), marks.privileged, "{action}");
    }
}

/// Personal data of a linked car are not one's own account.
#[test]
fn the_audit_keeps_that_an_owner_reads_the_car() {
    let (column, policies) = (Column::Function(Function::Owner), Policies::load().unwrap());
    for (action, kept) in
        [(Action::VehicleRead, true), (Action::VehicleStateRead, false), (Action::AccountRead, false)]
    {
        let decision = base(&Tables::read(), action, column, Brand::Fiat).decide(&policies);
        assert_eq!((decision.is_allowed(), decision.is_audited(action)), (true, kept), "{action}");
    }
}

/// A car's track, asked for by a fleet customer, an owner and operations of another brand or this one.
fn ask(assignments: Vec<Assignment>, change: impl FnOnce(&mut Context)) -> Decision {
    let mut context = cases::context(Some(Purpose::ConnectedServices));
    change(&mut context);
    let mut me = cases::person(assignments);
    me.links = [cases::link(Function::FleetCustomer, Brand::Fiat)].into_iter().collect();
    let me = Principal::Person(me);
    let policies = Policies::load().unwrap();
    policies.decide(&me, Action::VehicleLocationHistoryRead, &my_car(Brand::Fiat), &context)
}

#[test]
fn of_several_assignments_the_closest_tells_in_every_order() {
    let fiat = Brands::from(Brand::Fiat);
    // The first has not the action, the second is of another brand, the third may not name the purpose.
    let of = |reason| match reason {
        DenyReason::NoFunction => cases::assignment(Function::Administrator, Brands::ALL),
        DenyReason::Scope => cases::assignment(Function::Operations, Brand::Jeep.into()),
        DenyReason::Purpose => cases::assignment(Function::Operations, fiat),
        DenyReason::StepUp => cases::assignment(Function::FleetCustomer, fiat),
        DenyReason::Condition | DenyReason::Disabled => unreachable!("of no assignment"),
    };
    let reasons = [DenyReason::NoFunction, DenyReason::Scope, DenyReason::Purpose, DenyReason::StepUp];
    for bits in 1..1_u32 << reasons.len() {
        let chosen: Vec<DenyReason> =
            (0..reasons.len()).filter(|place| bits & 1 << place != 0).map(|place| reasons[place]).collect();
        let closest = *chosen.iter().max().unwrap();
        for order in orders(&chosen) {
            let assignments = order.iter().map(|reason| of(*reason)).collect();
            let reason = closest;
            assert_eq!(
                ask(assignments, |context| context.stepped_up = false),
                Decision::Denied { reason },
                "{order:?}"
            );
        }
    }
}

#[test]
fn of_several_assignments_one_that_allows_is_enough_in_every_order() {
    let all = [
        cases::assignment(Function::Administrator, Brands::ALL),
        cases::assignment(Function::Operations, Brand::Jeep.into()),
        cases::assignment(Function::Operations, Brand::Fiat.into()),
    ];
    for order in orders(&all) {
        let place = order.iter().position(|assignment| *assignment == all[2]);
        let decision = ask(order, |context| context.purpose = Some(Purpose::Operation));
        assert_eq!(decision, Decision::Allowed { assignment: place, cell: Cell::Tenant });
    }
}

/// Of two conditions of one assignment, the one that comes first is told.
#[test]
fn a_reason_is_told_only_to_whom_all_before_it_holds() {
    let column = Column::Function(Function::Administrator);
    let case = base(&Tables::read(), Action::RoleAssign, column, Brand::Fiat).context(|context| {
        context.stepped_up = false;
        context.facts = context.facts.without(Condition::NotSelf);
    });
    let policies = Policies::load().unwrap();
    let denied = |reason| Decision::Denied { reason };
    assert_eq!(case.decide(&policies), denied(DenyReason::Condition));
    let stated = case.clone().context(|context| context.facts = context.facts.with(Condition::NotSelf));
    assert_eq!(stated.decide(&policies), denied(DenyReason::StepUp));
    let foreign = case.of_brand(Brand::Jeep);
    assert_eq!(foreign.clone().decide(&policies), denied(DenyReason::Scope));
    let disabled = foreign.person(|person| person.enabled = false);
    assert_eq!(disabled.decide(&policies), denied(DenyReason::Disabled));
}

fn orders<T: Clone>(of: &[T]) -> Vec<Vec<T>> {
    if of.is_empty() {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for place in 0..of.len() {
        let mut rest = of.to_vec();
        let first = rest.remove(place);
        all.extend(orders(&rest).into_iter().map(|mut order| {
            order.insert(0, first.clone());
            order
        }));
    }
    all
}
