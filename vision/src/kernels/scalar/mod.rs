//! The kernels in plain Rust. Vector kernels use them for what is left over at the end of a row.

pub(super) mod conv;
pub(super) mod dct;
pub(super) mod lab;
pub(super) mod mlp;
pub(super) mod resize;
pub(super) mod sift;
pub(super) mod surf;
pub(super) mod weigh;

use super::Kernels;

pub(super) fn kernels() -> Kernels {
    Kernels {
        name: "scalar",
        blend_row: resize::blend_row,
        box_row: lab::box_row,
        code_row: lab::code_row,
        split4: lab::split4,
        sift: sift::sift,
        moments: sift::moments,
        surf_sums: surf::surf_sums,
        dense: mlp::dense,
        inverse_dct: dct::inverse_dct,
        forward_dct: dct::forward_dct,
        weigh_rows: weigh::weigh_rows,
        weigh_columns: weigh::weigh_columns,
        convolve: conv::CONVOLVE,
    }
}
