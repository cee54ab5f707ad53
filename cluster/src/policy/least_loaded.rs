//! The worker with the least work waiting for its measured speed.

use super::contender::Contender;
use super::pool::Pool;
use super::rule::Policy;
use super::speed::{speeds, work_waiting};

/// How many workers are looked at, at least. Where there are more, as many are drawn at random.
///
/// Two are enough where workers are alike (M. Mitzenmacher, "The power of two choices in randomized load balancing", 2001).
/// Where they are not, both are often slow ones. In `cargo xtask bench sched`, with 64 mixed boards and one route for each
/// client, two choices gave 99 % of results within 22 s and lost a tenth of the throughput, and eight gave 0.5 s. Looking at all
/// 64 gave 0.6 s, because the heartbeats of a second ago then send everybody to the same best worker.
const LOOKED_AT: usize = 8;
/// How many workers are looked at for each that is wanted, where that is more than [`LOOKED_AT`].
const CHOICES: usize = 2;

/// Orders workers by [`work_waiting`]: the time until the frames that they hold or are promised, and the new one, are done on all
/// of their threads. A tie goes to the less busy machine, then to the lower id.
///
/// Frames in flight show at once how much is waiting at a worker, which CPU % does not show at all.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct LeastLoaded;

impl Policy for LeastLoaded {
    fn choose(&mut self, pool: &mut Pool<'_>, wanted: usize) -> Vec<Contender> {
        let contenders = pool.draw(wanted.saturating_mul(CHOICES).max(LOOKED_AT));
        let waits = speeds(&contenders).into_iter().zip(&contenders).map(|(speed, c)| work_waiting(c, speed));
        let mut order: Vec<(f64, Contender)> = waits.collect::<Vec<_>>().into_iter().zip(contenders).collect();
        order.sort_by(|(a_waits, a), (b_waits, b)| {
            a_waits.total_cmp(b_waits).then(a.cpu_percent.total_cmp(&b.cpu_percent)).then(a.id.cmp(&b.id))
        });
        order.truncate(wanted);
        order.into_iter().map(|(_, contender)| contender).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::contender::tests::contender;
    use super::super::testing::choose;
    use super::*;

    fn order(contenders: &[Contender]) -> Vec<u32> {
        choose(&mut LeastLoaded, contenders, usize::MAX)
    }

    #[test]
    fn a_fast_busy_worker_comes_before_a_slow_idle_one() {
        // 4 frames at 10 per unit are done sooner than one at 2 per unit, and 6 are not.
        let slow = contender(0, 2);
        let fast = |backlog| Contender { backlog, ..contender(1, 10) };
        assert_eq!(order(&[slow.clone(), fast(3)]), [1, 0]);
        assert_eq!(order(&[slow, fast(5)]), [0, 1]);
    }

    #[test]
    fn the_processor_only_breaks_ties() {
        let busy = Contender { cpu_percent: 90.0, ..contender(0, 1) };
        assert_eq!(order(&[busy.clone(), contender(1, 1)]), [1, 0]);
        assert_eq!(order(&[busy, Contender { backlog: 1, ..contender(1, 1) }]), [0, 1]);
    }

    #[test]
    fn equals_come_by_id() {
        assert_eq!(order(&[contender(7, 1), contender(3, 1), contender(5, 1)]), [3, 5, 7]);
    }
}
