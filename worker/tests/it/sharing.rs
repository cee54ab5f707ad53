//! Several streams at one worker, and streams that send more than it can do.

use std::time::Duration;

use facefleet_proto::{AnalyzeOpen, DropReason, FrameOk, FrameResult, Outcome};

use crate::analyze::{Session, frame};
use crate::support::{Worker, plain_jpeg, simulated};

/// Starts a worker of one thread that keeps each frame for a time, with room for a number of frames of each stream.
async fn worker(frame_time: Duration, frames_per_stream: usize) -> Worker {
    let worker = Worker::start("127.0.0.1:1".parse().unwrap(), |config| {
        config.device = simulated(frame_time);
        config.limits.frames_per_stream = frames_per_stream.try_into().unwrap();
    });
    worker.await
}

/// A session that is sent frames as fast as the worker takes them.
async fn flood(worker: &Worker, open: AnalyzeOpen) -> Session {
    let session = Session::start(worker, open).await.unwrap();
    let send = session.send.clone();
    tokio::spawn(async move {
        let jpeg = plain_jpeg(64, 48, 90);
        // The send fails when the session is over.
        for seq in 0.. {
            if send.send(frame(seq, jpeg.clone()).into()).await.is_err() {
                return;
            }
        }
    });
    session
}

/// How many of a number of results each of two streams gets that always have frames waiting.
async fn shares(opens: [AnalyzeOpen; 2], of: usize) -> [usize; 2] {
    // What waits is enough for the worker for more than a second, in which a busy machine may keep this thread, and so all
    // that comes and goes, from working; and one frame that such a machine makes long is little beside all of them.
    let worker = worker(Duration::from_millis(20), 64).await;
    let priorities = [opens[0].priority, opens[1].priority];
    let [first, second] = opens;
    let (mut first, mut second) = (flood(&worker, first).await, flood(&worker, second).await);
    let mut counts = [0, 0];
    let mut began = false;
    while counts.iter().sum::<usize>() < of {
        let (which, result) = tokio::select! {
            result = first.next() => (0, result),
            result = second.next() => (1, result),
        };
        let FrameResult { outcome, streams, .. } = result.unwrap().unwrap();
        assert!(matches!(outcome, Outcome::Ok(_)), "{outcome:?}");
        counts[which] += 1;
        if !began && counts.iter().all(|count| *count >= 4) {
            (began, counts) = (true, [0, 0]);
        }
        let sharing = priorities.iter().filter(|priority| **priority >= priorities[which]).count();
        assert!(
            streams as usize == sharing || !began,
            "{sharing} share the worker with stream {which}, and it says {streams}"
        );
    }
    counts
}

#[tokio::test]
async fn equal_streams_get_equal_parts() {
    let [first, second] = shares([AnalyzeOpen::default(), AnalyzeOpen::default()], 80).await;
    assert!(first.abs_diff(second) <= 8, "{first} {second}");
}

#[tokio::test]
async fn a_stream_of_one_frame_at_a_time_does_not_wait_for_the_queue_of_another() {
    // On a busy machine the way there and back takes a few frames of the other's; a queue of 64 would take them all.
    let worker = worker(Duration::from_millis(10), 64).await;
    let mut greedy = flood(&worker, AnalyzeOpen::default()).await;
    for _ in 0..64 {
        greedy.next().await.unwrap().unwrap();
    }
    let mut modest = Session::start(&worker, AnalyzeOpen::default()).await.unwrap();
    let jpeg = plain_jpeg(64, 48, 90);
    modest.send(frame(0, jpeg.clone())).await;
    let (mut answered, mut meanwhile) = (0, 0);
    while answered < 20 {
        tokio::select! {
            result = greedy.next() => {
                result.unwrap().unwrap();
                meanwhile += 1;
            }
            result = modest.next() => {
                result.unwrap().unwrap();
                answered += 1;
                modest.send(frame(answered, jpeg.clone())).await;
            }
        }
    }
    assert!(meanwhile < answered * 32, "{meanwhile} of the other's frames for {answered}");
}

#[tokio::test]
async fn a_higher_priority_goes_first_and_leaves_the_other_a_part() {
    let urgent = AnalyzeOpen { priority: 1, ..AnalyzeOpen::default() };
    let [usual, urgent] = shares([AnalyzeOpen::default(), urgent], 80).await;
    assert!((5..=20).contains(&usual) && urgent >= 60, "{usual} {urgent}");
}

#[tokio::test]
async fn a_live_stream_that_brings_too_much_loses_its_oldest_frames() {
    let worker = worker(Duration::from_millis(200), 2).await;
    let open = AnalyzeOpen { max_age: Some(Duration::from_secs(3600)), ..AnalyzeOpen::default() };
    let session = Session::start(&worker, open).await.unwrap();
    for seq in 0..20 {
        session.send(frame(seq, plain_jpeg(64, 48, 90))).await;
    }
    let (outcomes, end) = session.rest().await;
    assert!(end.is_none(), "{end:?}");
    assert_eq!(outcomes.len(), 20);
    let dropped = Outcome::Dropped(DropReason::QueueFull);
    assert!(outcomes.values().all(|outcome| matches!(outcome, Outcome::Ok(_)) || *outcome == dropped), "{outcomes:?}");
    assert!(outcomes.values().any(|outcome| *outcome == dropped), "{outcomes:?}");
    for newest in [18, 19] {
        assert!(matches!(outcomes[&newest], Outcome::Ok(_)), "nothing newer needed its room: {outcomes:?}");
    }
}

#[tokio::test]
async fn a_live_frame_that_waits_too_long_is_dropped() {
    let worker = worker(Duration::from_millis(500), 8).await;
    let open = AnalyzeOpen { max_age: Some(Duration::from_millis(50)), ..AnalyzeOpen::default() };
    let session = Session::start(&worker, open).await.unwrap();
    for seq in 0..6 {
        session.send(frame(seq, plain_jpeg(64, 48, 90))).await;
    }
    let (outcomes, _) = session.rest().await;
    let stale = Outcome::Dropped(DropReason::StaleWorker);
    assert_eq!(outcomes.len(), 6);
    assert!(outcomes.values().all(|outcome| matches!(outcome, Outcome::Ok(_)) || *outcome == stale), "{outcomes:?}");
    assert!(outcomes.values().any(|outcome| *outcome == stale), "{outcomes:?}");
}

#[tokio::test]
async fn a_file_stream_waits_and_loses_nothing() {
    let worker = worker(Duration::from_millis(1), 2).await;
    let mut session = Session::start(&worker, AnalyzeOpen::default()).await.unwrap();
    // More than the ways between here and there hold; so some are sent only when others are answered.
    let send = session.send.clone();
    tokio::spawn(async move {
        for seq in 0..200 {
            send.send(frame(seq, plain_jpeg(320, 240, 90)).into()).await.unwrap();
        }
    });
    for seq in 0..200 {
        let result = session.next().await.unwrap().unwrap();
        assert_eq!(result.seq, seq, "one thread, one stream: in order");
        let Outcome::Ok(FrameOk { source_width, source_height, .. }) = result.outcome else { panic!("{result:?}") };
        assert_eq!((source_width, source_height), (320, 240));
        assert!(result.in_flight <= 2 && result.streams == 1, "{} held, {} streams", result.in_flight, result.streams);
    }
}
