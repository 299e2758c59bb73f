//! The policies against a table of expectations that another hand wrote before them.

pub(crate) mod cases;
mod decision;
mod exhaustive;
mod generated;
mod mutations;
mod policies;
pub(crate) mod tables;
mod words;
