//! A cluster and its clients for minutes or hours, with a fault every few seconds: whether anything grows, and whether
//! every frame is accounted for. Started as `cargo xtask soak`.

#[cfg(target_os = "linux")]
mod cast;
#[cfg(target_os = "linux")]
mod error;
#[cfg(target_os = "linux")]
mod faults;
#[cfg(target_os = "linux")]
mod lives;
#[cfg(target_os = "linux")]
mod member;
#[cfg(target_os = "linux")]
mod proc;
#[cfg(target_os = "linux")]
mod results;
#[cfg(target_os = "linux")]
mod routes;
#[cfg(target_os = "linux")]
mod run;
#[cfg(target_os = "linux")]
mod tally;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

/// Runs a master, four workers and six clients, with a fault every few seconds; or several masters over an etcd, six workers
/// and four clients.
#[derive(Parser)]
#[command(name = "soak", bin_name = "cargo xtask soak --")]
struct Args {
    /// How long.
    #[arg(long, value_name = "N", default_value = "20", value_parser = clap::value_parser!(u32).range(2..))]
    minutes: u32,

    /// How many masters. Several share an etcd, which has to be installed and has its faults as well.
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u8).range(1..=9))]
    masters: u8,

    /// Decides the faults: the same number brings the same ones in the same order [default: a new one, which is printed].
    #[arg(long, value_name = "N")]
    seed: Option<u64>,

    /// Write the figures to this file as well, as one JSON object.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

#[cfg(target_os = "linux")]
fn main() -> ExitCode {
    match run::run(&Args::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("soak: {error}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(not(target_os = "linux"))]
fn main() -> ExitCode {
    let Args { minutes: _, masters: _, seed: _, json: _ } = Args::parse();
    eprintln!("soak: only Linux tells what a process holds (/proc)");
    ExitCode::FAILURE
}
