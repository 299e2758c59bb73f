use super::*;
use crate::{
    Decision,
    policies::{FILES, read},
    tests::{
        cases::base,
        tables::{Column, Scope, Tables},
    },
};

#[test]
fn rights_are_those_of_the_table() {
    let (tables, policies) = (Tables::read(), Policies::load().unwrap());
    for function in Function::ALL {
        let rights: Vec<Action> = policies.rights(function).iter().map(|(action, _)| *action).collect();
        for action in Action::ALL {
            let cell = tables.cells[&(*action, Column::Function(function))];
            let expected = cell.scope != Scope::No && !tables.is_everybodys(*action);
            assert_eq!(rights.contains(action), expected, "{action} by {function}");
        }
    }
}

#[test]
fn step_up_is_asked_for_where_the_table_says() {
    let (tables, policies) = (Tables::read(), Policies::load().unwrap());
    for function in Function::ALL {
        for action in Action::ALL.iter().filter(|action| !tables.is_everybodys(**action)) {
            let cell = tables.cells[&(*action, Column::Function(function))];
            assert_eq!(policies.asks_step_up(function, *action), cell.step_up, "{action} by {function}");
        }
    }
}

#[test]
fn purposes_are_those_of_the_table() {
    let (tables, policies) = (Tables::read(), Policies::load().unwrap());
    for function in Function::ALL {
        assert_eq!(policies.purposes(function), tables.purposes[&Column::Function(function)], "{function}");
    }
}

#[test]
fn a_purpose_that_is_forbidden_for_one_action_is_offered_for_the_others() {
    let needing: Vec<&Action> = Action::ALL.iter().filter(|action| action.purpose_required()).collect();
    let forbid = |actions: &[&Action]| {
        let actions: Vec<String> = actions.iter().map(|action| format!(r#"Action::"{action}""#)).collect();
        let text = format!(
            r#"@id("no-safety") @reason("purpose")
            forbid (principal, action in [{}], resource)
            when {{ context has purpose && context.purpose == Purpose::"safety" }};"#,
            actions.join(", ")
        );
        Policies::load_with(&[("own.cedar", &text)]).unwrap()
    };
    let (first, rest) = needing.split_first().unwrap();
    for forbidden in [&[*first][..], rest] {
        assert!(forbid(forbidden).purposes(Function::Operations).contains(&Purpose::Safety));
    }
    let all = forbid(&needing);
    assert!(!all.purposes(Function::Operations).contains(&Purpose::Safety));
    assert!(all.purposes(Function::Operations).contains(&Purpose::Operation));
}

#[test]
fn of_two_cells_the_widest_counts() {
    let action = Action::VehicleStateRead;
    for (id, cell) in [("a-first", "self"), ("z-last", "self"), ("a-first", "tenant"), ("z-last", "tenant")] {
        let text = format!(
            r#"@id("{id}") @cell("{cell}")
            permit (principal in Function::"owner", action == Action::"{action}", resource);"#
        );
        let mut rules = read(FILES).unwrap();
        rules.extend(read(&[("own.cedar", &text)]).unwrap());
        rules.sort_by(|a, b| a.id().cmp(b.id()));
        let policies = Policies::sorted(&rules).unwrap();
        let widest = if cell == "tenant" { Cell::Tenant } else { Cell::Linked };
        assert!(policies.rights(Function::Owner).contains(&(action, widest)), "{id} {cell}");
        let case = base(&Tables::read(), action, Column::Function(Function::Owner), Brand::Opel);
        assert!(matches!(case.decide(&policies), Decision::Allowed { cell, .. } if cell == widest), "{id}");
    }
}
