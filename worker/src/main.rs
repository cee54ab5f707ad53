//! The program `facefleet-worker`; see `facefleet-worker --help`.

use std::io;
use std::process::ExitCode;
use std::time::Duration;

use facefleet_service::address::HostPorts;
use facefleet_service::discovery::SeveralClusters;
use facefleet_service::listen::ListenError;
#[cfg(not(feature = "otlp"))]
use facefleet_service::log;
#[cfg(feature = "otlp")]
use facefleet_service::otlp;
use facefleet_service::{cli, discovery, listen, shutdown};
use facefleet_worker::bench::{self, BenchError};
use facefleet_worker::cli::{Args, Command};
use facefleet_worker::{Listeners, RunError};

/// Why the program exits with 1.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Listen(#[from] ListenError),
    #[error(transparent)]
    Masters(#[from] SeveralClusters),
    #[error("cannot wait for signals: {0}")]
    Signal(io::Error),
    #[error(transparent)]
    Run(#[from] RunError),
    #[error(transparent)]
    Bench(#[from] BenchError),
}

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::from_env();
    if let Some(shell) = args.completions {
        cli::print_completions::<Args>(shell);
        return ExitCode::SUCCESS;
    }
    #[cfg(not(feature = "otlp"))]
    log::init(&args.log);
    #[cfg(feature = "otlp")]
    let _sends_the_last_spans = otlp::init(&args.log, Some(&args.otlp), "facefleet-worker");
    if let Some(Command::Bench { seconds }) = args.command {
        let measured = bench::run(Duration::from_secs(seconds.into()), &mut io::stdout().lock());
        return cli::finish("facefleet-worker", measured.map_err(Error::from));
    }
    cli::finish("facefleet-worker", run(args).await)
}

async fn run(args: Args) -> Result<(), Error> {
    let shutdown = shutdown::on_signal().map_err(Error::Signal)?;
    let frames = listen::bind(args.listen).await?;
    let bound = frames.local_addr().map_err(RunError::Listener)?;
    let http = match args.http {
        Some(address) => Some(listen::bind_http(address).await?),
        None => None,
    };
    cli::announce(&format!("listening on {bound}"));
    if let Some(http) = &http {
        cli::announce(&format!("live view on http://{}/live", http.local_addr().map_err(RunError::Listener)?));
    }
    let Some(masters) = shutdown.run_until_cancelled(masters(&args)).await else { return Ok(()) };
    facefleet_worker::run(Listeners { frames, http }, args.into_config(masters?), shutdown.cancelled_owned()).await?;
    Ok(())
}

/// The masters to join: those that the flags name, or else the first cluster that is found on the network.
async fn masters(args: &Args) -> Result<HostPorts, SeveralClusters> {
    if let Some(named) = &args.master {
        return Ok(named.clone());
    }
    let cluster = discovery::wait().await?;
    tracing::info!("found the {cluster}");
    Ok(cluster.masters())
}
