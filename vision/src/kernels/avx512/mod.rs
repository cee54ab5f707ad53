//! Kernels for AVX-512 with its byte permutations (VBMI): Intel since Ice Lake, AMD since Zen 4.
//!
//! The table has kernels of its own only where AVX-512 does what AVX2 cannot. A permutation of 128 bytes looks codes up in an
//! eighth of the steps. A permutation of 64 bytes finds the pixels of a resized row wherever they lie. Convolutions take half the
//! instructions, and twice the registers hold more sums. All other kernels are those of [`avx2`], and what its documentation says
//! about safety holds here too.

mod conv;
mod resize;
mod sift;

use super::{Convolve, Kernels, avx2};

pub(super) fn kernels() -> Option<Kernels> {
    let has_it = is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512vbmi");
    let avx2 = avx2::kernels().filter(|_| has_it)?;
    Some(Kernels {
        name: "x86_64-avx512vbmi",
        blend_row: resize::blend_row,
        sift: sift::sift,
        convolve: Convolve { mix: conv::mix, depthwise: conv::depthwise, ..avx2.convolve },
        ..avx2
    })
}
