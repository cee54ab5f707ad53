//! How fast workers are, compared with each other.

use super::Contender;

/// The speed of each worker, in frames per millisecond: above 0 and finite. A worker that has measured nothing is taken to
/// need the median time of those that have; when none has, each is as fast as its weight and its cores claim, in no unit.
/// One that is held back is slower than that.
pub fn speeds(contenders: &[Contender]) -> Vec<f64> {
    let mut measured: Vec<f32> = contenders.iter().filter_map(|contender| contender.frame_ms).collect();
    measured.sort_by(f32::total_cmp);
    let median = measured.get(measured.len() / 2).copied();
    contenders
        .iter()
        .map(|contender| {
            let speed = match contender.frame_ms.or(median) {
                Some(frame_ms) => f64::from(contender.cores) / f64::from(frame_ms),
                None => f64::from(contender.cores) * f64::from(contender.weight),
            };
            speed / f64::from(contender.slowdown)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::contender;
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
    fn who_is_held_back_is_slower_also_before_anything_was_measured() {
        for frame_ms in [None, Some(100.0)] {
            let held_back = Contender { frame_ms, slowdown: 1.5, ..new() };
            let speeds = speeds(&[Contender { slowdown: 1.0, ..held_back.clone() }, held_back]);
            assert_eq!(speeds[0], speeds[1] * 1.5);
        }
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
