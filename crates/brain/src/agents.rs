//! What the car does with its signals and its link: collect, send up, report.

pub(crate) mod collect;
pub(crate) mod renew;
pub(crate) mod report;
pub(crate) mod uplink;
