//! The program: command line, logging, socket and signals around [`facefleet_master::run`].

use std::process::ExitCode;

use facefleet_master::cli::Args;
use facefleet_master::{RunError, make_room, run};
use facefleet_service::{cli, listen, log, shutdown};

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::from_env();
    if let Some(shell) = args.completions {
        cli::print_completions::<Args>(shell);
        return ExitCode::SUCCESS;
    }
    log::init(&args.log);
    cli::finish("facefleet-master", serve(args).await)
}

async fn serve(args: Args) -> Result<(), RunError> {
    let stop = shutdown::on_signal()?;
    let mut config = args.config()?;
    make_room();
    let listener = listen::bind(args.listen).await?;
    if let Some(address) = args.http {
        config.http = Some(listen::bind_http(address).await?);
    }
    cli::announce(&format!("listening on {}", listener.local_addr()?));
    if let Some(page) = &config.http {
        cli::announce(&format!("page on http://{}/", page.local_addr()?));
    }
    run(listener, config, stop.cancelled()).await
}
