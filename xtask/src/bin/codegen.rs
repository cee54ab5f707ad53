//! Writes the protobuf code.
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let fds = protox::compile(["master.proto", "stream_video.proto"], ["proto"])?;
    let mut c = tonic_prost_build::Config::new();
    c.default_package_filename("wire");
    std::fs::create_dir_all("proto/src/gen")?;
    tonic_prost_build::configure().bytes(".").out_dir("proto/src/gen").compile_fds_with_config(fds, c)?;
    Ok(())
}
