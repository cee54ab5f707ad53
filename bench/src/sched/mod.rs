//! Every policy in the same simulated clusters: the master's real scheduler, with workers and clients that are only
//! arithmetic, in a time of their own.

mod chart;
mod client;
mod cost;
mod measured;
mod results;
mod simulation;
mod worker;
mod world;

use std::path::PathBuf;

use clap::ValueEnum;
use facefleet_cluster::policy::PolicyName;
use facefleet_service::clock;

use crate::{Error, write_file, write_json};
use client::Kind;
use measured::Measured;
use results::{Results, Run};
use world::WORLDS;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// What the worlds are made from.
    #[arg(long, value_name = "SEED", default_value = "1")]
    seed: u64,

    /// Also clients of our kind that use so many workers from the first frame on, each number in worlds of its own.
    #[arg(long, value_name = "N,…", value_delimiter = ',', value_parser = clap::value_parser!(u16).range(2..))]
    wanted: Vec<u16>,

    /// Also write the figures to this file, as one JSON object.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,

    /// Also draw the figures into this file.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

pub(crate) fn run(args: &Args) -> Result<(), Error> {
    let origin = clock::now();
    let policies = PolicyName::value_variants();
    let mut runs = Vec::new();
    for world in &WORLDS {
        eprintln!("{}", world.name);
        let ours = args.wanted.iter().map(|wanted| Kind::Many((*wanted).into()));
        for kind in [Kind::OneRoute, Kind::AsNeeded].into_iter().chain(ours) {
            for &policy in policies {
                let seeds = args.seed..args.seed + world.seeds;
                let measured = seeds.fold(Measured::default(), |measured, seed| {
                    simulation::run(world, seed, policy, kind, origin, measured)
                });
                runs.push(Run::new(world, kind, policy, measured.figures()));
            }
        }
    }
    let results = Results::new(args.seed, runs, cost::measure(policies));
    print!("{results}");
    write_json(args.json.as_deref(), &results)?;
    match &args.svg {
        Some(path) => write_file(path, &chart::svg(&results)),
        None => Ok(()),
    }
}
