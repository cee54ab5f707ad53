//! Limits how much of the machine the pictures of the live view may take. Pure: time is an argument.

use std::time::{Duration, Instant};

/// The largest part of all cores that drawing may use. Detection is to lose no more than 5 % to the live view in any case, and the
/// rest of that goes to frames that displace others from caches and to sending pictures.
const SHARE: f64 = 0.04;

/// Says when the next picture may be started.
#[derive(Debug)]
pub(crate) struct Budget {
    /// Seconds of work that are allowed in a second.
    share: f64,
    free_at: Option<Instant>,
}

impl Budget {
    /// The budget of a machine with this number of cores.
    pub(crate) fn new(cores: usize) -> Budget {
        Budget { share: SHARE * cores as f64, free_at: None }
    }

    /// Counts a picture that was started at `began` and took `work` of one core's time.
    pub(crate) fn spent(&mut self, began: Instant, work: Duration) {
        self.free_at = began.checked_add(work.div_f64(self.share));
    }

    /// When the next picture may be started, or None when it may be started now.
    pub(crate) fn rest_until(&self, now: Instant) -> Option<Instant> {
        self.free_at.filter(|at| *at > now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// Draws pictures for a minute of virtual time, each of which is this much work and takes twice as long, and returns the part of
    /// all cores that they took.
    fn taken(cores: usize, work: Duration) -> f64 {
        let began = facefleet_service::clock::now();
        let (mut budget, mut now, mut worked) = (Budget::new(cores), began, Duration::ZERO);
        while now < began + Duration::from_secs(60) {
            budget.spent(now, work);
            worked += work;
            now += work * 2;
            now = budget.rest_until(now).unwrap_or(now);
        }
        worked.div_duration_f64((now - began) * cores as u32)
    }

    #[test]
    fn no_more_than_its_part_is_taken_and_no_less() {
        for cores in [1, 2, 4] {
            for work in [ms(1), ms(30), ms(400)] {
                let taken = taken(cores, work);
                assert!((0.039..=0.0401).contains(&taken), "{cores} cores, {work:?}: {taken}");
            }
        }
        assert!(taken(32, ms(10)) < 0.02, "one thread cannot take more than one core");
    }

    #[test]
    fn there_is_no_rest_before_the_first_picture_nor_when_it_is_over() {
        let now = facefleet_service::clock::now();
        let mut budget = Budget::new(1);
        assert_eq!(budget.rest_until(now), None);
        budget.spent(now, ms(4));
        assert_eq!(budget.rest_until(now + ms(99)), Some(now + ms(100)));
        assert_eq!(budget.rest_until(now + ms(100)), None);
    }
}
