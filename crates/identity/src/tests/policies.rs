//! Loading policies, ours and those of a deployment.

use model::{Brand, Purpose};

use super::{
    cases::{Case, ME, assignment, base, context, home, person},
    tables::{Column, Tables},
};
use crate::{Action, Brands, Decision, DenyReason, Error, Function, Policies, Principal, Resource, What};

const FREEZE: (&str, &str) = (
    "freeze.cedar",
    r#"@id("freeze") @reason("condition")
    forbid (principal, action == Action::"campaign.assign", resource);"#,
);

fn campaign_assign() -> Case {
    base(&Tables::read(), Action::CampaignAssign, Column::Function(Function::Operations), Brand::Ds)
}

#[test]
fn our_policies_fit_the_schema() {
    Policies::load().unwrap();
}

#[test]
fn a_deployment_may_forbid() {
    let policies = Policies::load_with(&[FREEZE]).unwrap();
    let reason = DenyReason::Condition;
    assert_eq!(campaign_assign().decide(&policies), Decision::Denied { reason });
    assert!(campaign_assign().decide(&Policies::load().unwrap()).is_allowed());
}

#[test]
fn a_deployment_may_forbid_one_function_or_ask_it_for_step_up() {
    let text = r#"@id("support-by-step-up") @reason("step-up")
        forbid (principal in Function::"support", action == Action::"vehicle.read", resource)
        unless { context.stepped_up };"#;
    let policies = Policies::load_with(&[("own.cedar", text)]).unwrap();
    let of = |function| {
        let case = base(&Tables::read(), Action::VehicleRead, Column::Function(function), Brand::Ds);
        case.context(|context| context.stepped_up = false).decide(&policies)
    };
    assert_eq!(of(Function::Support), Decision::Denied { reason: DenyReason::StepUp });
    assert!(of(Function::Operations).is_allowed());
}

/// However the policy says who the person is.
#[test]
fn a_deployment_may_forbid_one_person_what_a_function_gives() {
    for whom in ["==", "in"] {
        let text = format!(
            r#"@id("me") forbid (principal {whom} Person::"{ME}", action == Action::"campaign.assign", resource);"#
        );
        let policies = Policies::load_with(&[("own.cedar", &text)]).unwrap();
        let denied = Decision::Denied { reason: DenyReason::Scope };
        assert_eq!(campaign_assign().decide(&policies), denied, "{whom}");
        let other = campaign_assign().person(|person| person.id = model::PersonId::from_bytes([9; 16]));
        assert!(other.decide(&policies).is_allowed(), "{whom}");
    }
}

/// An id says nothing of a type.
#[test]
fn a_person_may_have_the_name_of_a_function() {
    let text = r#"@id("x") forbid (principal in Person::"operations", action == Action::"campaign.assign", resource);"#;
    let policies = Policies::load_with(&[("own.cedar", text)]).unwrap();
    assert!(campaign_assign().decide(&policies).is_allowed());
}

#[test]
fn a_function_is_named_alone_or_with_its_kind_of_principal() {
    for whom in ["in Function::\"operations\"", "is Person in Function::\"operations\"", "is Person"] {
        let text = format!(
            r#"@id("x") @reason("condition") forbid (principal {whom}, action == Action::"campaign.assign", resource);"#
        );
        let policies = Policies::load_with(&[("own.cedar", &text)]).unwrap();
        let reason = DenyReason::Condition;
        assert_eq!(campaign_assign().decide(&policies), Decision::Denied { reason }, "{whom}");
    }
}

#[test]
fn what_everybody_has_cannot_be_forbidden_to_a_function() {
    for (whom, actions, fits) in [
        ("in Function::\"operations\"", "== Action::\"account.totp.remove\"", false),
        ("is Person in Function::\"operations\"", "== Action::\"account.totp.remove\"", false),
        (
            "in Function::\"operations\"",
            "in [Action::\"campaign.assign\", Action::\"account.totp.remove\"]",
            false,
        ),
        ("in Function::\"operations\"", "== Action::\"campaign.assign\"", true),
        ("is Person", "== Action::\"account.totp.remove\"", true),
    ] {
        let text = format!(r#"@id("x") forbid (principal {whom}, action {actions}, resource);"#);
        let loaded = Policies::load_with(&[("own.cedar", &text)]);
        assert_eq!(loaded.is_ok(), fits, "{text}");
        let everybodys = |err| matches!(err, Error::Everybodys { action: Action::AccountTotpRemove, .. });
        assert!(loaded.err().is_none_or(everybodys), "{text}");
    }
}

#[test]
fn a_deployment_may_not_permit() {
    let text = r#"@id("all") @cell("tenant") permit (principal, action, resource);"#;
    assert!(matches!(Policies::load_with(&[("own.cedar", text)]), Err(Error::Permits { .. })));
}

#[test]
fn a_policy_has_a_name_of_its_own() {
    let unnamed = "forbid (principal, action, resource);";
    assert!(matches!(Policies::load_with(&[("own.cedar", unnamed)]), Err(Error::Unnamed { .. })));
    let twice = r#"@id("region") forbid (principal, action, resource);"#;
    assert!(matches!(Policies::load_with(&[("own.cedar", twice)]), Err(Error::Twice { .. })));
}

#[test]
fn a_policy_that_names_what_does_not_exist_is_refused() {
    for text in [
        r#"@id("x") forbid (principal, action == Action::"vehicle.fly", resource);"#,
        r#"@id("x") forbid (principal in Function::"root", action, resource);"#,
        r#"@id("x") forbid (principal, action, resource) when { principal.name == "root" };"#,
    ] {
        assert!(matches!(Policies::load_with(&[("own.cedar", text)]), Err(Error::Invalid { .. })), "{text}");
    }
}

#[test]
fn a_policy_that_fails_while_deciding_denies() {
    // It fits the schema; the sum overflows.
    let text = r#"@id("overflow")
        forbid (principal, action == Action::"campaign.assign", resource)
        when { context.now + 9223372036854775807 < 0 };"#;
    let policies = Policies::load_with(&[("own.cedar", text)]).unwrap();
    assert_eq!(campaign_assign().decide(&policies), Decision::Denied { reason: DenyReason::Scope });
}

#[test]
fn who_is_out_of_scope_hears_of_nothing_else() {
    let policies = Policies::load().unwrap();
    let case = campaign_assign().of_brand(Brand::Jeep).context(|context| context.stepped_up = false);
    assert_eq!(case.decide(&policies), Decision::Denied { reason: DenyReason::Scope });
}

#[test]
fn an_action_is_asked_about_its_own_kind_of_resource() {
    let policies = Policies::load().unwrap();
    let me = Principal::Person(person(vec![assignment(Function::Operations, Brands::ALL)]));
    let group = Resource { region: home(), what: What::Group };
    let decision = policies.decide(&me, Action::VehicleRead, &group, &context(Some(Purpose::Operation)));
    assert_eq!(decision, Decision::Denied { reason: DenyReason::Scope });
}
