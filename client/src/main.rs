//! The program `facefleet-client`; everything that it does is in the library.

use std::process::ExitCode;

use facefleet_client::cli::Cli;
use facefleet_service::shutdown;

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::from_env();
    #[cfg(not(feature = "otlp"))]
    facefleet_service::log::init(&cli.log);
    #[cfg(feature = "otlp")]
    let sends_the_last_spans = facefleet_service::otlp::init(&cli.log, cli.otlp(), "facefleet-client");
    let result = facefleet_client::run(cli.command).await;
    let interrupted = result.as_ref().is_err_and(facefleet_client::Error::is_interruption);
    let code = facefleet_service::cli::finish("facefleet-client", result);
    #[cfg(feature = "otlp")]
    drop(sends_the_last_spans);
    if interrupted {
        shutdown::end_as_asked();
    }
    code
}
