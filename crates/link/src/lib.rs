//! The session between car and cloud over MQTT 5.
