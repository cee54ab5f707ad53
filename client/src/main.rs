//! `facefleet-client`: see the library.

use std::process::ExitCode;

use facefleet_client::cli::Cli;

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::from_env();
    facefleet_service::log::init(&cli.log);
    facefleet_service::cli::finish("facefleet-client", facefleet_client::run(cli.command).await)
}
