//! Which function may do what.

use axum::extract::State;
use identity::{Action, Cell, Facts, Function, Policies, What};

use super::{
    Api,
    extract::Json,
    gate::Gate,
    problem::Problem,
    words::{FunctionSlug, PurposeSlug, RealmSlug},
};
use types::{ActionMeaning, FunctionRights, Reach, Right, Roles};

pub(crate) mod types;

/// Which function may do what: worked out of the policies that decide.
///
/// What everybody has on the own account, without any function, is not among it.
#[utoipa::path(
    get, path = "/v1/roles", tag = "people",
    extensions(("x-marque-action" = json!("role.list"))),
    responses((status = 200, description = "All functions and actions", body = Roles)),
)]
pub(crate) async fn list_roles(State(api): State<Api>, gate: Gate) -> Result<Json<Roles>, Problem> {
    gate.ask(What::Region, Facts::NONE)?;
    let actions = Action::ALL.iter().copied().map(meaning).collect();
    let functions = Function::ALL.map(|function| rights(api.policies(), function)).into();
    Ok(Json(Roles { functions, actions }))
}

fn rights(policies: &Policies, function: Function) -> FunctionRights {
    let right = |(action, cell): &(Action, Cell)| Right {
        action: action.slug().to_owned(),
        reach: reach(*cell),
        step_up: policies.asks_step_up(function, *action),
    };
    FunctionRights {
        function: FunctionSlug(function),
        realm: RealmSlug(function.realm()),
        purposes: policies.purposes(function).iter().copied().map(PurposeSlug).collect(),
        rights: policies.rights(function).iter().map(right).collect(),
    }
}

fn meaning(action: Action) -> ActionMeaning {
    ActionMeaning {
        action: action.slug().to_owned(),
        meaning: action.meaning().to_owned(),
        resource: action.resource().slug().to_owned(),
        personal_data: action.personal_data(),
        privileged: action.privileged(),
        purpose_required: action.purpose_required(),
    }
}

const fn reach(cell: Cell) -> Reach {
    match cell {
        Cell::Own => Reach::Own,
        Cell::Linked => Reach::Linked,
        Cell::Tenant => Reach::Tenant,
    }
}
