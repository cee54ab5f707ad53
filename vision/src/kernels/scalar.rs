//! Plain Rust.

use super::Kernels;

pub(super) fn kernels() -> Kernels {
    Kernels { name: "scalar" }
}
