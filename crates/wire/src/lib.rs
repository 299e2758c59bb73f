//! Protobuf and the telemetry codec; the only conversions between wire and domain types.
