//! The wire contract, pinned: paths, bytes, and what messages mean.

mod bytes;
mod meaning;
mod paths;
