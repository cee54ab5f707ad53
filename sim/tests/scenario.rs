//! Many seeds, each a cluster with faults of its own. One that fails is replayed by the line that is printed.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use facefleet_sim::scenario::{Tally, run};
use facefleet_sim::world::Log;

/// Seeds that every test run tries.
const SEEDS: u64 = 500;

/// `FACEFLEET_SEED=n` runs this seed alone and prints its events; `FACEFLEET_SEEDS=n` tries that many in place of 500.
#[test]
fn streams_survive_any_luck() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().expect("a seed is a number"));
    if let Some(seed) = number("FACEFLEET_SEED") {
        println!("{:#?}", run(seed, Log::Printed));
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
            match catch_unwind(AssertUnwindSafe(|| run(seed, Log::Silent))) {
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
        panic!("{why}\nreplay: FACEFLEET_SEED={seed} cargo test -p facefleet-sim --test scenario -- --nocapture");
    }
    println!("{seeds} seeds: {total:#?}");
    if seeds >= SEEDS {
        total.assert_that_everything_happened();
    }
}

#[test]
fn a_seed_has_one_history() {
    for seed in 0..5 {
        assert_eq!(run(seed, Log::Silent), run(seed, Log::Silent), "seed {seed}");
    }
}
