//! Lets the program say how it was optimised: cargo tells nobody but build scripts.

use std::env;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-env=OPT_LEVEL={}", env::var("OPT_LEVEL").expect("cargo sets it for build scripts"));
}
