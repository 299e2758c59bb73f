//! Lists of accounts.

use model::{Brand, PersonId, Region, Timestamp};

use super::{PERSON, PersonRow, ROLE, RoleRow, person, role};
use crate::{
    Error, Page, Store,
    page::Cursor,
    vehicles::{Conditions, like},
};

/// Which accounts to list. A role counts until it is over.
#[derive(Debug, Clone)]
pub struct PeopleFilter {
    pub realms: Vec<String>,
    /// Those that one of these brands counts for: by a role, by what the account was created for, or because it
    /// has neither. None for all accounts.
    pub brands: Option<Vec<Brand>>,
    /// Those that have this function, in one of the brands.
    pub function: Option<String>,
    /// Part of the name.
    pub text: Option<String>,
    pub region: Region,
    pub now: Timestamp,
}

impl Store {
    /// One page in the order of names.
    pub async fn people(
        &self,
        filter: &PeopleFilter,
        after: Option<&Cursor>,
        limit: u32,
    ) -> Result<Page<PersonRow>, Error> {
        let mut query = Conditions::new(PERSON);
        filter.apply(&mut query);
        if let Some(cursor) = after {
            query.and("username > ", cursor.key().into());
        }
        query.end(" ORDER BY username LIMIT ", u64::from(limit).saturating_add(1).into());
        let rows = self.pool.fetch(query.sql, &query.args).await?;
        let people = rows.iter().map(person).collect::<Result<Vec<_>, _>>()?;
        Ok(Page::cut(people, limit, |person| person.username.clone()))
    }

    /// The roles of a page of people, the oldest first; also what is over.
    pub async fn roles_of_all(&self, people: &[PersonId]) -> Result<Vec<RoleRow>, Error> {
        if people.is_empty() {
            return Ok(Vec::new());
        }
        let mut query = Conditions::new(ROLE);
        query.and_in("person_id", people.iter().map(|id| (*id).into()).collect());
        query.end_part(" ORDER BY created_at, role_id");
        self.pool.fetch(query.sql, &query.args).await?.iter().map(role).collect()
    }
}

impl PeopleFilter {
    fn apply<'a>(&'a self, query: &mut Conditions<'a>) {
        query.and_in("realm", self.realms.iter().map(|realm| realm.into()).collect());
        if let Some(text) = &self.text {
            query.and("username LIKE ", like(text).into());
            query.end_part(" ESCAPE '!'");
        }
        let brands = self.brands.as_deref();
        if let Some(function) = &self.function {
            self.holds(query.and_part(""), Some(function), brands);
        } else if brands.is_some() {
            self.holds(query.and_part("("), None, brands);
            query.part(" OR ").names_one_of("people.brands", brands.unwrap_or_default());
            self.holds(query.part(" OR (people.brands IS NULL AND NOT "), None, None);
            query.part("))");
        }
    }

    /// Whether a role that is not over has the function and one of the brands, where these are given.
    fn holds<'a>(
        &'a self,
        query: &mut Conditions<'a>,
        function: Option<&'a str>,
        brands: Option<&'a [Brand]>,
    ) {
        query
            .part("EXISTS (SELECT 1 FROM roles WHERE roles.person_id = people.person_id AND roles.region = ");
        query.value((&self.region).into()).part(" AND (roles.ends_at IS NULL OR roles.ends_at > ");
        query.value(self.now.into()).part(")");
        if let Some(function) = function {
            query.part(" AND roles.person_function = ").value(function.into());
        }
        if let Some(brands) = brands {
            query.part(" AND ").names_one_of("roles.brands", brands);
        }
        query.part(")");
    }
}
