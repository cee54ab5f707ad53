//! What people see of a cluster: `Watch`, while a video runs and a worker dies.
#![cfg(target_os = "linux")]

use std::fs;
use std::net::SocketAddr;
use std::time::Duration;

use facefleet_e2e::{Cluster, asset};
use facefleet_proto::view::{ClusterView, StreamView, WorkerState};
use facefleet_proto::wire::WatchRequest;

use crate::masters::ask;
use crate::media::text;
use crate::parts::VideoInParts;
use crate::report::{self, Line, Summary};

/// Far more than anything takes here that comes at all.
const LIMIT: Duration = Duration::from_secs(90);
/// A worker that beats once a second is lost when it has been silent for longer.
const DEADLINE: Duration = Duration::from_secs(3);

/// The first view of which `is_so` is true. `each` sees all views until then, that one included.
fn view_when(
    master: SocketAddr,
    awaited: &str,
    each: impl Fn(&ClusterView),
    is_so: impl Fn(&ClusterView) -> bool,
) -> ClusterView {
    ask(master, async |mut master| {
        let seen = async {
            let mut views = master.watch(WatchRequest {}).await.unwrap().into_inner();
            loop {
                let view = views.message().await.unwrap().expect("a master shows itself for as long as it runs");
                let view = ClusterView::try_from(view).unwrap();
                each(&view);
                if is_so(&view) {
                    return view;
                }
            }
        };
        let in_time = tokio::time::timeout(LIMIT, seen).await;
        in_time.unwrap_or_else(|_| panic!("no view showed that {awaited}"))
    })
}

fn state(view: &ClusterView, worker: &str) -> WorkerState {
    view.workers.iter().find(|w| w.node.identity.name == worker).expect("it is registered").state()
}

/// The only stream.
fn stream(view: &ClusterView) -> Option<&StreamView> {
    assert!(view.streams.len() <= 1, "{view:#?}");
    view.streams.first()
}

#[test]
fn a_run_is_seen_from_its_routes_to_its_ledger_and_so_is_the_death_of_a_worker() {
    let folder = tempfile::tempdir().unwrap();
    let mut cluster = Cluster::start(2).unwrap();
    let master = cluster.master.address;
    let (input, at, summary) = (asset("demo.mp4"), master.to_string(), folder.path().join("summary.json"));
    let args = ["run", text(&input), "--master", &at, "--json", "-", "--summary", text(&summary)];
    let (client, mut video) = VideoInParts::client(&args);

    // Both workers have answered, and the frames after those choose between them. The rest of the video waits for this test.
    let is_running = |view: &ClusterView| {
        let workers = stream(view).map_or(&[][..], |stream| &stream.report.workers);
        workers.len() == 2 && workers.iter().all(|worker| worker.answered > 0)
    };
    view_when(master, "both workers answer", |_| (), is_running);
    video.go_on();
    let has_chosen =
        |view: &ClusterView| view.decisions.iter().any(|d| d.policy.is_empty() && d.decision.next.is_some());
    view_when(master, "a frame had two workers to go to", |_| (), has_chosen);
    // Whoever comes now sees the decisions of before.
    let view = view_when(master, "there is a cluster", |_| (), |_| true);
    let StreamView { report, .. } = stream(&view).unwrap();
    assert_eq!((report.name.as_str(), report.source.as_str()), ("demo.mp4", "demo.mp4"), "no folder is told");
    assert!(report.latency_ms_p50 <= report.latency_ms_p95 && !report.ended, "{report:#?}");
    for worker in &view.workers {
        // The self-test of a busy machine may make a worker look slow, or quick.
        assert!(matches!(worker.state(), WorkerState::Healthy | WorkerState::Slow), "{worker:#?}");
    }
    let (of_master, of_client): (Vec<_>, Vec<_>) = view.decisions.iter().partition(|d| !d.policy.is_empty());
    assert!(of_master.iter().all(|d| d.policy == "least-loaded" && d.decision.frame.is_none()), "{of_master:#?}");
    assert!(!of_master.is_empty() && of_client.iter().any(|d| d.decision.next.is_some()), "{view:#?}");
    for decision in &view.decisions {
        let (chosen, next) = (&decision.decision.chosen, decision.decision.next.as_ref());
        assert_eq!((decision.lease, decision.stream_name.as_str()), (report.lease, "demo.mp4"));
        assert!(chosen.worker.starts_with("worker-") && chosen.in_flight > 0 && chosen.cores == 1, "{decision:#?}");
        assert!(next.is_none_or(|next| next.worker != chosen.worker), "{decision:#?}");
    }

    cluster.workers[0].process.kill();
    let lost_in_time = |view: &ClusterView| {
        let dead = view.workers.iter().find(|w| w.node.identity.name == "worker-1").expect("it is registered");
        let (is_lost, silent) = (dead.state() == WorkerState::Lost, dead.node.silent);
        assert!(!is_lost || silent >= DEADLINE && dead.frames_per_s == 0.0, "{dead:#?}");
        assert!(is_lost || silent <= DEADLINE + Duration::from_millis(1), "{dead:#?}");
    };
    let is_lost = |view: &ClusterView| state(view, "worker-1") == WorkerState::Lost;
    let view = view_when(master, "the killed worker is lost", lost_in_time, is_lost);
    assert_ne!(state(&view, "worker-2"), WorkerState::Lost);

    drop(video);
    let has_ended = |view: &ClusterView| stream(view).is_some_and(|stream| stream.report.ended);
    let view = view_when(master, "the stream has ended", |_| (), has_ended);
    let ended = client.end().unwrap();
    assert_eq!(ended.code, Some(0), "{:#?}", ended.stderr);
    let StreamView { report: seen, .. } = stream(&view).unwrap();
    let summary: Summary = serde_json::from_slice(&fs::read(&summary).unwrap()).unwrap();
    let counted = summary.total;
    assert_eq!((seen.sent, seen.ok, seen.open), (counted.sent, counted.ok, 0));
    assert_eq!((&seen.dropped, &seen.failed), (&counted.dropped, &counted.failed));
    let lines = report::parse(&ended.stdout);
    assert_eq!(seen.faces, lines.iter().map(Line::count_of_faces).sum::<usize>() as u64);
}
