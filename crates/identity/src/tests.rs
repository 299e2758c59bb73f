//! The policies against a table of expectations that another hand wrote before them.

mod cases;
mod exhaustive;
mod generated;
mod mutations;
mod policies;
pub(crate) mod tables;
mod words;
