//! The program `facefleet-client`; everything that it does is in the library.

use std::process::ExitCode;

use facefleet_client::cli::Cli;

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::from_env();
    #[cfg(not(feature = "otlp"))]
    facefleet_service::log::init(&cli.log);
    #[cfg(feature = "otlp")]
    let _sends_the_last_spans = facefleet_service::otlp::init(&cli.log, cli.otlp(), "facefleet-client");
    facefleet_service::cli::finish("facefleet-client", facefleet_client::run(cli.command).await)
}
