//! `facefleet-client nodes`: the cluster as a table.

use comfy_table::{CellAlignment, Table, presets};
use facefleet_proto::wire::master_client::MasterClient;
use facefleet_proto::{Load, Node, Nodes, wire};
use facefleet_service::address::HostPort;
use facefleet_service::grpc;
use serde::Serialize;

/// Why there is no list.
#[derive(Debug, thiserror::Error)]
pub enum NodesError {
    /// The master did not answer.
    #[error("cannot ask the master at {master}")]
    Call {
        /// Who was asked.
        master: HostPort,
        /// What came instead.
        source: tonic::Status,
    },
    /// The master's answer means nothing.
    #[error("the master at {master} sent a list that means nothing")]
    Answer {
        /// Who was asked.
        master: HostPort,
        /// What is wrong with it.
        source: facefleet_proto::Invalid,
    },
}

/// Asks the master for its workers.
///
/// # Errors
/// It cannot be reached, or is an old one that cannot list them.
pub async fn list(master: &HostPort) -> Result<Nodes, NodesError> {
    let mut client = MasterClient::new(grpc::channel(master));
    let mut request = tonic::Request::new(wire::ListNodesRequest {});
    request.set_timeout(grpc::CALL_TIMEOUT);
    let reply = client.list_nodes(request).await;
    let reply = reply.map_err(|source| NodesError::Call { master: master.clone(), source })?;
    Nodes::try_from(reply.into_inner()).map_err(|source| NodesError::Answer { master: master.clone(), source })
}

/// For people.
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
        "IN FLIGHT",
        "MS/FRAME",
        "FRAMES",
        "SILENT",
    ];
    table.set_header(head);
    for Node { id, identity, address, weight, cores, version: _, detectors, health, silent, load } in &nodes.nodes {
        let load = load.as_ref();
        let measured = |value: Option<f32>| value.map_or_else(|| "-".into(), |v| format!("{v:.1}"));
        table.add_row([
            id.to_string(),
            identity.name.clone(),
            address.to_string(),
            health.name().into(),
            cores.to_string(),
            weight.to_string(),
            if detectors.is_empty() { "-".into() } else { detectors.join(",") },
            measured(load.map(|l| l.cpu_percent)),
            measured(load.and_then(|l| l.temperature_c)),
            load.map_or_else(|| "-".into(), |l| l.in_flight.to_string()),
            measured(load.and_then(|l| l.frame_ms)),
            load.map_or_else(|| "-".into(), |l| l.frames_ok.to_string()),
            format!("{:.1} s", silent.as_secs_f64()),
        ]);
    }
    for (column, name) in table.column_iter_mut().zip(head) {
        let text = matches!(name, "NAME" | "ADDRESS" | "STATE" | "DETECTORS");
        column.set_cell_alignment(if text { CellAlignment::Left } else { CellAlignment::Right });
    }
    let workers = match nodes.nodes.len() {
        0 => "no worker has joined yet".to_owned(),
        n => format!("{table}\n{n} worker{}", if n == 1 { "" } else { "s" }),
    };
    let outage = match nodes.vanished {
        0 => String::new(),
        n => format!(
            "\n{n} workers fell silent at once: the master takes its own network for the cause and goes on offering them"
        ),
    };
    format!("{workers}; policy {}{outage}", nodes.policy)
}

/// For programs: one JSON object. Its keys may grow in number, and never change.
pub fn json(nodes: &Nodes) -> String {
    let Nodes { nodes, epoch, policy, vanished } = nodes;
    let nodes = nodes.iter().map(JsonNode::from).collect();
    let list = JsonNodes { policy, epoch: *epoch, vanished: *vanished, nodes };
    serde_json::to_string_pretty(&list).expect("a list of nodes has only text keys")
}

#[derive(Serialize)]
struct JsonNodes<'a> {
    policy: &'a str,
    epoch: u64,
    vanished: u32,
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
}

impl<'a> From<&'a Node> for JsonNode<'a> {
    fn from(node: &'a Node) -> JsonNode<'a> {
        let Node { id, identity, address, weight, cores, version, detectors, health, silent, load } = node;
        JsonNode {
            id: id.0,
            name: &identity.name,
            generation: identity.generation,
            address: address.to_string(),
            state: health.name(),
            cores: *cores,
            weight: *weight,
            version,
            detectors,
            silent_ms: u64::try_from(silent.as_millis()).unwrap_or(u64::MAX),
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
            draining: _,
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
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use facefleet_proto::{Health, Identity, WorkerId};

    use super::*;

    fn nodes() -> Nodes {
        let load = Load { cpu_percent: 12.34, frame_ms: Some(33.0), frames_ok: 250, ..Load::default() };
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
        };
        let fresh = Node { id: WorkerId(4), detectors: Vec::new(), load: None, health: Health::Lost, ..node.clone() };
        Nodes { nodes: vec![node, fresh], epoch: 5, policy: "least-loaded".into(), vanished: 0 }
    }

    #[test]
    fn a_table_for_people() {
        let table = table(&nodes());
        let lines: Vec<_> = table.lines().map(|l| l.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        assert_eq!(lines[1], "3 pi-1 10.0.0.7:50050 healthy 4 2 yunet,seeta 12.3 - 0 33.0 250 0.4 s");
        assert_eq!(lines[2], "4 pi-1 10.0.0.7:50050 lost 4 2 - - - - - - 0.4 s");
        assert_eq!(lines[3], "2 workers; policy least-loaded");
        let outage = super::table(&Nodes { vanished: 2, ..nodes() });
        assert!(outage.contains("2 workers fell silent at once"), "{outage}");
        let nobody = Nodes { nodes: Vec::new(), ..nodes() };
        assert_eq!(super::table(&nobody), "no worker has joined yet; policy least-loaded");
    }

    #[test]
    fn json_for_programs() {
        let value: serde_json::Value = serde_json::from_str(&json(&nodes())).unwrap();
        assert_eq!(value["nodes"][0]["state"], "healthy");
        assert_eq!(value["nodes"][0]["detectors"], serde_json::json!(["yunet", "seeta"]));
        assert_eq!(value["nodes"][0]["load"]["frames_ok"], 250);
        assert_eq!(value["nodes"][1]["load"], serde_json::Value::Null);
    }
}
