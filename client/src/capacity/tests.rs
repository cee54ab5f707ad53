use std::time::Duration;

use facefleet_proto::{Identity, Throttling, WorkerId};

use super::*;

/// Returns a healthy worker with 4 threads and its own address.
fn node(id: u8, load: Option<Load>) -> Node {
    Node {
        id: WorkerId(id.into()),
        identity: Identity { name: format!("pi-{id}"), generation: 9 },
        address: ([10, 0, 0, id], 50050).into(),
        weight: 1,
        cores: 4,
        version: "0.1.0".into(),
        detectors: Vec::new(),
        health: Health::Healthy,
        silent: Duration::ZERO,
        load,
        slots: 0,
        slots_taken: 0,
    }
}

fn capacity(nodes: Vec<Node>, fps: f32) -> Capacity {
    Capacity::of(
        &Nodes {
            nodes,
            epoch: 1,
            policy: "least-loaded".into(),
            vanished: 0,
            admission: String::new(),
            waiting: 0,
            stale: None,
        },
        fps,
    )
}

/// Returns the load of a worker that does 40 frames per second with real frames and 60 in its self-test.
fn busy() -> Load {
    Load { frame_ms: Some(100.0), in_flight: 3, frames_per_s: Some(60.0), ..Load::default() }
}

fn idle() -> Load {
    Load { frames_per_s: Some(60.0), ..Load::default() }
}

#[test]
fn real_frames_come_before_the_self_test_and_nothing_is_made_up() {
    let last = Load { in_flight: 0, ..busy() };
    let lost = Node { health: Health::Lost, ..node(5, Some(busy())) };
    let loads = [Some(busy()), Some(last), Some(idle()), Some(Load::default()), None];
    let mut nodes: Vec<Node> = (0..).zip(loads).map(|(id, load)| node(id, load)).collect();
    nodes.push(lost);
    let all = capacity(nodes, 10.0);
    let how: Vec<How> = all.workers.iter().map(|worker| worker.how).collect();
    let none = How::Unknown;
    assert_eq!(how, [How::FramesNow, How::LastFrames, How::SelfTest, none, none, How::NotCounted]);
    assert_eq!(all.frames_per_s, 40.0 + 40.0 + 60.0);
    assert_eq!(all.cameras, 11, "80 % of 14");
}

#[test]
fn a_part_of_a_camera_is_none() {
    assert_eq!(capacity(vec![node(0, Some(idle()))], 48.0).cameras, 1);
    assert_eq!(capacity(vec![node(0, Some(idle()))], 48.1).cameras, 0);
    assert_eq!(capacity(Vec::new(), 10.0).cameras, 0);
}

#[test]
fn a_self_test_counts_less_on_a_throttled_machine_and_real_frames_count_as_they_are() {
    let throttling = Throttling::from_bits(4);
    let hot = capacity(vec![node(0, Some(Load { throttling, ..idle() }))], 10.0);
    assert_eq!((hot.frames_per_s, hot.workers[0].held_back_by.clone()), (40.0, vec!["throttled"]));
    assert!(hot.assumed.iter().any(|line| line.contains("two thirds")), "{:?}", hot.assumed);
    assert_eq!(capacity(vec![node(0, Some(Load { throttling, ..busy() }))], 10.0).frames_per_s, 40.0);
}

#[test]
fn what_is_assumed_is_said() {
    let says = |nodes, text: &str| capacity(nodes, 10.0).assumed.iter().any(|line| line.contains(text));
    assert!(says(vec![node(0, Some(busy()))], "frames like those"));
    assert!(!says(vec![node(0, Some(busy()))], "640x360"));
    assert!(says(vec![node(0, Some(idle()))], "640x360"));
    let neighbour = Node { address: "10.0.0.0:50051".parse().unwrap(), ..node(1, Some(idle())) };
    assert!(says(vec![node(0, Some(idle())), neighbour], "the 2 workers at 10.0.0.0"));
    assert!(!says(vec![node(0, Some(idle())), node(1, Some(idle()))], "share a processor"));
}

#[test]
fn for_people_and_for_programs() {
    let throttling = Throttling::from_bits(1);
    let lost = Node { health: Health::Lost, ..node(2, None) };
    let capacity = capacity(vec![node(0, Some(busy())), node(1, Some(Load { throttling, ..idle() })), lost], 10.0);
    let text = capacity.text();
    let lines: Vec<_> = text.lines().map(|l| l.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    assert_eq!(lines[0], "this cluster can serve 6 cameras at 10 frames/s: 80 % of 80.0 frames/s");
    assert_eq!(lines[3], "0 pi-0 healthy 4 40.0 measured now, from its frames");
    assert_eq!(lines[4], "1 pi-1 healthy 4 40.0 from its self-test; throttled: under-voltage");
    assert_eq!(lines[5], "2 pi-2 lost 4 - takes no new frames, not counted");
    assert!(lines[7] == "assumed:" && lines[8].starts_with("- no worker is used for more than 80 %"), "{text}");
    assert_eq!(super::tests::capacity(Vec::new(), 10.0).text().lines().count(), 1);

    let json: serde_json::Value = serde_json::from_str(&capacity.json()).unwrap();
    assert_eq!((json["cameras"].as_u64(), json["frames_per_s"].as_f64()), (Some(6), Some(80.0)));
    assert_eq!(json["workers"][0]["how"], "frames_now");
    assert_eq!(json["workers"][1]["held_back_by"], serde_json::json!(["under-voltage"]));
}
