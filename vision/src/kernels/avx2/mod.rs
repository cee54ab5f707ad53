//! Kernels for AVX2 and the fused multiply-add (FMA) that came with it: x86 processors since 2013 (Intel) and 2015 (AMD).
//!
//! A function with `#[target_feature]` may run only where the processor has both. The functions in the table call such functions
//! without checking, because the table exists only after [`kernels`] has checked.

mod conv;
mod dct;
mod lab;
mod mlp;
pub(super) mod resize;
mod sift;
mod surf;
mod weigh;

use super::Kernels;

pub(super) fn kernels() -> Option<Kernels> {
    let has_it = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
    has_it.then_some(Kernels {
        name: "x86_64-avx2",
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
    })
}
