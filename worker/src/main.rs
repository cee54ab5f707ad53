//! `facefleet-worker`: see `facefleet-worker --help`.

use std::io;
use std::process::ExitCode;

use facefleet_service::listen::ListenError;
use facefleet_service::{cli, listen, log, shutdown};
use facefleet_worker::RunError;
use facefleet_worker::cli::Args;

/// Why the program ends with 1.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Listen(#[from] ListenError),
    #[error("cannot wait for signals: {0}")]
    Signal(io::Error),
    #[error(transparent)]
    Run(#[from] RunError),
}

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::from_env();
    if let Some(shell) = args.completions {
        cli::print_completions::<Args>(shell);
        return ExitCode::SUCCESS;
    }
    log::init(&args.log);
    cli::finish("facefleet-worker", run(args).await)
}

async fn run(args: Args) -> Result<(), Error> {
    let shutdown = shutdown::on_signal().map_err(Error::Signal)?;
    let listener = listen::bind(args.listen).await?;
    let bound = listener.local_addr().map_err(RunError::Listener)?;
    cli::announce(&format!("listening on {bound}"));
    facefleet_worker::run(listener, args.into_config(), shutdown.cancelled_owned()).await?;
    Ok(())
}
