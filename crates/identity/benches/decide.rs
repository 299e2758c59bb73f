//! What a decision costs. Before the bench's own table stand p50 and p99 of single decisions.

use std::time::Instant;

use divan::Bencher;
use identity::{
    Action, Assignment, Brands, Condition, Context, Function, Link, Links, Person, Policies, Principal,
    Resource, VehiclePart, What,
};
use model::{Brand, PersonId, Purpose, Region, Timestamp, VehicleId};

const NOW: Timestamp = Timestamp(1_000_000);
const DECISIONS: u32 = 100_000;

const FIRST_RUN: [Function; 6] = [
    Function::Operations,
    Function::Updates,
    Function::Security,
    Function::Privacy,
    Function::Support,
    Function::Administrator,
];

fn main() {
    percentiles();
    divan::main();
}

struct Question {
    principal: Principal,
    action: Action,
    resource: Resource,
    context: Context,
}

fn region() -> Region {
    "eu".parse().expect("a region's name")
}

fn person(assignments: Vec<Assignment>, links: Links) -> Principal {
    let id = PersonId::from_bytes([1; 16]);
    Principal::Person(Person { id, region: region(), enabled: true, assignments, links, dealership: None })
}

fn assignment(function: Function, brands: Brands) -> Assignment {
    Assignment { function, brands, region: region(), from: NOW, until: None }
}

fn vehicle(number: u16) -> VehicleId {
    let mut bytes = [0; 16];
    bytes[..2].copy_from_slice(&number.to_be_bytes());
    VehicleId::from_bytes(bytes)
}

fn question(principal: Principal, action: Action, brand: Brand) -> Question {
    let what = What::OfVehicle { vehicle: vehicle(7), brand, part: VehiclePart::Vehicle };
    let resource = Resource { region: region(), what };
    let context = Context {
        region: region(),
        now: NOW,
        stepped_up: false,
        purpose: Some(Purpose::Maintenance),
        facts: [Condition::NotQuarantined].into_iter().collect(),
    };
    Question { principal, action, resource, context }
}

/// Operations of one brand reads a car's signals.
fn one_assignment() -> Question {
    let principal = person(vec![assignment(Function::Operations, Brand::Fiat.into())], Links::default());
    question(principal, Action::VehicleSignalsRead, Brand::Fiat)
}

/// The account of the first run: six functions of all brands.
fn first_run() -> Question {
    let all = FIRST_RUN.map(|function| assignment(function, Brands::ALL));
    question(person(all.into(), Links::default()), Action::VehicleRead, Brand::Fiat)
}

/// The same account is denied by all five functions that have the action.
fn first_run_denied() -> Question {
    let all = FIRST_RUN.map(|function| assignment(function, Brands::ALL));
    let mut question = question(person(all.into(), Links::default()), Action::VehicleRead, Brand::Fiat);
    question.context.purpose = None;
    question
}

/// A fleet customer with ten thousand cars reads one of them.
fn large_fleet() -> Question {
    let link = |number| Link {
        person: PersonId::from_bytes([1; 16]),
        function: Function::FleetCustomer,
        vehicle: vehicle(number),
        brand: Brand::Fiat,
        region: region(),
        from: NOW,
        until: None,
        categories: None,
    };
    let links = (0..10_000).map(link).collect();
    let principal = person(vec![assignment(Function::FleetCustomer, Brands::ALL)], links);
    question(principal, Action::VehicleSignalsRead, Brand::Fiat)
}

/// Out of scope: the most frequent refusal.
fn foreign_brand() -> Question {
    let principal = person(vec![assignment(Function::Operations, Brand::Fiat.into())], Links::default());
    question(principal, Action::VehicleSignalsRead, Brand::Jeep)
}

const QUESTIONS: [(&str, fn() -> Question); 5] = [
    ("one_assignment", one_assignment),
    ("first_run", first_run),
    ("first_run_denied", first_run_denied),
    ("large_fleet", large_fleet),
    ("foreign_brand", foreign_brand),
];

fn ask(policies: &Policies, question: &Question) -> bool {
    let Question { principal, action, resource, context } = question;
    policies.decide(principal, *action, resource, context).is_allowed()
}

#[expect(clippy::disallowed_methods, reason = "a bench measures")]
#[expect(clippy::print_stdout, reason = "a bench tells what it measured")]
fn percentiles() {
    let start = Instant::now();
    let policies = Policies::load().expect("our policies are valid");
    println!("load and validate: {:?}", start.elapsed());
    for (name, question) in QUESTIONS {
        let question = question();
        let mut times: Vec<_> = (0..DECISIONS)
            .map(|_| {
                let start = Instant::now();
                divan::black_box(ask(&policies, divan::black_box(&question)));
                start.elapsed()
            })
            .collect();
        times.sort_unstable();
        let at = |share: usize| times[times.len() * share / 1_000];
        println!("{name:18} p50 {:?}  p99 {:?}  p99.9 {:?}", at(500), at(990), at(999));
    }
}

#[divan::bench(args = QUESTIONS.map(|(name, _)| name))]
fn decide(bencher: Bencher<'_, '_>, name: &str) {
    let policies = Policies::load().expect("our policies are valid");
    let question = QUESTIONS.iter().find(|(other, _)| *other == name).expect("a question of ours").1();
    bencher.bench_local(|| ask(&policies, divan::black_box(&question)));
}
