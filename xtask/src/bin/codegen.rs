//! Writes what is made of the wire contract, `proto/*.proto`, and committed in `proto/src/gen`: the Rust code, and the descriptors
//! of each file, which a server tells by reflection.
//!
//! The generator is a program of its own, because the protobuf compiler behind it is slow to build and only `cargo xtask codegen` has a use
//! for it. The compiler is `protox`, in Rust: no machine needs `protoc`.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use protox::prost::Message;

/// The checkout.
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
/// The contract's files, without `.proto`. Neither has a `package`, so the code of both lands in one file.
const PROTOS: [&str; 2] = ["master", "stream_video"];
/// The file that the code lands in, without `.rs`.
const CODE: &str = "wire";
/// Leaves clients and servers out of a build that speaks to nobody.
const GRPC: &str = r#"#[cfg(feature = "grpc")]"#;

fn main() -> Result<(), Box<dyn Error>> {
    for file in generate()? {
        // A file that is up to date is not touched, so that nothing is built again.
        if file.is_committed() {
            println!("{} is up to date", file.name);
        } else {
            fs::write(file.path(), file.content)?;
            println!("wrote {}", file.name);
        }
    }
    Ok(())
}

/// A file of `proto/src/gen` with what belongs into it.
struct Generated {
    name: String,
    content: Vec<u8>,
}

impl Generated {
    fn path(&self) -> PathBuf {
        Path::new(ROOT).join("proto/src/gen").join(&self.name)
    }

    /// Whether the file in the checkout says this.
    fn is_committed(&self) -> bool {
        fs::read(self.path()).is_ok_and(|committed| with_unix_lines(&committed) == with_unix_lines(&self.content))
    }
}

fn generate() -> Result<Vec<Generated>, Box<dyn Error>> {
    let sources = Path::new(ROOT).join("proto");
    let protos = PROTOS.map(|name| format!("{name}.proto"));
    let out = Path::new(ROOT).join("target/codegen");
    fs::create_dir_all(&out)?;
    let mut prost = tonic_prost_build::Config::new();
    prost.default_package_filename(CODE);
    tonic_prost_build::configure()
        // Frames travel as reference-counted bytes, so that no layer copies them.
        .bytes(".")
        // Pure crates use the messages alone.
        .client_mod_attribute(".", GRPC)
        .server_mod_attribute(".", GRPC)
        .out_dir(&out)
        .compile_fds_with_config(protox::compile(&protos, [&sources])?, prost)?;
    let code = format!("{CODE}.rs");
    let mut files = vec![Generated { content: fs::read(out.join(&code))?, name: code }];
    for (name, proto) in PROTOS.iter().zip(&protos) {
        // Each program serves one of the files. Its comments would be most of the bytes, and the boards have better use for
        // the room.
        let descriptors =
            protox::Compiler::new([&sources])?.include_source_info(false).open_file(proto)?.file_descriptor_set();
        files.push(Generated { name: format!("{name}.bin"), content: descriptors.encode_to_vec() });
    }
    Ok(files)
}

/// Text with the line ends of unix, as git keeps it: a checkout on Windows may have turned them. Other bytes stay as they are.
fn with_unix_lines(bytes: &[u8]) -> Vec<u8> {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.replace("\r\n", "\n").into_bytes(),
        Err(_) => bytes.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_committed_is_what_the_protos_say() {
        let files = generate().unwrap();
        assert_eq!(files.len(), 1 + PROTOS.len());
        for file in files {
            assert!(file.is_committed(), "{} is stale; run `cargo xtask codegen` and commit it", file.path().display());
        }
        assert_eq!(with_unix_lines(b"a\r\nb\n"), b"a\nb\n");
    }
}
