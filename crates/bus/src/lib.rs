//! CAN frames, DBC, ISO-TP, UDS, OBD, and the architecture profiles that turn frames into signals and back.
