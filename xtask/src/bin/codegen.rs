//! Writes what is made of the wire contract, `proto/*.proto`, into the folder that its argument names: the Rust code, and
//! what reflection tells of each file.
//!
//! A program of its own, because the protobuf compiler behind it is slow to build and only `cargo xtask codegen`
//! has a use for it. `protox` is that compiler, in Rust: no machine needs `protoc`.

use std::env;
use std::error::Error;
use std::fs;
use std::path::PathBuf;

use protox::prost::Message;

/// The contract's files. Both have no `package`, so their code lands in one file.
const PROTOS: [&str; 2] = ["master.proto", "stream_video.proto"];

/// Leaves clients and servers out of a build that speaks to nobody.
const GRPC: &str = r#"#[cfg(feature = "grpc")]"#;

fn main() -> Result<(), Box<dyn Error>> {
    let out: PathBuf = env::args_os().nth(1).ok_or("say which folder to write into")?.into();
    fs::create_dir_all(&out)?;
    let mut prost = tonic_prost_build::Config::new();
    prost.default_package_filename("wire");
    tonic_prost_build::configure()
        // Frames travel as reference-counted bytes, so that no layer copies them.
        .bytes(".")
        // Pure crates use the messages alone.
        .client_mod_attribute(".", GRPC)
        .server_mod_attribute(".", GRPC)
        .out_dir(&out)
        .compile_fds_with_config(protox::compile(PROTOS, ["proto"])?, prost)?;
    for proto in PROTOS {
        // Each program serves one of the files. Its comments would be most of the bytes, and the boards have better use for
        // the room.
        let descriptors =
            protox::Compiler::new(["proto"])?.include_source_info(false).open_file(proto)?.file_descriptor_set();
        fs::write(out.join(proto).with_extension("bin"), descriptors.encode_to_vec())?;
    }
    Ok(())
}
