//! The one place that knows sqlx: two typed pools, and one way to run a statement's text on either.
//!
//! Statements use `$1` parameters and what both backends share, so a repository is written once.

use std::borrow::Cow;

use model::{Brand, DataCategory};
use sqlx::{
    AssertSqlSafe, Column as _, Postgres, Row as _, SqlSafeStr, SqlStr, Sqlite,
    postgres::{PgPool, PgRow},
    sqlite::{SqlitePool, SqliteRow},
};

use crate::Error;

/// The pools. SQLite has one writer, so writers queue here and not at a lock with a timeout.
#[derive(Debug, Clone)]
pub(crate) enum Pool {
    Sqlite { read: SqlitePool, write: SqlitePool },
    Postgres(PgPool),
}

/// A value for a `$n`. Absent values keep their type, which PostgreSQL wants to know.
#[derive(Debug, Clone)]
pub(crate) enum Arg<'a> {
    Int(Option<i64>),
    Flag(bool),
    Text(Option<Cow<'a, str>>),
    Bytes(Option<Cow<'a, [u8]>>),
}

/// A statement's text: fixed, or composed of fixed parts and numbered parameters.
pub(crate) trait Sql: SqlSafeStr + Send {}
impl Sql for &'static str {}
impl Sql for Composed {}

/// A statement composed at run time of `'static` parts and `$n` only; values never become text.
#[derive(Debug, Clone, Default)]
pub(crate) struct Composed(String);

impl Composed {
    pub(crate) fn new(part: &'static str) -> Self {
        Self(part.to_owned())
    }

    pub(crate) fn push(&mut self, part: &'static str) -> &mut Self {
        self.0.push_str(part);
        self
    }

    /// Appends `$number`.
    pub(crate) fn param(&mut self, number: usize) -> &mut Self {
        self.0.push('$');
        self.0.push_str(&number.to_string());
        self
    }

    /// Appends `($from, ... )` with `count` parameters.
    pub(crate) fn params(&mut self, from: usize, count: usize) -> &mut Self {
        self.0.push('(');
        for number in from..from + count {
            if number > from {
                self.0.push_str(", ");
            }
            self.param(number);
        }
        self.0.push(')');
        self
    }
}

/// Columns of a table, and the rest of a query.
pub(crate) fn select(columns: &'static str, rest: &'static str) -> Composed {
    let mut sql = Composed::new(columns);
    sql.push(rest);
    sql
}

impl SqlSafeStr for Composed {
    fn into_sql_str(self) -> SqlStr {
        AssertSqlSafe(self.0).into_sql_str()
    }
}

/// A row of either backend.
#[derive(Debug)]
pub(crate) enum Row {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

macro_rules! get {
    ($row:expr, $column:expr, $type:ty) => {
        match $row {
            Row::Sqlite(row) => row.try_get::<$type, _>($column).map_err(Error::from),
            Row::Postgres(row) => row.try_get::<$type, _>($column).map_err(Error::from),
        }
    };
}

impl Row {
    pub(crate) fn int(&self, column: usize) -> Result<i64, Error> {
        get!(self, column, i64)
    }

    pub(crate) fn opt_int(&self, column: usize) -> Result<Option<i64>, Error> {
        get!(self, column, Option<i64>)
    }

    pub(crate) fn flag(&self, column: usize) -> Result<bool, Error> {
        get!(self, column, i32).map(|flag| flag != 0)
    }

    pub(crate) fn text(&self, column: usize) -> Result<String, Error> {
        get!(self, column, String)
    }

    pub(crate) fn opt_text(&self, column: usize) -> Result<Option<String>, Error> {
        get!(self, column, Option<String>)
    }

    pub(crate) fn bytes(&self, column: usize) -> Result<Vec<u8>, Error> {
        get!(self, column, Vec<u8>)
    }

    pub(crate) fn opt_bytes(&self, column: usize) -> Result<Option<Vec<u8>>, Error> {
        get!(self, column, Option<Vec<u8>>)
    }

    /// A whole number that is not negative.
    pub(crate) fn count(&self, column: usize) -> Result<u64, Error> {
        self.number(column)
    }

    pub(crate) fn number<T: TryFrom<i64>>(&self, column: usize) -> Result<T, Error> {
        T::try_from(self.int(column)?).map_err(|_| self.corrupt(column))
    }

    /// A text that names a domain word.
    pub(crate) fn word<T: std::str::FromStr>(&self, column: usize) -> Result<T, Error> {
        self.text(column)?.parse().map_err(|_| self.corrupt(column))
    }

    pub(crate) fn opt_word<T: std::str::FromStr>(&self, column: usize) -> Result<Option<T>, Error> {
        let text = self.opt_text(column)?;
        text.map(|text| text.parse().map_err(|_| self.corrupt(column))).transpose()
    }

    /// Slugs with commas.
    pub(crate) fn brands(&self, column: usize) -> Result<Vec<Brand>, Error> {
        self.brands_of(column, &self.text(column)?)
    }

    pub(crate) fn brands_of(&self, column: usize, slugs: &str) -> Result<Vec<Brand>, Error> {
        let brands = slugs.split(',').map(str::parse).collect::<Result<Vec<Brand>, _>>();
        brands.map_err(|_| self.corrupt(column))
    }

    pub(crate) fn categories_of(&self, column: usize, slugs: &str) -> Result<Vec<DataCategory>, Error> {
        let categories = slugs.split(',').map(str::parse).collect::<Result<Vec<DataCategory>, _>>();
        categories.map_err(|_| self.corrupt(column))
    }

    /// The value itself is not repeated; it may be personal.
    fn corrupt(&self, column: usize) -> Error {
        let name = match self {
            Self::Sqlite(row) => row.try_column(column).map(|column| column.name().to_owned()),
            Self::Postgres(row) => row.try_column(column).map(|column| column.name().to_owned()),
        };
        Error::Corrupt { column: name.unwrap_or_else(|_| column.to_string()) }
    }
}

/// As [`Row::brands`] reads them.
pub(crate) fn slugs(brands: &[Brand]) -> String {
    brands.iter().map(|brand| brand.slug()).collect::<Vec<_>>().join(",")
}

/// Binds and runs on a concrete backend; the text and the arguments are the same for both.
macro_rules! bound {
    ($database:ty, $sql:expr, $args:expr) => {{
        let mut query = sqlx::query::<$database>($sql);
        for arg in $args {
            query = match arg {
                Arg::Int(value) => query.bind(*value),
                Arg::Flag(value) => query.bind(i32::from(*value)),
                Arg::Text(value) => query.bind(value.as_deref()),
                Arg::Bytes(value) => query.bind(value.as_ref()),
            };
        }
        query
    }};
}

impl Pool {
    pub(crate) async fn fetch(&self, sql: impl Sql, args: &[Arg<'_>]) -> Result<Vec<Row>, Error> {
        Ok(match self {
            Self::Sqlite { read, .. } => {
                let rows = bound!(Sqlite, sql, args).fetch_all(read).await?;
                rows.into_iter().map(Row::Sqlite).collect()
            }
            Self::Postgres(pool) => {
                let rows = bound!(Postgres, sql, args).fetch_all(pool).await?;
                rows.into_iter().map(Row::Postgres).collect()
            }
        })
    }

    pub(crate) async fn fetch_optional(&self, sql: impl Sql, args: &[Arg<'_>]) -> Result<Option<Row>, Error> {
        Ok(match self {
            Self::Sqlite { read, .. } => {
                bound!(Sqlite, sql, args).fetch_optional(read).await?.map(Row::Sqlite)
            }
            Self::Postgres(pool) => {
                bound!(Postgres, sql, args).fetch_optional(pool).await?.map(Row::Postgres)
            }
        })
    }

    /// Runs one statement by itself; how many rows it changed.
    pub(crate) async fn execute(&self, sql: impl Sql, args: &[Arg<'_>]) -> Result<u64, Error> {
        Ok(match self {
            Self::Sqlite { write, .. } => bound!(Sqlite, sql, args).execute(write).await?.rows_affected(),
            Self::Postgres(pool) => bound!(Postgres, sql, args).execute(pool).await?.rows_affected(),
        })
    }

    pub(crate) async fn begin(&self) -> Result<Transaction, Error> {
        Ok(Transaction(match self {
            // A transaction that reads first and writes later would fail instead of waiting.
            Self::Sqlite { write, .. } => Backend::Sqlite(write.begin_with("BEGIN IMMEDIATE").await?),
            Self::Postgres(pool) => Backend::Postgres(pool.begin().await?),
        }))
    }
}

/// Several changes that happen together or not at all. Dropped without a commit, none happens.
#[derive(Debug)]
pub struct Transaction(Backend);

#[derive(Debug)]
enum Backend {
    Sqlite(sqlx::Transaction<'static, Sqlite>),
    Postgres(sqlx::Transaction<'static, Postgres>),
}

/// Parameters in one statement. SQLite takes 32,766, PostgreSQL 65,535; longer texts gain nothing.
const PARAMS_MAX: usize = 2_000;

impl Transaction {
    pub async fn commit(self) -> Result<(), Error> {
        match self.0 {
            Backend::Sqlite(transaction) => transaction.commit().await?,
            Backend::Postgres(transaction) => transaction.commit().await?,
        }
        Ok(())
    }

    pub(crate) async fn execute(&mut self, sql: impl Sql, args: &[Arg<'_>]) -> Result<u64, Error> {
        Ok(match &mut self.0 {
            Backend::Sqlite(tx) => bound!(Sqlite, sql, args).execute(&mut **tx).await?.rows_affected(),
            Backend::Postgres(tx) => bound!(Postgres, sql, args).execute(&mut **tx).await?.rows_affected(),
        })
    }

    pub(crate) async fn fetch(&mut self, sql: impl Sql, args: &[Arg<'_>]) -> Result<Vec<Row>, Error> {
        Ok(match &mut self.0 {
            Backend::Sqlite(tx) => {
                let rows = bound!(Sqlite, sql, args).fetch_all(&mut **tx).await?;
                rows.into_iter().map(Row::Sqlite).collect()
            }
            Backend::Postgres(tx) => {
                let rows = bound!(Postgres, sql, args).fetch_all(&mut **tx).await?;
                rows.into_iter().map(Row::Postgres).collect()
            }
        })
    }

    pub(crate) async fn fetch_optional(
        &mut self,
        sql: impl Sql,
        args: &[Arg<'_>],
    ) -> Result<Option<Row>, Error> {
        Ok(match &mut self.0 {
            Backend::Sqlite(tx) => {
                bound!(Sqlite, sql, args).fetch_optional(&mut **tx).await?.map(Row::Sqlite)
            }
            Backend::Postgres(tx) => {
                bound!(Postgres, sql, args).fetch_optional(&mut **tx).await?.map(Row::Postgres)
            }
        })
    }

    /// Runs `head VALUES (...), (...) tail` over all rows, many to a statement. How many rows changed.
    pub(crate) async fn insert(
        &mut self,
        head: &'static str,
        rows: &[Vec<Arg<'_>>],
        tail: &'static str,
    ) -> Result<u64, Error> {
        let Some(width) = rows.first().map(Vec::len) else {
            return Ok(0);
        };
        let mut changed = 0;
        for chunk in rows.chunks((PARAMS_MAX / width).max(1)) {
            let mut sql = Composed::new(head);
            sql.push(" VALUES ");
            for index in 0..chunk.len() {
                if index > 0 {
                    sql.push(", ");
                }
                sql.params(index * width + 1, width);
            }
            sql.push(" ").push(tail);
            changed += self.execute(sql, &chunk.concat()).await?;
        }
        Ok(changed)
    }

    /// Runs `head IN (...) tail` over all keys, many to a statement, and gives all rows. `first` are `$1` and on;
    /// the keys follow them.
    pub(crate) async fn fetch_in(
        &mut self,
        head: &'static str,
        first: &[Arg<'_>],
        keys: &[Arg<'_>],
        tail: &'static str,
    ) -> Result<Vec<Row>, Error> {
        let mut rows = Vec::new();
        for (sql, args) in in_parts(head, first, keys, tail) {
            rows.append(&mut self.fetch(sql, &args).await?);
        }
        Ok(rows)
    }

    /// Runs `head IN (...)` over all keys in the same way; how many rows it changed.
    pub(crate) async fn execute_in(
        &mut self,
        head: &'static str,
        first: &[Arg<'_>],
        keys: &[Arg<'_>],
    ) -> Result<u64, Error> {
        let mut changed = 0;
        for (sql, args) in in_parts(head, first, keys, "") {
            changed += self.execute(sql, &args).await?;
        }
        Ok(changed)
    }

    /// Runs the statements of a migration, which end with a semicolon at the end of a line.
    pub(crate) async fn run_script(&mut self, script: &'static str) -> Result<(), Error> {
        match &mut self.0 {
            Backend::Sqlite(tx) => sqlx::raw_sql(script).execute(&mut **tx).await.map(drop)?,
            Backend::Postgres(tx) => sqlx::raw_sql(script).execute(&mut **tx).await.map(drop)?,
        }
        Ok(())
    }

    /// The database's clock, which all nodes share. The one text that cannot be the same.
    pub(crate) async fn database_now(&mut self) -> Result<model::Timestamp, Error> {
        let sql = match &self.0 {
            Backend::Sqlite(_) => {
                "SELECT CAST(ROUND((julianday('now') - 2440587.5) * 86400000) AS BIGINT) * 1000"
            }
            Backend::Postgres(_) => "SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)",
        };
        let row = self.fetch_optional(sql, &[]).await?.ok_or(Error::Sql(sqlx::Error::RowNotFound))?;
        Ok(model::Timestamp(row.int(0)?))
    }
}

macro_rules! into_arg {
    ($($from:ty, $value:ident => $arg:expr;)+) => {
        $(impl<'a> From<$from> for Arg<'a> {
            fn from($value: $from) -> Self { $arg }
        })+
    };
}

into_arg! {
    i64, value => Arg::Int(Some(value));
    u32, value => Arg::Int(Some(value.into()));
    u16, value => Arg::Int(Some(value.into()));
    u8, value => Arg::Int(Some(value.into()));
    bool, value => Arg::Flag(value);
    &'a str, value => Arg::Text(Some(Cow::Borrowed(value)));
    &'a String, value => Arg::Text(Some(Cow::Borrowed(value.as_str())));
    String, value => Arg::Text(Some(Cow::Owned(value)));
    Option<&'a str>, value => Arg::Text(value.map(Cow::Borrowed));
    Option<i64>, value => Arg::Int(value);
    &'a [u8], value => Arg::Bytes(Some(Cow::Borrowed(value)));
    Option<&'a [u8]>, value => Arg::Bytes(value.map(Cow::Borrowed));
    model::Timestamp, value => Arg::Int(Some(value.0));
    Option<model::Timestamp>, value => Arg::Int(value.map(|time| time.0));
    model::VehicleId, value => Arg::Text(Some(Cow::Owned(value.to_string())));
    model::SubjectId, value => Arg::Text(Some(Cow::Owned(value.to_string())));
    model::ServiceId, value => Arg::Text(Some(Cow::Owned(value.to_string())));
    model::PersonId, value => Arg::Text(Some(Cow::Owned(value.to_string())));
    model::OrganisationId, value => Arg::Text(Some(Cow::Owned(value.to_string())));
    Option<model::VehicleId>, value => Arg::Text(value.map(|id| Cow::Owned(id.to_string())));
    Option<model::OrganisationId>, value => Arg::Text(value.map(|id| Cow::Owned(id.to_string())));
    Option<model::PersonId>, value => Arg::Text(value.map(|id| Cow::Owned(id.to_string())));
    &'a model::Region, value => Arg::Text(Some(Cow::Borrowed(value.as_str())));
    model::Brand, value => Arg::Text(Some(Cow::Borrowed(value.slug())));
    model::CatalogueHash, value => Arg::Text(Some(Cow::Owned(value.to_string())));
}

impl From<u64> for Arg<'_> {
    /// Ids, counts, offsets and bytes stay far below 2^63.
    fn from(value: u64) -> Self {
        Self::Int(Some(i64::try_from(value).unwrap_or(i64::MAX)))
    }
}

/// The statements `head IN (...) tail` that have all keys between them, each with its arguments.
fn in_parts<'k, 'a>(
    head: &'static str,
    first: &'k [Arg<'a>],
    keys: &'k [Arg<'a>],
    tail: &'static str,
) -> impl Iterator<Item = (Composed, Vec<Arg<'a>>)> + use<'k, 'a> {
    keys.chunks(PARAMS_MAX).map(move |part| {
        let mut sql = Composed::new(head);
        sql.push(" IN ").params(first.len() + 1, part.len()).push(" ").push(tail);
        (sql, [first, part].concat())
    })
}

/// The arguments of a statement, in the order of their numbers.
macro_rules! args {
    ($($value:expr),* $(,)?) => { &[$($crate::sql::Arg::from($value)),*] };
}
pub(crate) use args;

/// One row of [`Transaction::insert`].
macro_rules! row {
    ($($value:expr),* $(,)?) => { vec![$($crate::sql::Arg::from($value)),*] };
}
pub(crate) use row;
