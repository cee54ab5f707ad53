//! Plain Rust.

mod lab;
mod mlp;
mod resize;
mod surf;

use super::Kernels;

pub(super) fn kernels() -> Kernels {
    Kernels {
        name: "scalar",
        blend_row: resize::blend_row,
        box_row: lab::box_row,
        code_row: lab::code_row,
        surf_sums: surf::surf_sums,
        dense: mlp::dense,
    }
}
