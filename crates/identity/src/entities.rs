//! Our words as Cedar's values. What never changes is made once.

use std::collections::{HashMap, HashSet};

use cedar_policy::{
    Context as CedarContext, Entities, Entity, EntityId, EntityTypeName, EntityUid, RestrictedExpression,
};
use model::{Brand, Purpose, Region};

use crate::{
    Action, Assignment, Brands, Condition, Context, Function, Link, Person, Principal, Profile, Resource,
    ResourceKind, Service,
};

/// The group of all actions that need a purpose.
pub(crate) const PURPOSE_REQUIRED: &str = "purpose-required";

/// Names in Cedar, made once.
#[derive(Debug)]
pub(crate) struct Vocabulary {
    brands: Vec<RestrictedExpression>,
    functions: Vec<EntityUid>,
    purposes: Vec<RestrictedExpression>,
    profiles: Vec<RestrictedExpression>,
    conditions: Vec<RestrictedExpression>,
    actions: Vec<Entity>,
    kinds: Vec<EntityTypeName>,
    person: EntityTypeName,
    service: EntityTypeName,
    car: EntityTypeName,
}

/// What is asked, in Cedar's words and without who asks: made once, asked with each assignment.
#[derive(Debug)]
pub(crate) struct Asked {
    action: Entity,
    resource: Entity,
    context: CedarContext,
}

/// One question in Cedar's words.
#[derive(Debug)]
pub(crate) struct Question {
    pub(crate) request: cedar_policy::Request,
    pub(crate) entities: Entities,
}

/// Cedar refused a value. It cannot be, since all values are ours, and it denies if it is.
#[derive(Debug)]
pub(crate) struct Refused;

type Attributes = HashMap<String, RestrictedExpression>;

impl Vocabulary {
    pub(crate) fn new() -> Self {
        let word = |kind: &str, id: &str| uid(&type_name(kind), id);
        let value = |kind: &str, id: &str| RestrictedExpression::new_entity_uid(word(kind, id));
        let group = word("Action", PURPOSE_REQUIRED);
        let action = |action: &Action| {
            let parents =
                if action.purpose_required() { HashSet::from([group.clone()]) } else { HashSet::new() };
            Entity::new_no_attrs(word("Action", action.slug()), parents)
        };
        Self {
            brands: Brand::ALL.map(|brand| value("Brand", brand.slug())).into(),
            functions: Function::ALL.map(|function| word("Function", function.slug())).into(),
            purposes: Purpose::ALL.map(|purpose| value("Purpose", purpose.slug())).into(),
            profiles: Profile::ALL.map(|profile| value("Profile", profile.slug())).into(),
            conditions: Condition::ALL.map(|condition| value("Condition", condition.slug())).into(),
            actions: Action::ALL.iter().map(action).collect(),
            kinds: ResourceKind::ALL.map(|kind| type_name(kind.type_name())).into(),
            person: type_name("Person"),
            service: type_name("Service"),
            car: type_name("Car"),
        }
    }

    /// `with_step_up` asks as if it had been done.
    pub(crate) fn asked(
        &self,
        action: Action,
        resource: &Resource,
        context: &Context,
        with_step_up: bool,
    ) -> Result<Asked, Refused> {
        Ok(Asked {
            action: self.actions[action.index()].clone(),
            resource: self.resource(resource)?,
            context: self.context(context, with_step_up)?,
        })
    }

    /// `assignment` is the one that the question is about.
    pub(crate) fn question(
        &self,
        asked: &Asked,
        principal: &Principal,
        assignment: Option<&Assignment>,
        resource: &Resource,
        context: &Context,
    ) -> Result<Question, Refused> {
        let Asked { action, resource: object, context: facts } = asked;
        let principal = self.principal(principal, assignment, resource, context)?;
        let (asker, object, action) = (principal.uid(), object.clone(), action.clone());
        let request = cedar_policy::Request::new(asker, action.uid(), object.uid(), facts.clone(), None)
            .map_err(|_| Refused)?;
        let entities = Entities::from_entities([principal, object, action], None).map_err(|_| Refused)?;
        Ok(Question { request, entities })
    }

    fn context(&self, context: &Context, with_step_up: bool) -> Result<CedarContext, Refused> {
        let facts = context.facts.iter().map(|fact| self.conditions[fact.index()].clone());
        let mut pairs = vec![
            ("region".to_owned(), text(context.region.as_str())),
            ("now".to_owned(), RestrictedExpression::new_long(context.now.0)),
            ("stepped_up".to_owned(), RestrictedExpression::new_bool(context.stepped_up || with_step_up)),
            ("facts".to_owned(), RestrictedExpression::new_set(facts)),
        ];
        if let Some(purpose) = context.purpose {
            pairs.push(("purpose".to_owned(), self.purposes[purpose.index()].clone()));
        }
        CedarContext::from_pairs(pairs).map_err(|_| Refused)
    }

    fn principal(
        &self,
        principal: &Principal,
        assignment: Option<&Assignment>,
        resource: &Resource,
        context: &Context,
    ) -> Result<Entity, Refused> {
        match principal {
            Principal::Person(person) => self.person(person, assignment, resource, context),
            Principal::Service(service) => self.service(service),
            Principal::Car { vehicle, region } => {
                entity(uid(&self.car, &vehicle.to_string()), attributes([("region", region_of(region))]))
            }
        }
    }

    fn person(
        &self,
        person: &Person,
        assignment: Option<&Assignment>,
        resource: &Resource,
        context: &Context,
    ) -> Result<Entity, Refused> {
        let brands = assignment.map_or_else(no_values, |assignment| self.brands(assignment.brands));
        let region = assignment.map_or(&person.region, |assignment| &assignment.region);
        // Only links to the car asked about can matter; a fleet has too many to carry them all.
        let links = resource.vehicle().map(|vehicle| person.links.to(vehicle)).unwrap_or_default();
        let links = links.iter().filter(|link| link.person == person.id && link.holds_at(context.now));
        let links = links.map(|link| self.link(link)).collect::<Result<Vec<_>, Refused>>()?;
        let mut values = attributes([
            ("region", region_of(&person.region)),
            ("enabled", RestrictedExpression::new_bool(person.enabled)),
            ("scope", record([("brands", brands), ("region", region_of(region))])?),
            ("links", RestrictedExpression::new_set(links)),
        ]);
        if let Some(dealership) = person.dealership {
            let name = &self.kinds[ResourceKind::Organisation.index()];
            let dealership = RestrictedExpression::new_entity_uid(uid(name, &dealership.to_string()));
            values.insert("dealership".to_owned(), dealership);
        }
        let functions = assignment.map(|assignment| self.functions[assignment.function.index()].clone());
        let name = uid(&self.person, &person.id.to_string());
        Entity::new(name, values, functions.into_iter().collect()).map_err(|_| Refused)
    }

    fn link(&self, link: &Link) -> Result<RestrictedExpression, Refused> {
        let function = self.functions[link.function.index()].clone();
        record([
            ("function", RestrictedExpression::new_entity_uid(function)),
            ("vehicle", text(&link.vehicle.to_string())),
            ("brand", self.brand(link.brand)),
            ("region", region_of(&link.region)),
        ])
    }

    fn service(&self, service: &Service) -> Result<Entity, Refused> {
        let profiles = service.profiles.iter().map(|profile| self.profiles[profile.index()].clone());
        let values = attributes([
            ("region", region_of(&service.region)),
            ("enabled", RestrictedExpression::new_bool(service.enabled)),
            ("brands", self.brands(service.brands)),
            ("profiles", RestrictedExpression::new_set(profiles)),
        ]);
        entity(uid(&self.service, &service.id.to_string()), values)
    }

    fn resource(&self, resource: &Resource) -> Result<Entity, Refused> {
        let mut values = attributes([("region", region_of(resource.region()))]);
        if let Some(brands) = resource.brands() {
            values.insert("brands".to_owned(), self.brands(brands));
        }
        let person =
            |id: &model::PersonId| RestrictedExpression::new_entity_uid(uid(&self.person, &id.to_string()));
        let id = match resource {
            Resource::Vehicle { vehicle, brand, .. }
            | Resource::DriverLink { vehicle, brand, .. }
            | Resource::AccessGrant { vehicle, brand, .. } => {
                let vehicle = vehicle.to_string();
                values.insert("brand".to_owned(), self.brand(*brand));
                values.insert("vehicle".to_owned(), text(&vehicle));
                vehicle
            }
            Resource::Account { owner, .. }
            | Resource::Session { owner, .. }
            | Resource::Notice { owner, .. } => {
                values.insert("owner".to_owned(), person(owner));
                String::new()
            }
            Resource::Service { service, .. } => {
                let id = service.to_string();
                values.insert(
                    "service".to_owned(),
                    RestrictedExpression::new_entity_uid(uid(&self.service, &id)),
                );
                id
            }
            Resource::Car { vehicle, .. } => {
                let id = vehicle.to_string();
                values.insert("car".to_owned(), RestrictedExpression::new_entity_uid(uid(&self.car, &id)));
                id
            }
            Resource::Tenant { brand, .. } => brand.slug().to_owned(),
            Resource::Campaign { .. }
            | Resource::Assignment { .. }
            | Resource::Person { .. }
            | Resource::Organisation { .. }
            | Resource::Customer { .. }
            | Resource::Group { .. }
            | Resource::Region { .. } => String::new(),
        };
        if let Resource::DriverLink { driver: Some(driver), .. } = resource {
            values.insert("driver".to_owned(), person(driver));
        }
        if let Resource::AccessGrant { dealership, .. } = resource {
            let name = &self.kinds[ResourceKind::Organisation.index()];
            let dealership = RestrictedExpression::new_entity_uid(uid(name, &dealership.to_string()));
            values.insert("dealership".to_owned(), dealership);
        }
        entity(uid(&self.kinds[resource.kind().index()], &id), values)
    }

    fn brand(&self, brand: Brand) -> RestrictedExpression {
        self.brands[brand as usize].clone()
    }

    fn brands(&self, brands: Brands) -> RestrictedExpression {
        RestrictedExpression::new_set(brands.iter().map(|brand| self.brand(brand)))
    }
}

impl ResourceKind {
    /// Its type in the schema. Who asks and what is asked about are never of the same type.
    pub(crate) const fn type_name(self) -> &'static str {
        match self {
            Self::Vehicle => "Vehicle",
            Self::DriverLink => "DriverLink",
            Self::AccessGrant => "AccessGrant",
            Self::Tenant => "Tenant",
            Self::Campaign => "Campaign",
            Self::Assignment => "Assignment",
            Self::Person => "PersonAccount",
            Self::Organisation => "Organisation",
            Self::Service => "ServiceAccount",
            Self::Customer => "CustomerAccount",
            Self::Group => "Group",
            Self::Region => "Region",
            Self::Account => "Account",
            Self::Session => "Session",
            Self::Notice => "Notice",
            Self::Car => "CarIdentity",
        }
    }
}

fn type_name(name: &str) -> EntityTypeName {
    name.parse().expect("our type names are identifiers")
}

fn uid(kind: &EntityTypeName, id: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(kind.clone(), EntityId::new(id))
}

fn text(value: &str) -> RestrictedExpression {
    RestrictedExpression::new_string(value.to_owned())
}

fn region_of(region: &Region) -> RestrictedExpression {
    text(region.as_str())
}

fn no_values() -> RestrictedExpression {
    RestrictedExpression::new_set([])
}

fn attributes<const N: usize>(pairs: [(&str, RestrictedExpression); N]) -> Attributes {
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn record<const N: usize>(pairs: [(&str, RestrictedExpression); N]) -> Result<RestrictedExpression, Refused> {
    RestrictedExpression::new_record(pairs.map(|(name, value)| (name.to_owned(), value))).map_err(|_| Refused)
}

fn entity(name: EntityUid, values: Attributes) -> Result<Entity, Refused> {
    Entity::new(name, values, HashSet::new()).map_err(|_| Refused)
}
