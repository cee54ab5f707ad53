//! Saying a thing now and then that happens all the time.

use std::time::{Duration, Instant};

/// Lets one line through every so often and counts the others.
#[derive(Debug)]
pub struct Quiet {
    every: Duration,
    said: Option<Instant>,
    kept_back: u64,
}

impl Quiet {
    /// One line `every` so often.
    pub fn new(every: Duration) -> Quiet {
        Quiet { every, said: None, kept_back: 0 }
    }

    /// Whether to say it now, and how often it was kept back since it was last said.
    pub fn ask(&mut self, now: Instant) -> Option<u64> {
        if self.said.is_some_and(|said| now.saturating_duration_since(said) < self.every) {
            self.kept_back += 1;
            return None;
        }
        self.said = Some(now);
        Some(std::mem::take(&mut self.kept_back))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_in_a_while() {
        let (mut quiet, start) = (Quiet::new(Duration::from_secs(10)), crate::clock::now());
        let asked = [0, 1, 9, 10, 11, 30].map(|s| quiet.ask(start + Duration::from_secs(s)));
        assert_eq!(asked, [Some(0), None, None, Some(2), None, Some(1)]);
    }
}
