//! Loading policies, ours and those of a deployment.

use model::{Brand, Purpose};

use super::{
    cases::{Case, base, context, person},
    tables::{Column, Tables},
};
use crate::{Action, Decision, DenyReason, Error, Function, Policies, Principal};

const FREEZE: (&str, &str) = (
    "freeze.cedar",
    r#"@id("freeze") @reason("condition")
    forbid (principal, action == Action::"campaign.assign", resource);"#,
);

fn campaign_assign() -> Case {
    base(&Tables::read(), Action::CampaignAssign, Column::Function(Function::Operations), Brand::Ds)
}

fn decide(policies: &Policies, case: &Case) -> Decision {
    policies.decide(&case.principal, case.action, &case.resource, &case.context)
}

#[test]
fn our_policies_fit_the_schema() {
    Policies::load().unwrap();
}

#[test]
fn a_deployment_may_forbid() {
    let policies = Policies::load_with(&[FREEZE]).unwrap();
    let reason = DenyReason::Condition;
    assert_eq!(decide(&policies, &campaign_assign()), Decision::Denied { reason });
    assert!(decide(&Policies::load().unwrap(), &campaign_assign()).is_allowed());
}

#[test]
fn a_deployment_may_forbid_one_function_or_ask_it_for_step_up() {
    let text = r#"@id("support-by-step-up") @reason("step-up")
        forbid (principal in Function::"support", action == Action::"vehicle.read", resource)
        unless { context.stepped_up };"#;
    let policies = Policies::load_with(&[("own.cedar", text)]).unwrap();
    let of = |function| {
        let case = base(&Tables::read(), Action::VehicleRead, Column::Function(function), Brand::Ds);
        decide(&policies, &case.context(|context| context.stepped_up = false))
    };
    assert_eq!(of(Function::Support), Decision::Denied { reason: DenyReason::StepUp });
    assert!(of(Function::Operations).is_allowed());
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
    assert_eq!(decide(&policies, &campaign_assign()), Decision::Denied { reason: DenyReason::Scope });
}

#[test]
fn who_is_out_of_scope_hears_of_nothing_else() {
    let policies = Policies::load().unwrap();
    let case = campaign_assign().of_brand(Brand::Jeep).context(|context| context.stepped_up = false);
    assert_eq!(decide(&policies, &case), Decision::Denied { reason: DenyReason::Scope });
}

#[test]
fn an_action_is_asked_about_its_own_kind_of_resource() {
    let policies = Policies::load().unwrap();
    let me =
        Principal::Person(person(vec![super::cases::assignment(Function::Operations, crate::Brands::ALL)]));
    let group = crate::Resource::Group { region: super::cases::home() };
    let decision = policies.decide(&me, Action::VehicleRead, &group, &context(Some(Purpose::Operation)));
    assert_eq!(decision, Decision::Denied { reason: DenyReason::Scope });
}
