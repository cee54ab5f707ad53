//! The steps of a check, one after the other, and how long each takes.

use std::time::{Duration, Instant};

use crate::error::Error;
use crate::wait::now;

/// The steps that are done, and when the first one began.
pub(super) struct Steps {
    start: Instant,
    took: Vec<(&'static str, Duration)>,
}

impl Steps {
    /// Starts the clock; no step is done yet.
    pub(super) fn new() -> Steps {
        Steps { start: now(), took: Vec::new() }
    }

    /// Does `work` and remembers how long it took.
    ///
    /// # Errors
    /// Whatever `work` fails with.
    pub(super) fn step<T>(&mut self, name: &'static str, work: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
        println!("\n== {:.0} s: {name}", self.start.elapsed().as_secs_f64());
        let begin = now();
        let result = work()?;
        self.took.push((name, begin.elapsed()));
        Ok(result)
    }

    /// Prints how long each step took.
    pub(super) fn print(&self) {
        println!("\n== {:.0} s: done", self.start.elapsed().as_secs_f64());
        for (name, took) in &self.took {
            println!("{name}: {:.0} s", took.as_secs_f64());
        }
    }
}
