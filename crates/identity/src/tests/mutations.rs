//! The comparison would see it if a policy were lost or turned round.

use cedar_policy::{Effect, Policy};

use super::exhaustive::Comparison;
use crate::{
    Policies,
    policies::{FILES, Rule, read},
};

#[test]
fn losing_any_policy_is_seen() {
    let (comparison, rules) = (Comparison::small(), read(FILES).unwrap());
    assert_eq!(comparison.difference(&Policies::sorted(&rules).unwrap(), |_| true), None);
    for place in 0..rules.len() {
        let mut mutated = rules.clone();
        let lost = mutated.remove(place);
        check(&comparison, &mutated, &lost, "lost");
    }
}

#[test]
fn turning_any_policy_round_is_seen() {
    let (comparison, rules) = (Comparison::small(), read(FILES).unwrap());
    for place in 0..rules.len() {
        let mut mutated = rules.clone();
        mutated[place] = turned_round(&rules[place]);
        check(&comparison, &mutated, &rules[place], "turned round");
    }
}

/// Only actions that the policy names can be decided otherwise.
fn check(comparison: &Comparison, mutated: &[Policy], policy: &Policy, how: &str) {
    let (policies, rule) = (Policies::sorted(mutated).unwrap(), Rule::new(policy).unwrap());
    let difference = comparison.difference(&policies, |action| rule.names(action));
    assert!(difference.is_some(), "no case tells that `{}` was {how}", policy.id());
}

fn turned_round(policy: &Policy) -> Policy {
    let text = policy.to_string();
    let text = match policy.effect() {
        Effect::Permit => text.replacen("permit", "forbid", 1),
        Effect::Forbid => format!("@cell(\"tenant\")\n{}", text.replacen("forbid", "permit", 1)),
    };
    let turned = Policy::parse(Some(policy.id().clone()), text).unwrap();
    assert_ne!(turned.effect(), policy.effect());
    turned
}
