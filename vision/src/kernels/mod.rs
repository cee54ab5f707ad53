//! The inner loops of this crate, once for each instruction set.
//!
//! [`scalar`] is plain Rust, runs everywhere, and is what the others are tested against: every kernel of every table gives
//! the same bits for the same input, so a face does not depend on the machine that found it. A table of another
//! instruction set exists only where the processor was asked and has it, which is what makes its functions safe to call.
#![allow(
    unsafe_code,
    reason = "vector instructions; every function behind a table is reached only after a feature check"
)]

mod scalar;

use std::sync::LazyLock;

/// One function for each inner loop, all for the same instruction set.
#[derive(Clone, Copy)]
pub struct Kernels {
    pub(crate) name: &'static str,
}

static SUPPORTED: LazyLock<Vec<Kernels>> = LazyLock::new(|| vec![scalar::kernels()]);

impl Kernels {
    /// All tables that this processor can run, the fastest first and plain Rust last.
    pub fn supported() -> &'static [Kernels] {
        &SUPPORTED
    }

    /// The fastest.
    pub fn best() -> &'static Kernels {
        &SUPPORTED[0]
    }

    /// Plain Rust: the table that the others are measured and tested against.
    pub fn scalar() -> &'static Kernels {
        &SUPPORTED[SUPPORTED.len() - 1]
    }

    /// Architecture and instruction set, such as `x86_64-avx2`; `scalar` for plain Rust.
    pub fn name(&self) -> &'static str {
        self.name
    }
}
