//! What a master carries: a real one on a core of its own, and thousands of workers and clients that are only talk.

mod load;
mod master;
mod results;

use std::path::PathBuf;
use std::time::Duration;

use crate::{Error, write_json};
use load::Load;
use master::Master;
use results::{Point, Results};

pub(crate) use load::{Client, LoadError, join, state};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Sizes of the fleet, each with a master of its own. Each worker beats once a second.
    #[arg(long, value_name = "N,…", value_delimiter = ',', default_value = "10,100,1000,10000", value_parser = clap::value_parser!(u32).range(1..=50_000))]
    workers: Vec<u32>,

    /// Routes that are asked for in a second, whatever the size.
    #[arg(long, value_name = "N", default_value = "2000", value_parser = clap::value_parser!(u32).range(1..))]
    routes: u32,

    /// Connections that the workers share. In a real fleet each has one of its own, which costs the master memory.
    #[arg(long, value_name = "N", default_value = "4", value_parser = clap::value_parser!(u32).range(1..=16_000))]
    connections: u32,

    /// How long each fleet is watched.
    #[arg(long, value_name = "SECONDS", default_value = "15", value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,

    /// Also write the figures to this file, as one JSON object.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

pub(crate) fn run(args: &Args) -> Result<(), Error> {
    master::leave_its_core();
    // One thread, which has no other to wake: all that it does is to send and to wait.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(LoadError::from)?;
    let span = Duration::from_secs(args.seconds);
    let mut points = Vec::new();
    for &workers in &args.workers {
        eprintln!("{workers} workers");
        let master = Master::start()?;
        let load = Load { workers, connections: args.connections, routes_per_s: args.routes, span };
        let seen = runtime.block_on(load.put_on(&master))?;
        points.push(Point::new(workers, seen));
    }
    let results = Results::new(args, points);
    print!("{results}");
    write_json(args.json.as_deref(), &results)
}
