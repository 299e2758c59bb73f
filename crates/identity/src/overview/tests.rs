use super::*;
use crate::tests::tables::{Column, Scope, Tables};

#[test]
fn rights_are_those_of_the_table() {
    let (tables, policies) = (Tables::read(), Policies::load().unwrap());
    for function in Function::ALL {
        let rights: Vec<Action> = policies.rights(function).map(|(action, _)| action).collect();
        for action in Action::ALL {
            let cell = tables.cells[&(*action, Column::Function(function))];
            let everybodys = cell.scope == Scope::Own
                && matches!(action.resource().slug(), "account" | "session" | "notice")
                && *action != Action::AccessGrantListOwn;
            let expected = cell.scope != Scope::No && !everybodys;
            assert_eq!(rights.contains(action), expected, "{action} by {function}");
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
