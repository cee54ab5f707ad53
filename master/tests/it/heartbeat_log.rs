//! The heartbeat log, through the whole master.

use std::time::Duration;

use facefleet_master::{Config, HeartbeatLog};

use crate::support::{Master, beat, join};

#[tokio::test]
async fn every_heartbeat_is_a_line_and_the_files_rotate() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("beats.jsonl");
    let heartbeat_log = Some(HeartbeatLog::open(path, 1000, Duration::MAX).unwrap());
    let master = Master::start(Config { heartbeat_log, ..Config::default() }).await;
    let mut client = master.client().await;
    client.join(join("pi", 9, 7)).await.unwrap();
    for n in 1..=8 {
        client.push_state(beat(0, 9, n)).await.unwrap();
    }
    master.stop().await.unwrap();

    let names = ["beats.jsonl.3", "beats.jsonl.2", "beats.jsonl.1", "beats.jsonl"];
    let read = |name| std::fs::read_to_string(folder.path().join(name)).ok();
    let files: Vec<String> = names.into_iter().filter_map(read).collect();
    assert!(files.len() > 1 && files.iter().all(|file| file.len() <= 1000));
    let lines = files.iter().flat_map(|file| file.lines());
    let frames_ok = lines.map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["frames_ok"].clone());
    assert_eq!(frames_ok.collect::<Vec<_>>(), (1..=8).collect::<Vec<_>>());
}
