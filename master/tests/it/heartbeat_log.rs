//! The heartbeat log, through the whole master.

use facefleet_master::{Config, HeartbeatLog, RunError};

use crate::support::{Master, beat, join};

fn logging_to(path: &std::path::Path, max_bytes: u64) -> Config {
    let heartbeat_log = Some(HeartbeatLog { path: path.to_owned(), max_bytes });
    Config { heartbeat_log, ..Config::default() }
}

#[tokio::test]
async fn every_heartbeat_is_a_line_and_the_files_rotate() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("beats.jsonl");
    let master = Master::start(logging_to(&path, 1000)).await;
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

#[tokio::test]
async fn a_log_that_cannot_be_opened_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("missing").join("beats.jsonl");
    let error = Master::start(logging_to(&path, 2000)).await.stop().await.unwrap_err();
    assert!(matches!(error, RunError::HeartbeatLog { .. }));
    assert!(error.to_string().contains("beats.jsonl"), "{error}");
}
