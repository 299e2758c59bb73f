//! Every action, function and brand, and every single change of what makes it allowed.

use model::{Brand, Purpose, Timestamp};

use super::{
    cases::{self, Case, NOW, base, elsewhere, my_car},
    tables::{Cell as Expected, Column, Scope, Tables},
};
use crate::{
    Action, Brands, Cell, Decision, DenyReason, Facts, Function, Link, Links, Policies, Principal, Profile,
    ResourceKind,
};

/// What the table says of a case; a reason where only one would do.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Want {
    Allowed,
    Denied(Option<DenyReason>),
}

const NOT_MINE: Want = Want::Denied(Some(DenyReason::Scope));

/// All cases of one action, column and brand; `foreign` are the brands to try besides.
struct Cases<'a> {
    tables: &'a Tables,
    action: Action,
    column: Column,
    brand: Brand,
    foreign: &'a [Brand],
    cell: Expected,
    list: Vec<(String, Case, Want)>,
}

impl Cases<'_> {
    fn list(mut self) -> Vec<(String, Case, Want)> {
        if self.cell.scope == Scope::No {
            self.never();
            return self.list;
        }
        self.add("base", self.base(), Want::Allowed);
        self.regions();
        self.brands();
        self.links();
        if self.cell.scope == Scope::Own {
            self.add("another's", self.base().of_another(), NOT_MINE);
        }
        let unproven = self.base().context(|context| context.stepped_up = false);
        let want = if self.cell.step_up { Want::Denied(Some(DenyReason::StepUp)) } else { Want::Allowed };
        self.add("not stepped up", unproven, want);
        self.purposes();
        for condition in self.tables.conditions.get(&self.action).into_iter().flatten() {
            let case = self.base().context(|context| context.facts = context.facts.without(*condition));
            self.add(condition.slug(), case, Want::Denied(Some(DenyReason::Condition)));
        }
        self.over();
        self.profiles();
        self.list
    }

    fn base(&self) -> Case {
        base(self.tables, self.action, self.column, self.brand)
    }

    fn add(&mut self, change: &str, case: Case, want: Want) {
        let name = format!("{} by {} of {}: {change}", self.action, self.column.slug(), self.brand.slug());
        self.list.push((name, case, want));
    }

    /// Where the table says no, nothing helps.
    fn never(&mut self) {
        let want = Want::Denied(Some(DenyReason::NoFunction));
        self.add("base", self.base(), want);
        for purpose in Purpose::ALL {
            let case = self.base().context(|context| context.purpose = Some(purpose));
            self.add(purpose.slug(), case, want);
        }
        if self.action.resource() == ResourceKind::Tenant {
            let case = Case { resource: my_car(self.brand), ..self.base() };
            self.add("of one car", case, want);
        }
    }

    fn regions(&mut self) {
        self.add("resource elsewhere", self.base().resource_elsewhere(), NOT_MINE);
        self.add("asker elsewhere", self.base().asker_elsewhere(), NOT_MINE);
        self.add("both elsewhere", self.base().asker_elsewhere().resource_elsewhere(), NOT_MINE);
        let platform = self.base().context(|context| context.region = elsewhere());
        self.add("platform elsewhere", platform, NOT_MINE);
        // What is everybody's own needs no assignment, hence cannot be lost with one.
        let want = if self.tables.is_everybodys(self.action) { Want::Allowed } else { NOT_MINE };
        if matches!(self.column, Column::Function(_)) {
            let case = self.base().assignment(|assignment| assignment.region = elsewhere());
            self.add("assignment elsewhere", case, want);
            let case = self.base().assignment(|assignment| assignment.region = elsewhere());
            self.add("assignment and resource elsewhere", case.resource_elsewhere(), NOT_MINE);
        }
    }

    fn brands(&mut self) {
        let rule = self.tables.brands[&self.action.resource()].as_str();
        match (self.cell.scope, rule) {
            (Scope::Tenant | Scope::Linked, "one" | "each") => {
                for foreign in self.foreign {
                    let name = format!("of {}", foreign.slug());
                    self.add(&name, self.base().of_brand(*foreign), NOT_MINE);
                }
            }
            (Scope::Tenant, "all") => {
                for foreign in self.foreign {
                    let both = Brands::new([self.brand, *foreign]).unwrap();
                    self.add(&format!("and {}", foreign.slug()), self.base().of_brands(both), NOT_MINE);
                }
            }
            (Scope::Tenant, "fourteen") => {
                self.add("of thirteen brands", self.base().thirteen(self.brand), NOT_MINE);
            }
            (Scope::Own, "one") | (Scope::Own, "all") => {
                for foreign in self.foreign {
                    let name = format!("own, of {}", foreign.slug());
                    self.add(&name, self.base().of_brand(*foreign), Want::Allowed);
                }
            }
            (Scope::Tenant, "none") | (Scope::Own, "self") => {}
            (scope, rule) => panic!("{}: {scope:?} does not go with `{rule}`", self.action),
        }
    }

    fn links(&mut self) {
        let Column::Function(function) = self.column else { return };
        if self.cell.scope != Scope::Linked {
            if self.cell.scope == Scope::Tenant {
                let none = self.base().person(|person| person.links = Links::default());
                self.add("no link", none, Want::Allowed);
            }
            return;
        }
        let none = self.base().person(|person| person.links = Links::default());
        self.add("no link", none, NOT_MINE);
        self.add("link to another car", self.base().linked_elsewhere(), NOT_MINE);
        let broken: [(&str, fn(&mut Link)); 4] = [
            ("link ended", |link| link.until = Some(NOW)),
            ("link not begun", |link| link.from = Timestamp(NOW.0 + 1)),
            ("link elsewhere", |link| link.region = elsewhere()),
            ("another's link", |link| link.person = model::PersonId::from_bytes([99; 16])),
        ];
        for (name, change) in broken {
            self.add(name, self.base().link(change), NOT_MINE);
        }
        for other in Function::ALL.into_iter().filter(|other| *other != function && other.has_links()) {
            let case = self.base().link(|link| link.function = other);
            self.add(&format!("link of {other}"), case, NOT_MINE);
        }
        for foreign in self.foreign {
            let case = self.base().link(|link| link.brand = *foreign);
            self.add(&format!("link to {}", foreign.slug()), case, NOT_MINE);
        }
    }

    fn purposes(&mut self) {
        if !self.action.purpose_required() {
            return;
        }
        let without = self.base().context(|context| context.purpose = None);
        self.add("no purpose", without, Want::Denied(Some(DenyReason::Purpose)));
        for purpose in Purpose::ALL {
            let may = self.tables.purposes[&self.column].contains(&purpose);
            let want = if may { Want::Allowed } else { Want::Denied(Some(DenyReason::Purpose)) };
            let case = self.base().context(|context| context.purpose = Some(purpose));
            self.add(purpose.slug(), case, want);
        }
    }

    fn over(&mut self) {
        let disabled = Want::Denied(Some(DenyReason::Disabled));
        match self.column {
            Column::Function(_) => {
                self.add("disabled", self.base().person(|person| person.enabled = false), disabled);
                let want = if self.tables.is_everybodys(self.action) {
                    Want::Allowed
                } else {
                    Want::Denied(Some(DenyReason::NoFunction))
                };
                let over = self.base().assignment(|assignment| assignment.until = Some(NOW));
                self.add("assignment over", over, want);
                let early = self.base().assignment(|assignment| assignment.from = Timestamp(NOW.0 + 1));
                self.add("assignment not begun", early, want);
            }
            Column::Service => {
                self.add("disabled", self.base().service(|service| service.enabled = false), disabled);
            }
            Column::Car => {}
        }
    }

    fn profiles(&mut self) {
        if self.column != Column::Service {
            return;
        }
        for profile in Profile::ALL {
            let may = self.tables.profiles.contains(&(self.action, profile));
            let want = if may { Want::Allowed } else { Want::Denied(None) };
            let case = self.base().service(|service| service.profiles = vec![profile]);
            self.add(profile.slug(), case, want);
        }
        let none = self.base().service(|service| service.profiles.clear());
        self.add("no profile", none, Want::Denied(None));
    }
}

fn cases(tables: &Tables, brand: Brand, foreign: &[Brand]) -> Vec<(String, Case, Want)> {
    let mut list = Vec::new();
    for (&(action, column), &cell) in &tables.cells {
        list.extend(Cases { tables, action, column, brand, foreign, cell, list: Vec::new() }.list());
    }
    list
}

/// A comparison that is cheap to repeat: two brands, each foreign to the other.
#[derive(Debug)]
pub(super) struct Comparison(Vec<(String, Case, Want)>);

impl Comparison {
    pub(super) fn small() -> Self {
        let tables = Tables::read();
        let mut list = cases(&tables, Brand::Abarth, &[Brand::Vauxhall]);
        list.extend(cases(&tables, Brand::Vauxhall, &[Brand::Abarth]));
        Self(list)
    }

    /// The first case of such an action in which policies and table differ about what is allowed.
    pub(super) fn difference(&self, policies: &Policies, of: impl Fn(Action) -> bool) -> Option<&str> {
        let differs = |(_, case, want): &&(String, Case, Want)| {
            of(case.action) && case.decide(policies).is_allowed() != (*want == Want::Allowed)
        };
        self.0.iter().find(differs).map(|(name, _, _)| name.as_str())
    }
}

#[test]
fn policies_and_table_agree_for_every_brand_and_change() {
    let (tables, policies) = (Tables::read(), Policies::load().unwrap());
    let mut differences = Vec::new();
    let mut count = 0;
    for brand in Brand::ALL {
        let foreign: Vec<Brand> = Brand::ALL.into_iter().filter(|other| *other != brand).collect();
        for (name, case, want) in cases(&tables, brand, &foreign) {
            count += 1;
            let agrees = match (case.decide(&policies), want) {
                (Decision::Allowed { .. }, Want::Allowed) => true,
                (Decision::Denied { reason }, Want::Denied(wanted)) => {
                    wanted.is_none_or(|wanted| wanted == reason)
                }
                (Decision::Allowed { .. }, Want::Denied(_)) | (Decision::Denied { .. }, Want::Allowed) => {
                    false
                }
            };
            if !agrees {
                differences.push(format!("{name}: {want:?} expected, {:?} decided", case.decide(&policies)));
            }
        }
    }
    println!("{count} decisions, {} differences", differences.len());
    differences.truncate(40);
    assert!(differences.is_empty(), "{differences:#?}");
}

#[test]
fn an_allowed_answer_names_its_cell_and_assignment() {
    let (tables, policies) = (Tables::read(), Policies::load().unwrap());
    for (&(action, column), &cell) in &tables.cells {
        let scope = match cell.scope {
            Scope::No => continue,
            Scope::Tenant => Cell::Tenant,
            Scope::Linked => Cell::Linked,
            Scope::Own => Cell::Own,
        };
        let case = base(&tables, action, column, Brand::Fiat);
        let Decision::Allowed { assignment, cell } = case.decide(&policies) else {
            panic!("{action} by {column:?} is denied")
        };
        assert_eq!(cell, scope, "{action} by {column:?}");
        let everybodys = matches!(column, Column::Service | Column::Car) || tables.is_everybodys(action);
        assert_eq!(assignment, (!everybodys).then_some(0), "{action} by {column:?}");
    }
}

#[test]
fn the_function_of_one_assignment_never_meets_the_brands_of_another() {
    let policies = Policies::load().unwrap();
    let two = vec![
        cases::assignment(Function::Operations, Brand::Fiat.into()),
        cases::assignment(Function::Support, Brand::Jeep.into()),
    ];
    let me = Principal::Person(cases::person(two));
    let context = cases::context(Some(Purpose::Operation));
    let history = |brand| policies.decide(&me, Action::VehicleHistoryRead, &my_car(brand), &context);
    assert!(history(Brand::Fiat).is_allowed());
    assert_eq!(history(Brand::Jeep), Decision::Denied { reason: DenyReason::Scope });
}

#[test]
fn a_person_without_assignment_has_the_own_account_and_no_more() {
    let (tables, policies) = (Tables::read(), Policies::load().unwrap());
    for action in Action::ALL {
        let column = Column::Function(Function::Owner);
        let case = base(&tables, *action, column, Brand::Opel).person(|person| person.assignments.clear());
        let own = tables.is_everybodys(*action);
        assert_eq!(case.decide(&policies).is_allowed(), own, "{action}");
        assert_eq!(policies.enter(&case.principal, *action, &case.context).is_ok(), own, "{action}");
    }
}

#[test]
fn who_may_not_name_the_purpose_hears_so_before_anything_is_looked_up() {
    let (tables, policies) = (Tables::read(), Policies::load().unwrap());
    for action in Action::ALL.iter().filter(|action| action.purpose_required()) {
        for column in Column::all() {
            let case = base(&tables, *action, column, Brand::Opel);
            let entered = policies.enter(&case.principal, *action, &case.context);
            if case.decide(&policies).is_allowed() {
                assert_eq!(entered, Ok(()), "{action} by {column:?}");
            }
            let without = case.context(|context| context.purpose = None);
            let entered =
                entered.and_then(|()| policies.enter(&without.principal, *action, &without.context));
            assert!(entered.is_err(), "{action} by {column:?}");
        }
    }
}

#[test]
fn an_unstated_fact_is_false() {
    let (tables, policies) = (Tables::read(), Policies::load().unwrap());
    for action in tables.conditions.keys() {
        for column in Column::all() {
            let case =
                base(&tables, *action, column, Brand::Ram).context(|context| context.facts = Facts::NONE);
            assert!(!case.decide(&policies).is_allowed(), "{action} by {column:?}");
        }
    }
}
