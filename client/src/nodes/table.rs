//! The list of workers as a table for people and as JSON for programs.

use comfy_table::{CellAlignment, Table, presets};
use facefleet_proto::{Health, Load, Node, Nodes, Throttling};
use serde::Serialize;

/// The admission that admits every stream. An old master does the same and reports no name.
const OPEN: &str = "open";

/// Formats the list as a table for people.
pub fn table(nodes: &Nodes) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    let head = [
        "ID",
        "NAME",
        "ADDRESS",
        "STATE",
        "CORES",
        "WEIGHT",
        "DETECTORS",
        "CPU %",
        "TEMP °C",
        "THROTTLED BY",
        "SLOTS",
        "IN FLIGHT",
        "MS/FRAME",
        "SELF-TEST/S",
        "FRAMES",
        "SILENT",
    ];
    table.set_header(head);
    for node in &nodes.nodes {
        let Node {
            id,
            identity,
            address,
            weight,
            cores,
            version: _,
            detectors,
            health: _,
            silent,
            load,
            slots,
            slots_taken,
        } = node;
        let load = load.as_ref();
        let measured = |value: Option<f32>| value.map_or_else(|| "-".into(), |v| format!("{v:.1}"));
        table.add_row([
            id.to_string(),
            identity.name.clone(),
            address.to_string(),
            state(node).into(),
            cores.to_string(),
            weight.to_string(),
            if detectors.is_empty() { "-".into() } else { detectors.join(",") },
            measured(load.map(|l| l.cpu_percent)),
            measured(load.and_then(|l| l.temperature_c)),
            load.map_or_else(|| "-".into(), |l| throttled_by(l.throttling)),
            if *slots > 0 { format!("{slots_taken}/{slots}") } else { "-".into() },
            load.map_or_else(|| "-".into(), |l| l.in_flight.to_string()),
            measured(load.and_then(|l| l.frame_ms)),
            measured(load.and_then(|l| l.frames_per_s)),
            load.map_or_else(|| "-".into(), |l| l.frames_ok.to_string()),
            format!("{:.1} s", silent.as_secs_f64()),
        ]);
    }
    for (column, name) in table.column_iter_mut().zip(head) {
        let text = matches!(name, "NAME" | "ADDRESS" | "STATE" | "DETECTORS" | "THROTTLED BY");
        column.set_cell_alignment(if text { CellAlignment::Left } else { CellAlignment::Right });
    }
    let workers = match nodes.nodes.len() {
        0 => "no worker has joined yet".to_owned(),
        n => format!("{table}\n{n} worker{}", if n == 1 { "" } else { "s" }),
    };
    let outage = match nodes.vanished {
        0 => String::new(),
        n => format!(
            "\n{n} workers fell silent at once: the master assumes a fault of its own network and continues to offer them"
        ),
    };
    let stale = nodes.stale.map_or_else(String::new, |stale| {
        format!(
            "\nthe master has been cut off from its registry for {:.0} s: the list may be out of date",
            stale.as_secs_f64()
        )
    });
    let admission = match &*nodes.admission {
        "" | OPEN => String::new(),
        order => format!("; admission {order}, {} waiting", nodes.waiting),
    };
    format!("{workers}; policy {}{admission}{outage}{stale}", nodes.policy)
}

/// Formats what throttles a worker's machine now, or else what has throttled it since it was switched on.
fn throttled_by(throttling: Throttling) -> String {
    match (throttling.now(), throttling.since_start()) {
        (now, _) if !now.is_empty() => now.join(","),
        (_, once) if !once.is_empty() => format!("was: {}", once.join(",")),
        _ => "-".into(),
    }
}

/// The state of a worker, in one word.
fn state(node: &Node) -> &'static str {
    match node.health {
        Health::Draining if node.load.as_ref().is_some_and(|load| load.resting) => "resting",
        health => health.name(),
    }
}

/// Formats the list as one JSON object for programs. New keys may be added, existing ones never change.
pub fn json(nodes: &Nodes) -> String {
    serde_json::to_string_pretty(&JsonNodes::from(nodes)).expect(TEXT_KEYS)
}

/// Formats the list as one JSON object on one line.
pub(super) fn json_line(nodes: &Nodes) -> String {
    serde_json::to_string(&JsonNodes::from(nodes)).expect(TEXT_KEYS)
}

const TEXT_KEYS: &str = "a list of nodes has only text keys";

impl<'a> From<&'a Nodes> for JsonNodes<'a> {
    fn from(nodes: &'a Nodes) -> JsonNodes<'a> {
        let Nodes { nodes, epoch, policy, vanished, admission, waiting, stale } = nodes;
        let nodes = nodes.iter().map(JsonNode::from).collect();
        let stale_ms = stale.map(|stale| u64::try_from(stale.as_millis()).unwrap_or(u64::MAX));
        let admission = if admission.is_empty() { OPEN } else { admission };
        JsonNodes { policy, epoch: *epoch, vanished: *vanished, admission, waiting: *waiting, stale_ms, nodes }
    }
}

#[derive(Serialize)]
struct JsonNodes<'a> {
    policy: &'a str,
    epoch: u64,
    vanished: u32,
    /// The name of the admission.
    admission: &'a str,
    /// The number of streams that wait to be admitted.
    waiting: u32,
    /// How long the master has been cut off from a registry that it shares with others; `null` if it is not.
    stale_ms: Option<u64>,
    nodes: Vec<JsonNode<'a>>,
}

#[derive(Serialize)]
struct JsonNode<'a> {
    id: u32,
    name: &'a str,
    generation: u64,
    address: String,
    state: &'static str,
    cores: u32,
    weight: u32,
    version: &'a str,
    detectors: &'a [String],
    silent_ms: u64,
    /// The number of streams that the worker may serve at once; 0 if every stream is admitted.
    slots: u32,
    /// The number of streams that it serves.
    slots_taken: u32,
    /// `null` before the first heartbeat.
    load: Option<JsonLoad>,
}

#[derive(Serialize)]
struct JsonLoad {
    cpu_percent: f32,
    memory_percent: Option<f32>,
    temperature_c: Option<f32>,
    in_flight: u32,
    queued: u32,
    frame_ms: Option<f32>,
    frames_ok: u64,
    frames_dropped: u64,
    frames_failed: u64,
    /// The result of the self-test.
    frames_per_s: Option<f32>,
    /// What throttles the machine now.
    held_back_by: Vec<&'static str>,
    /// What has throttled the machine since it was switched on.
    was_held_back_by: Vec<&'static str>,
}

impl<'a> From<&'a Node> for JsonNode<'a> {
    fn from(node: &'a Node) -> JsonNode<'a> {
        let Node {
            id,
            identity,
            address,
            weight,
            cores,
            version,
            detectors,
            health: _,
            silent,
            load,
            slots,
            slots_taken,
        } = node;
        JsonNode {
            id: id.0,
            name: &identity.name,
            generation: identity.generation,
            address: address.to_string(),
            state: state(node),
            cores: *cores,
            weight: *weight,
            version,
            detectors,
            silent_ms: u64::try_from(silent.as_millis()).unwrap_or(u64::MAX),
            slots: *slots,
            slots_taken: *slots_taken,
            load: load.as_ref().map(JsonLoad::from),
        }
    }
}

impl From<&Load> for JsonLoad {
    fn from(load: &Load) -> JsonLoad {
        let &Load {
            cpu_percent,
            memory_percent,
            temperature_c,
            in_flight,
            queued,
            frame_ms,
            frames_ok,
            frames_dropped,
            frames_failed,
            frames_per_s,
            throttling,
            frame_ms_p50: _,
            frame_ms_p95: _,
            draining: _,
            resting: _,
        } = load;
        JsonLoad {
            cpu_percent,
            memory_percent,
            temperature_c,
            in_flight,
            queued,
            frame_ms,
            frames_ok,
            frames_dropped,
            frames_failed,
            frames_per_s,
            held_back_by: throttling.now(),
            was_held_back_by: throttling.since_start(),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::time::Duration;

    use facefleet_proto::{Identity, WorkerId};

    use super::*;

    pub(crate) fn nodes() -> Nodes {
        let throttling = Throttling::from_bits(0x5_0001);
        let measured = Load { frame_ms: Some(33.0), frames_per_s: Some(121.0), ..Load::default() };
        let load = Load { cpu_percent: 12.34, frames_ok: 250, throttling, ..measured };
        let node = Node {
            id: WorkerId(3),
            identity: Identity { name: "pi-1".into(), generation: 9 },
            address: "10.0.0.7:50050".parse().unwrap(),
            weight: 2,
            cores: 4,
            version: "0.1.0".into(),
            detectors: vec!["yunet".into(), "seeta".into()],
            health: Health::Healthy,
            silent: Duration::from_millis(430),
            load: Some(load),
            slots: 4,
            slots_taken: 1,
        };
        let lost = Node { id: WorkerId(4), health: Health::Lost, slots: 0, slots_taken: 0, ..node.clone() };
        let fresh = Node { detectors: Vec::new(), load: None, ..lost };
        Nodes {
            nodes: vec![node, fresh],
            epoch: 5,
            policy: "least-loaded".into(),
            vanished: 0,
            admission: String::new(),
            waiting: 0,
            stale: None,
        }
    }

    #[test]
    fn a_table_for_people() {
        let table = table(&nodes());
        let lines: Vec<_> = table.lines().map(|l| l.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        assert_eq!(
            lines[1],
            "3 pi-1 10.0.0.7:50050 healthy 4 2 yunet,seeta 12.3 - under-voltage 1/4 0 33.0 121.0 250 0.4 s"
        );
        assert_eq!(lines[2], "4 pi-1 10.0.0.7:50050 lost 4 2 - - - - - - - - - 0.4 s");
        assert_eq!(lines[3], "2 workers; policy least-loaded");
        let limited = super::table(&Nodes { admission: "fair".into(), waiting: 3, ..nodes() });
        assert!(limited.ends_with("policy least-loaded; admission fair, 3 waiting"), "{limited}");
        let outage = super::table(&Nodes { vanished: 2, ..nodes() });
        assert!(outage.contains("2 workers fell silent at once"), "{outage}");
        let stale = super::table(&Nodes { stale: Some(Duration::from_secs(7)), ..nodes() });
        assert!(stale.contains("cut off from its registry for 7 s"), "{stale}");
        let resting = Load { resting: true, ..Load::default() };
        let resting = Node { health: Health::Draining, load: Some(resting), ..nodes().nodes.remove(0) };
        assert_eq!((state(&resting), state(&nodes().nodes[1])), ("resting", "lost"));
        let nobody = Nodes { nodes: Vec::new(), ..nodes() };
        assert_eq!(super::table(&nobody), "no worker has joined yet; policy least-loaded");
    }

    #[test]
    fn past_throttling_is_shown_until_the_machine_is_switched_off() {
        let throttled_by = |bits| throttled_by(Throttling::from_bits(bits));
        assert_eq!(throttled_by(0xF_000C), "throttled,hot");
        assert_eq!(throttled_by(0x2_0000), "was: capped");
        assert_eq!(throttled_by(0), "-");
    }

    #[test]
    fn json_for_programs() {
        let value: serde_json::Value = serde_json::from_str(&json(&nodes())).unwrap();
        assert_eq!(value["admission"], "open");
        assert_eq!((&value["nodes"][0]["slots"], &value["nodes"][0]["slots_taken"]), (&4.into(), &1.into()));
        assert_eq!(value["nodes"][0]["state"], "healthy");
        assert_eq!(value["nodes"][0]["detectors"], serde_json::json!(["yunet", "seeta"]));
        assert_eq!(value["nodes"][0]["load"]["frames_ok"], 250);
        assert_eq!(value["nodes"][0]["load"]["held_back_by"], serde_json::json!(["under-voltage"]));
        let was = &value["nodes"][0]["load"]["was_held_back_by"];
        assert_eq!(*was, serde_json::json!(["under-voltage", "throttled"]));
        assert_eq!(value["nodes"][1]["load"], serde_json::Value::Null);
    }
}
