//! Why the lake did not do what it was asked.

/// Each names the place and what was tried.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{operation} of the Delta table at {table}")]
    Delta { operation: &'static str, table: String, source: Box<delta_kernel::KernelError> },
    #[error(
        "the Delta table at {table} was changed by another writer while this one committed; there may be one committer to a table"
    )]
    Conflict { table: String },
    #[error("{operation} the Parquet file {path}")]
    Parquet { operation: &'static str, path: String, source: parquet::errors::ParquetError },
    #[error("building rows of the table at {place}")]
    Rows { place: String, source: arrow::error::ArrowError },
    #[error("{operation} {path}")]
    Storage { operation: &'static str, path: String, source: object_store::Error },
    #[error("{path} is not a data file of the table: {problem}")]
    DataFile { path: String, problem: &'static str },
    #[error("the table `{table}` has the column `{column}` with a type that no version of Marque wrote")]
    Column { table: &'static str, column: String },
    #[error("the lake was opened outside of a multi-threaded tokio runtime")]
    Runtime,
    #[error("a background task ended early; the process is stopping")]
    Stopped,
}

impl Error {
    pub(crate) fn delta(
        operation: &'static str,
        table: &str,
    ) -> impl FnOnce(delta_kernel::KernelError) -> Self {
        move |source| Self::Delta { operation, table: table.to_owned(), source: Box::new(source) }
    }

    pub(crate) fn parquet(
        operation: &'static str,
        path: &str,
    ) -> impl FnOnce(parquet::errors::ParquetError) -> Self {
        move |source| Self::Parquet { operation, path: path.to_owned(), source }
    }

    pub(crate) fn storage(operation: &'static str, path: &str) -> impl FnOnce(object_store::Error) -> Self {
        move |source| Self::Storage { operation, path: path.to_owned(), source }
    }
}
