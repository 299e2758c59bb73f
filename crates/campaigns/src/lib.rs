//! What to collect and when.
