//! How fast workers are, compared with each other.

use super::contender::Contender;

/// The speed of each worker, in frames per millisecond: above 0 and finite.
///
/// A worker that has measured nothing is assumed to need the median time of those that have; when none has, each is as fast as
/// its weight and its cores claim, in no unit. In both cases, a worker that something slows down counts as that much slower.
pub(crate) fn speeds(contenders: &[Contender]) -> Vec<f64> {
    let mut measured: Vec<f32> = contenders.iter().filter_map(|contender| contender.frame_ms).collect();
    measured.sort_by(f32::total_cmp);
    let median = measured.get(measured.len() / 2).copied();
    contenders
        .iter()
        .map(|contender| {
            let (cores, slowdown) = (f64::from(contender.cores), f64::from(contender.slowdown));
            match (contender.frame_ms, median) {
                (Some(frame_ms), _) => cores / f64::from(frame_ms),
                (None, Some(frame_ms)) => cores / f64::from(frame_ms) / slowdown,
                (None, None) => cores * f64::from(contender.weight) / slowdown,
            }
        })
        .collect()
}

/// How long a worker needs for its backlog and one frame more; in milliseconds, if its speed was measured.
#[expect(clippy::cast_precision_loss, reason = "a backlog of 2^53 frames is none")]
pub(crate) fn work_waiting(contender: &Contender, speed: f64) -> f64 {
    (contender.backlog as f64 + 1.0) / speed
}

#[cfg(test)]
mod tests {
    use super::super::contender::tests::contender;
    use super::*;

    fn new() -> Contender {
        Contender { cores: 4, frame_ms: None, ..contender(0, 3) }
    }

    #[test]
    fn measured_speed_counts_and_weight_does_not() {
        let measured = |cores, weight, ms| Contender { cores, weight, frame_ms: Some(ms), ..new() };
        assert_eq!(speeds(&[measured(4, 3, 100.0), measured(1, 9, 50.0)]), [0.04, 0.02]);
    }

    #[test]
    fn who_has_measured_nothing_needs_the_median_time() {
        let times = [Some(100.0), Some(10.0), None, Some(1000.0)];
        let contenders = times.map(|frame_ms| Contender { cores: 1, frame_ms, ..new() });
        assert_eq!(speeds(&contenders)[2], 0.01);
    }

    #[test]
    fn when_nobody_has_measured_anything_weights_and_cores_count() {
        assert_eq!(speeds(&[new(), Contender { weight: 1, ..new() }]), [12.0, 4.0]);
    }

    #[test]
    fn who_is_held_back_is_slower_than_what_others_measured_or_it_claims() {
        let held_back = Contender { slowdown: 1.5, ..new() };
        let measured = Contender { frame_ms: Some(100.0), ..new() };
        for others in [vec![], vec![measured.clone()]] {
            let speeds = speeds(&[vec![new(), held_back.clone()], others].concat());
            assert_eq!(speeds[0], speeds[1] * 1.5);
        }
        let speeds = speeds(&[measured.clone(), Contender { slowdown: 1.5, ..measured }]);
        assert_eq!(speeds[0], speeds[1], "its own times tell already");
    }

    #[test]
    fn speeds_are_finite_whatever_workers_say() {
        for frame_ms in [None, Some(f32::MIN_POSITIVE * f32::EPSILON), Some(f32::MAX)] {
            for cores in [1, u32::MAX] {
                let speed = speeds(&[Contender { weight: 1_000_000, cores, frame_ms, ..new() }])[0];
                assert!(speed.is_finite() && speed > 0.0, "{frame_ms:?} on {cores} cores: {speed}");
            }
        }
    }
}
