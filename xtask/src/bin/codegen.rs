//! Prints the Rust code of the wire contract: `proto/*.proto` in, one file on stdout.
//!
//! A program of its own, because the protobuf compiler behind it is slow to build and only `cargo xtask codegen`
//! has a use for it. `protox` is that compiler, in Rust: no machine needs `protoc`.

use std::error::Error;
use std::fs;
use std::io::{self, Write as _};

/// The contract's files. Both have no `package`, so their code lands in one file.
const PROTOS: [&str; 2] = ["master.proto", "stream_video.proto"];

fn main() -> Result<(), Box<dyn Error>> {
    let descriptors = protox::compile(PROTOS, ["proto"])?;
    let out = tempfile::tempdir()?;
    let mut prost = tonic_prost_build::Config::new();
    prost.default_package_filename("wire");
    tonic_prost_build::configure()
        // Frames travel as reference-counted bytes, so that no layer copies them.
        .bytes(".")
        .out_dir(out.path())
        .compile_fds_with_config(descriptors, prost)?;
    io::stdout().write_all(&fs::read(out.path().join("wire.rs"))?)?;
    Ok(())
}
