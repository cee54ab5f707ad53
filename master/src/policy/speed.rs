//! How fast workers are, compared with each other.

/// What is known of a worker's speed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pace {
    /// What it claimed when it joined.
    pub weight: u32,
    /// Detector threads.
    pub cores: u32,
    /// Milliseconds that one detector thread spends on a frame, as it measured; None when it has not.
    pub frame_ms: Option<f32>,
}

/// The speed of each worker, in frames per millisecond. A worker that has measured nothing is taken to need the median
/// time of those that have; when none has, each is as fast as its weight and its cores claim, in no unit.
pub fn speeds(paces: &[Pace]) -> Vec<f64> {
    let mut measured: Vec<f32> = paces.iter().filter_map(|pace| pace.frame_ms).collect();
    measured.sort_by(f32::total_cmp);
    let median = measured.get(measured.len() / 2).copied();
    paces
        .iter()
        .map(|pace| match pace.frame_ms.or(median) {
            Some(frame_ms) => f64::from(pace.cores) / f64::from(frame_ms),
            None => f64::from(pace.cores) * f64::from(pace.weight),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEW: Pace = Pace { weight: 3, cores: 4, frame_ms: None };

    #[test]
    fn measured_speed_counts_and_weight_does_not() {
        let paces = [Pace { frame_ms: Some(100.0), ..NEW }, Pace { weight: 9, cores: 1, frame_ms: Some(50.0) }];
        assert_eq!(speeds(&paces), [0.04, 0.02]);
    }

    #[test]
    fn who_has_measured_nothing_needs_the_median_time() {
        let times = [Some(100.0), Some(10.0), None, Some(1000.0)];
        let paces = times.map(|frame_ms| Pace { cores: 1, frame_ms, ..NEW });
        assert_eq!(speeds(&paces)[2], 0.01);
    }

    #[test]
    fn when_nobody_has_measured_anything_weights_and_cores_count() {
        assert_eq!(speeds(&[NEW, Pace { weight: 1, ..NEW }]), [12.0, 4.0]);
    }

    #[test]
    fn speeds_are_finite_whatever_workers_say() {
        for frame_ms in [None, Some(f32::MIN_POSITIVE * f32::EPSILON), Some(f32::MAX)] {
            for cores in [1, u32::MAX] {
                let speed = speeds(&[Pace { weight: 1_000_000, cores, frame_ms }])[0];
                assert!(speed.is_finite() && speed > 0.0, "{frame_ms:?} on {cores} cores: {speed}");
            }
        }
    }
}
