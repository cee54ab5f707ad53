//! Tests through the public interface, on real photographs and on damaged bytes.

mod analyze;
mod bad_bytes;
mod pictures;
