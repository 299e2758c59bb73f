//! The comparison would see it if a policy were lost or turned round.

use cedar_policy::{Effect, Policy};

use super::exhaustive::Comparison;
use crate::{
    Policies,
    policies::{FILES, read},
};

#[test]
fn losing_any_policy_is_seen() {
    let (comparison, rules) = (Comparison::small(), read(FILES).unwrap());
    assert_eq!(comparison.difference(&Policies::sorted(&rules).unwrap()), None);
    for place in 0..rules.len() {
        let mut mutated = rules.clone();
        let lost = mutated.remove(place);
        check(&comparison, &mutated, &format!("without `{}`", lost.id()));
    }
}

#[test]
fn turning_any_policy_round_is_seen() {
    let (comparison, rules) = (Comparison::small(), read(FILES).unwrap());
    for place in 0..rules.len() {
        let mut mutated = rules.clone();
        mutated[place] = turned_round(&rules[place]);
        check(&comparison, &mutated, &format!("with `{}` turned round", rules[place].id()));
    }
}

fn check(comparison: &Comparison, rules: &[Policy], what: &str) {
    let policies = Policies::sorted(rules).unwrap();
    assert!(comparison.difference(&policies).is_some(), "no case tells policies {what} from ours");
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
