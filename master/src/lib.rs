//! The registry and scheduler of a facefleet cluster.
