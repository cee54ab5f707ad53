//! Tests and benchmarks of the facefleet programs as processes.
