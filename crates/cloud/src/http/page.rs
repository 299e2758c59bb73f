//! Pages of lists: limits and cursors.

use store::Cursor;

use super::problem::Problem;

/// Items of a page when nobody says.
const LIMIT: u32 = 50;
/// A page stays below some 100 kB.
pub(crate) const LIMIT_MAX: u32 = 500;

/// Where to begin and how much to read.
pub(crate) fn of(cursor: Option<&str>, limit: Option<u32>) -> Result<(Option<Cursor>, u32), Problem> {
    let limit = bounded(limit, LIMIT, LIMIT_MAX)?;
    Ok((cursor.map(str::parse).transpose()?, limit))
}

/// A limit that was given, if it is one.
pub(crate) fn bounded(limit: Option<u32>, default: u32, max: u32) -> Result<u32, Problem> {
    let limit = limit.unwrap_or(default);
    if (1..=max).contains(&limit) {
        return Ok(limit);
    }
    Err(Problem::query("limit", format!("must be 1 to {max}")))
}
