//! The generated protobuf types; nothing outside of this crate sees them.

#![allow(unreachable_pub, clippy::wildcard_enum_match_arm, reason = "generated code")]

include!(concat!(env!("OUT_DIR"), "/marque.v1.rs"));
