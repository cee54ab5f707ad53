//! Every policy in the same simulated clusters: the master's real scheduler and the client's real streams, in a time of their own.

mod chart;
mod cost;
mod results;

use std::path::PathBuf;

use clap::ValueEnum;
use facefleet_cluster::policy::PolicyName;
use facefleet_sim::policies::{CLUSTERS, Kind, Measured, Trial, run as run_trial};

use crate::{Error, write_file, write_json};
use results::{Results, Run};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// What the clusters are made from.
    #[arg(long, value_name = "SEED", default_value = "1")]
    seed: u64,

    /// Also clients that use so many workers from the first frame on, each number in clusters of its own.
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
    let policies = PolicyName::value_variants();
    let mut runs = Vec::new();
    for cluster in &CLUSTERS {
        eprintln!("{}", cluster.name);
        let ours = args.wanted.iter().map(|wanted| Kind::Many((*wanted).into()));
        for kind in [Kind::OneRoute, Kind::AsNeeded].into_iter().chain(ours) {
            for &policy in policies {
                let trial = Trial { cluster, policy, kind };
                let seeds = args.seed..args.seed + cluster.seeds;
                let measured = seeds.fold(Measured::default(), |measured, seed| run_trial(trial, seed, measured));
                runs.push(Run::new(trial, measured.figures()));
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use facefleet_service::grpc;
    use facefleet_sim::world::{CALL_TIMEOUT, KEEPALIVE, client::CONNECT_TIMEOUT};

    /// The simulator imports no sockets, so it has copies of what the real connections are set to.
    #[test]
    fn simulated_connections_have_the_times_of_real_ones() {
        let real: [Duration; 3] = [grpc::CALL_TIMEOUT, grpc::KEEPALIVE, grpc::CONNECT_TIMEOUT];
        assert_eq!([CALL_TIMEOUT, KEEPALIVE, CONNECT_TIMEOUT], real);
        assert_eq!(grpc::KEEPALIVE_TIMEOUT, KEEPALIVE, "a peer is given up after twice the interval");
    }
}
