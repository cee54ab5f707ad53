//! One line of text that explains why a frame was sent to a worker.

use facefleet_proto::view::{Choice, DecisionView};

/// Explains a decision, such as `demo.mp4 #12 → pi-2: 3 in flight × 41 ms / 4 threads = 31 ms, next best pi-1 40 ms`.
pub(super) fn explained(view: &DecisionView) -> String {
    let stream = if view.stream_name.is_empty() { "a stream" } else { &view.stream_name };
    let what = match view.decision.frame {
        Some(frame) => format!("{stream} #{frame}"),
        None => stream.to_owned(),
    };
    let chosen = &view.decision.chosen;
    let by = if view.policy.is_empty() { String::new() } else { format!(" ({})", view.policy) };
    let next = match &view.decision.next {
        Some(Choice { worker, answers_in_ms: Some(ms), .. }) => format!(", next best {worker} {}", time(*ms)),
        Some(Choice { worker, answers_in_ms: None, .. }) => format!(", next {worker}"),
        None => ", the only one".to_owned(),
    };
    format!("{what} → {}: {}{next}{by}", chosen.worker, expectation(chosen))
}

/// Formats the expected time until the answer, with its calculation if the numbers that are shown lead to it.
fn expectation(choice: &Choice) -> String {
    let Choice { worker: _, in_flight, frame_ms, cores, answers_in_ms } = choice;
    let threads = if *cores > 1 { format!(" / {cores} threads") } else { String::new() };
    match (frame_ms, answers_in_ms) {
        (Some(frame), Some(answer)) if is_product(*in_flight, *frame, *cores, *answer) => {
            format!("{in_flight} in flight × {}{threads} = {}", time(*frame), time(*answer))
        }
        (Some(frame), Some(answer)) => {
            format!("answers in {}, {in_flight} in flight, {} a frame", time(*answer), time(*frame))
        }
        (Some(frame), None) => format!("{in_flight} in flight, {} a frame", time(*frame)),
        (None, Some(answer)) => format!("{in_flight} in flight, answers in {}", time(*answer)),
        (None, None) => format!("{in_flight} in flight"),
    }
}

/// Returns whether a reader who multiplies the numbers that are shown gets the result that is shown.
fn is_product(in_flight: u32, frame_ms: f32, cores: u32, answer_ms: f32) -> bool {
    let product = in_flight as f32 * frame_ms / cores as f32;
    (product - answer_ms).abs() <= 0.05 * answer_ms.max(1.0)
}

/// Formats milliseconds, with one decimal below 10 ms.
fn time(ms: f32) -> String {
    if ms < 10.0 { format!("{ms:.1} ms") } else { format!("{ms:.0} ms") }
}

#[cfg(test)]
mod tests {
    use facefleet_proto::view::Decision;

    use super::*;

    fn choice(worker: &str, in_flight: u32, frame_ms: f32, cores: u32, answers_in_ms: f32) -> Choice {
        let known = |ms: f32| Some(ms).filter(|ms| *ms > 0.0);
        let (frame_ms, answers_in_ms) = (known(frame_ms), known(answers_in_ms));
        Choice { worker: worker.into(), in_flight, frame_ms, cores, answers_in_ms }
    }

    fn view(policy: &str, frame: Option<u64>, chosen: Choice, next: Option<Choice>) -> DecisionView {
        let decision = Decision { frame, chosen, next };
        let (stream_name, policy) = ("demo.mp4".into(), policy.into());
        DecisionView { number: 1, time_ms: 0, lease: 1, stream_name, policy, decision }
    }

    #[test]
    fn a_choice_is_a_sum_that_can_be_checked() {
        let pi1 = || Some(choice("pi-1", 4, 40.0, 1, 160.0));
        assert_eq!(
            explained(&view("", Some(12), choice("pi-2", 3, 41.0, 1, 123.0), pi1())),
            "demo.mp4 #12 → pi-2: 3 in flight × 41 ms = 123 ms, next best pi-1 160 ms"
        );
        assert_eq!(
            explained(&view("least-loaded", None, choice("pi-2", 3, 41.0, 4, 30.75), None)),
            "demo.mp4 → pi-2: 3 in flight × 41 ms / 4 threads = 31 ms, the only one (least-loaded)"
        );
        let far = choice("pi-2", 3, 41.0, 4, 300.0);
        assert_eq!(
            explained(&view("", None, far, pi1())),
            "demo.mp4 → pi-2: answers in 300 ms, 3 in flight, 41 ms a frame, next best pi-1 160 ms"
        );
        let unknown = choice("pi-2", 1, 0.0, 4, 0.0);
        assert_eq!(
            explained(&view("weighted-round-robin", None, unknown.clone(), Some(unknown))),
            "demo.mp4 → pi-2: 1 in flight, next pi-2 (weighted-round-robin)"
        );
    }
}
