//! Files that are made from the code: they are checked, and written when `UPDATE` is set.

use std::{fmt::Write as _, fs, path::PathBuf};

use model::{Brand, Purpose};

use super::{
    cases::{Case, base},
    tables::{Column, Tables},
};
use crate::{Action, Cell, Condition, Decision, Function, Policies, ResourceKind, Trait, policies::SCHEMA};

#[test]
fn generated_actions_of_the_schema() {
    let (head, _) = SCHEMA.split_once("// Actions\n").unwrap();
    let mut text = format!("{head}// Actions\n\naction \"purpose-required\";\n");
    for action in Action::ALL {
        let group = if action.purpose_required() { " in [\"purpose-required\"]" } else { "" };
        let kind = action.resource();
        let kinds: Vec<&str> = (ResourceKind::ALL.into_iter())
            .filter(|kind| action.takes(*kind))
            .map(ResourceKind::type_name)
            .collect();
        assert!(action.takes(kind));
        writeln!(
            text,
            "action \"{action}\"{group} appliesTo {{ principal: [Person, Service, Car], resource: [{}], context: Request }};",
            kinds.join(", ")
        )
        .unwrap();
    }
    check("crates/identity/policies/schema.cedarschema", &text);
}

#[test]
fn generated_tables_of_the_docs() {
    let path = "docs/authorisation.md";
    let page = fs::read_to_string(root().join(path)).unwrap();
    let mark = "<!-- made by `UPDATE=1 cargo nextest run -p identity generated` -->\n";
    let (head, _) = page.split_once(mark).unwrap();
    check(path, &format!("{head}{mark}{}", tables()));
}

fn check(path: &str, text: &str) {
    let path = root().join(path);
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, text).unwrap();
    }
    let stands = fs::read_to_string(&path).unwrap();
    assert!(
        stands == text,
        "{} is not what the code says; run `UPDATE=1 cargo nextest run -p identity generated`",
        path.display()
    );
}

fn root() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// What the policies decide, written down.
fn tables() -> String {
    let (tables, policies) = (Tables::read(), Policies::load().unwrap());
    let mut text = "\n### Which function may do what\n\n| action |".to_owned();
    Column::all().for_each(|column| write!(text, " {} |", column.slug()).unwrap());
    text.push_str("\n|---|");
    Column::all().for_each(|_| text.push_str("---|"));
    for action in Action::ALL {
        write!(text, "\n| `{action}` |").unwrap();
        for column in Column::all() {
            write!(text, " {} |", cell(&policies, &tables, *action, column)).unwrap();
        }
    }
    text.push_str("\n\n### Which purposes a function may name\n\n| function |");
    Purpose::ALL.iter().for_each(|purpose| write!(text, " {purpose} |").unwrap());
    text.push_str("\n|---|");
    Purpose::ALL.iter().for_each(|_| text.push_str("---|"));
    for function in Function::ALL {
        write!(text, "\n| {function} |").unwrap();
        for purpose in Purpose::ALL {
            let may = names(&policies, &tables, function, purpose);
            write!(text, " {} |", if may { "yes" } else { "" }).unwrap();
        }
    }
    text.push_str("\n\n### The actions\n\n| action | resource | marks | conditions | what it is |\n|---|---|---|---|---|");
    for action in Action::ALL {
        let marks: Vec<&str> = action.traits().iter().map(|of| mark(*of)).collect();
        let conditions = conditions(&policies, &tables, *action).join(", ");
        let (kind, marks, meaning) = (action.resource(), marks.join(", "), action.meaning());
        write!(text, "\n| `{action}` | {kind} | {marks} | {conditions} | {meaning} |").unwrap();
    }
    text.push('\n');
    text
}

fn mark(of: Trait) -> &'static str {
    match of {
        Trait::Personal => "personal data",
        Trait::Privileged => "privileged",
        Trait::StepUp => "step-up",
        Trait::Purpose => "purpose",
    }
}

/// Asks with all that could be given, for the brand's own resource and for a linked car of it.
fn cell(policies: &Policies, tables: &Tables, action: Action, column: Column) -> String {
    let Some((case, cell)) = allowed(policies, tables, action, column) else { return String::new() };
    let unproven = case.context(|context| context.stepped_up = false);
    let word = match cell {
        Cell::Tenant => "tenant",
        Cell::Linked => "linked",
        Cell::Own => "self",
    };
    if unproven.decide(policies).is_allowed() { word.to_owned() } else { format!("{word}+step-up") }
}

fn allowed(policies: &Policies, tables: &Tables, action: Action, column: Column) -> Option<(Case, Cell)> {
    let asked = base(tables, action, column, Brand::Lancia);
    Purpose::ALL.into_iter().find_map(|purpose| {
        let case = asked.clone().context(|context| context.purpose = Some(purpose));
        match case.decide(policies) {
            Decision::Allowed { cell, .. } => Some((case, cell)),
            Decision::Denied { .. } => None,
        }
    })
}

fn names(policies: &Policies, tables: &Tables, function: Function, purpose: Purpose) -> bool {
    Action::ALL.iter().filter(|action| action.purpose_required()).any(|action| {
        let case = base(tables, *action, Column::Function(function), Brand::Lancia);
        case.context(|context| context.purpose = Some(purpose)).decide(policies).is_allowed()
    })
}

fn conditions(policies: &Policies, tables: &Tables, action: Action) -> Vec<&'static str> {
    let columns = Column::all().filter_map(|column| allowed(policies, tables, action, column)).next();
    let Some((case, _)) = columns else { return Vec::new() };
    let needed = |condition: &Condition| {
        let without = case.clone().context(|context| context.facts = context.facts.without(*condition));
        !without.decide(policies).is_allowed()
    };
    Condition::ALL.into_iter().filter(needed).map(Condition::slug).collect()
}
