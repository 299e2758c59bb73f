//! Our words as Cedar's values. What never changes is made once.

use std::collections::{HashMap, HashSet};

use cedar_policy::{
    Context as CedarContext, Entities, Entity, EntityId, EntityTypeName, EntityUid, RestrictedExpression,
};
use model::{Brand, Purpose, Region};

use crate::{
    Action, Assignment, Brands, BrandsThing, Condition, Context, Function, Link, Person, Principal, Profile,
    Resource, ResourceKind, Service, VehiclePart, What,
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
    actions: Vec<(EntityUid, Entities)>,
    kinds: Vec<EntityTypeName>,
    person: EntityTypeName,
    service: EntityTypeName,
    car: EntityTypeName,
}

/// What is asked, in Cedar's words and without who asks: made once, asked with each assignment.
#[derive(Debug)]
pub(crate) struct Asked {
    action: EntityUid,
    resource: EntityUid,
    context: CedarContext,
    entities: Entities,
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
            let name = word("Action", action.slug());
            let entity = Entity::new_no_attrs(name.clone(), parents);
            (name, Entities::from_entities([entity], None).expect("it stands alone"))
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

    pub(crate) fn asked(
        &self,
        action: Action,
        resource: &Resource,
        context: &Context,
    ) -> Result<Asked, Refused> {
        let (action, entities) = &self.actions[action.index()];
        let (object, context) = (self.resource(resource)?, self.context(context)?);
        let (action, resource) = (action.clone(), object.uid());
        // Cedar looks for the ancestors of what is added, and of nothing else.
        let entities = entities.clone().add_entities([object], None).map_err(|_| Refused)?;
        Ok(Asked { action, resource, context, entities })
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
        let Asked { action, resource: object, context: facts, entities } = asked;
        let principal = self.principal(principal, assignment, resource, context)?;
        let (action, object, facts) = (action.clone(), object.clone(), facts.clone());
        let request = cedar_policy::Request::new(principal.uid(), action, object, facts, None);
        let request = request.map_err(|_| Refused)?;
        let entities = entities.clone().add_entities([principal], None).map_err(|_| Refused)?;
        Ok(Question { request, entities })
    }

    fn context(&self, context: &Context) -> Result<CedarContext, Refused> {
        let facts = context.facts.iter().map(|fact| self.conditions[fact.index()].clone());
        let mut pairs = vec![
            ("region".to_owned(), text(context.region.as_str())),
            ("now".to_owned(), RestrictedExpression::new_long(context.now.0)),
            ("stepped_up".to_owned(), RestrictedExpression::new_bool(context.stepped_up)),
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
            let organisation = &self.kinds[ResourceKind::Organisation.index()];
            values.insert("dealership".to_owned(), named(organisation, &dealership.to_string()));
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
        let mut values = attributes([("region", region_of(&resource.region))]);
        if let Some(brands) = resource.brands() {
            values.insert("brands".to_owned(), self.brands(brands));
        }
        let mut set = |name: &str, value| values.insert(name.to_owned(), value);
        let id = match resource.what {
            What::OfVehicle { vehicle, brand, part } => {
                let vehicle = vehicle.to_string();
                set("brand", self.brand(brand));
                set("vehicle", text(&vehicle));
                match part {
                    VehiclePart::DriverLink { driver: Some(driver) } => {
                        set("driver", named(&self.person, &driver.to_string()));
                    }
                    VehiclePart::AccessGrant { dealership } => {
                        let organisation = &self.kinds[ResourceKind::Organisation.index()];
                        set("dealership", named(organisation, &dealership.to_string()));
                    }
                    VehiclePart::Vehicle | VehiclePart::DriverLink { driver: None } => {}
                }
                vehicle
            }
            What::Tenant { brand } => brand.slug().to_owned(),
            What::OfBrands { thing: BrandsThing::Service { service }, .. } => {
                let id = service.to_string();
                set("service", named(&self.service, &id));
                id
            }
            What::OfPerson { owner, .. } => {
                set("owner", named(&self.person, &owner.to_string()));
                String::new()
            }
            What::Car { vehicle } => {
                let id = vehicle.to_string();
                set("car", named(&self.car, &id));
                id
            }
            What::OfBrands {
                thing:
                    BrandsThing::Campaign
                    | BrandsThing::Assignment
                    | BrandsThing::Person
                    | BrandsThing::Organisation
                    | BrandsThing::Customer,
                ..
            }
            | What::Group
            | What::Region => String::new(),
        };
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

fn named(kind: &EntityTypeName, id: &str) -> RestrictedExpression {
    RestrictedExpression::new_entity_uid(uid(kind, id))
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
