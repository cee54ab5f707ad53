//! Algorithms that several instruction sets share, each written once over what the instruction sets have in common.
//!
//! A function here does not say which instructions it may use. It is compiled into a function of a table that does, with
//! `#[target_feature]`, and that is why each one is `#[inline(always)]` and free of closures: a closure does not inherit the
//! features of the function that it ends up in, so a vector would pass through memory on its way in and out.

pub(super) mod conv;
pub(super) mod weigh;
