//! Whole clusters in one thread and no time: real [`Session`](super::Session)s and a real
//! [`Scheduler`](facefleet_cluster::scheduler::Scheduler), between them a network, workers and faults that are made up from
//! a seed. What must hold whatever happens is in [`invariants`]; a seed for which it does not is replayed by one line.
//!
//! Why a simulator of our own: `turmoil` 0.7 seeds `tokio::select!` only under `--cfg tokio_unstable`, loses the bytes of a
//! cut connection for ever where TCP would send them again, and cannot stop a process; `madsim` replaces tokio and tonic,
//! HTTP/2 with its keepalive included, in a second build of everything. Both would run sockets and gRPC for the sake of
//! decisions that are made in pure modules, at a hundred times the cost. What they would see, and this does not, the tests
//! with real processes and real networks do.

mod client;
mod faults;
mod invariants;
mod master;
mod member;
mod network;
mod progress;
mod tally;
mod worker;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use tally::Tally;
use world::World;

/// Seeds that every test run tries.
const SEEDS: u64 = 500;

/// `FACEFLEET_SEED=n` runs this seed alone and prints its events; `FACEFLEET_SEEDS=n` tries that many in place of 500.
#[test]
fn streams_survive_any_luck() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().expect("a seed is a number"));
    if let Some(seed) = number("FACEFLEET_SEED") {
        println!("{:#?}", World::new(seed, true).run());
        return;
    }
    let seeds = number("FACEFLEET_SEEDS").unwrap_or(SEEDS);
    let (next, failed) = (AtomicU64::new(0), Mutex::new(None));
    let work = || {
        let mut total = Tally::default();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds {
                return total;
            }
            match catch_unwind(AssertUnwindSafe(|| World::new(seed, false).run())) {
                Ok(tally) => total.add(&tally),
                Err(panic) => {
                    next.store(seeds, Ordering::Relaxed);
                    let why = panic.downcast_ref::<String>().map(String::as_str);
                    let why = why.or(panic.downcast_ref::<&str>().copied()).unwrap_or_default().to_owned();
                    let mut first = failed.lock().expect("nothing panics while it holds this");
                    if first.as_ref().is_none_or(|(first, _)| seed < *first) {
                        *first = Some((seed, why));
                    }
                }
            }
        }
    };
    let mut total = Tally::default();
    std::thread::scope(|scope| {
        let threads = [scope.spawn(work), scope.spawn(work)];
        threads.into_iter().for_each(|thread| total.add(&thread.join().expect("panics are caught")));
    });
    if let Some((seed, why)) = failed.into_inner().expect("nothing panics while it holds this") {
        panic!("{why}\nreplay: FACEFLEET_SEED={seed} cargo test -p facefleet-stream simulation -- --nocapture");
    }
    println!("{seeds} seeds: {total:#?}");
    if seeds >= SEEDS {
        total.assert_that_everything_happened();
    }
}

#[test]
fn a_seed_is_a_fate() {
    for seed in 0..5 {
        assert_eq!(World::new(seed, false).run(), World::new(seed, false).run(), "seed {seed}");
    }
}
