use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use facefleet_proto::{AnalyzeOpen, Candidate, FailureCode, Route, RouteQuery, StreamLease, TaskResult, WorkerId};

use super::state::MOST_BYTES;
use super::*;
use crate::frame::{End, Found, SourceFrame};
use facefleet_proto::test_clock;

/// A worker that nobody reaches; what its link says is what the test says.
fn candidate(name: &str, port: u16) -> Candidate {
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let id = Some(WorkerId(port.into()));
    Candidate { id, generation: 1, name: name.to_owned(), address, cores: 1, share: 0.5, frame_ms: None }
}

fn spec(max_age: Option<Duration>) -> StreamSpec {
    let query = RouteQuery { wanted: 3, ..RouteQuery::default() };
    let open = AnalyzeOpen { max_age, ..AnalyzeOpen::default() };
    StreamSpec {
        masters: "master:50051".into(),
        source: "demo.mp4".into(),
        query,
        workers_at_first: 8,
        open,
        max_frame_bytes: 16 << 20,
    }
}

fn route(candidates: &[Candidate], epoch: u64) -> Result<Route, NoRoute> {
    let lease = Some(StreamLease { id: 9, ttl: Duration::from_secs(2) });
    Ok(Route { candidates: candidates.to_vec(), lease, epoch })
}

fn greeting(name: &str) -> Greeting {
    Greeting { name: name.to_owned(), generation: 1, threads: 1 }
}

pub(super) fn frame(index: u64) -> SourceFrame {
    SourceFrame::new(index, Ok(Bytes::from_static(b"jpeg")))
}

pub(super) fn ok(seq: u64, attempt: u32) -> FrameAnswer {
    let end = End::Ok(Found { faces: Some(Vec::new()), picture: None, stages: None });
    FrameAnswer { frame: FrameAttempt { seq, attempt }, end, elsewhere: false, pace: Pace::default() }
}

fn failed(seq: u64, attempt: u32, elsewhere: bool) -> FrameAnswer {
    let end = End::Failed { code: FailureCode::Panicked, message: String::new() };
    FrameAnswer { frame: FrameAttempt { seq, attempt }, end, elsewhere, pace: Pace::default() }
}

fn actions(session: &mut Session) -> Vec<Action> {
    std::iter::from_fn(|| session.next_action()).collect()
}

/// What was said to the person since the last look.
fn said(session: &mut Session) -> Vec<String> {
    let lines = actions(session).into_iter().filter_map(|action| match action {
        Action::Say(line) => Some(line),
        _ => None,
    });
    lines.collect()
}

fn sent(action: Action) -> Option<(LinkId, u64)> {
    match action {
        Action::Send(link, frame) => Some((link, frame.seq)),
        _ => None,
    }
}

/// A session with workers of these names, all up, in the order of their links.
pub(super) fn with_workers(names: &[&str], max_age: Option<Duration>, now: Instant) -> Session {
    let mut session = Session::new(spec(max_age), 1);
    session.tick(now);
    let candidates: Vec<Candidate> = names.iter().zip(1..).map(|(name, port)| candidate(name, port)).collect();
    session.routed(route(&candidates, 1), now);
    for (name, link) in names.iter().zip(0..) {
        session.link_up(LinkId(link), greeting(name), now);
    }
    actions(&mut session);
    session
}

#[test]
fn a_worker_that_is_unfit_is_worth_a_word_once_and_one_that_is_away_is_not_while_others_work() {
    let start = test_clock::start();
    let mut session = Session::new(spec(None), 1);
    let workers = [candidate("good", 1), candidate("away", 2), candidate("unfit", 3)];
    session.tick(start);
    session.routed(route(&workers, 1), start);
    session.link_up(LinkId(0), greeting("good"), start);
    session.link_down(LinkId(1), &Disconnect::broken("nobody is there"), start);
    assert!(said(&mut session).is_empty());
    let refused = Disconnect { kind: DisconnectKind::Unfit, reason: "no such detector".to_owned() };
    session.link_down(LinkId(2), &refused, start);
    let lines = said(&mut session);
    assert!(
        lines.len() == 1 && lines[0].contains("cannot use unfit") && lines[0].contains("no such detector"),
        "{lines:?}"
    );

    let later = start + Duration::from_secs(10);
    session.routed(route(&workers, 1), later);
    assert_eq!(session.links.len(), 3, "both are tried again");
    session.link_down(LinkId(session.next_link - 1), &refused, later);
    assert!(said(&mut session).is_empty(), "it has been said");
    assert!(session.links[&LinkId(0)].name.is_some());
}

#[test]
fn frames_come_back_in_order_and_the_ledger_balances() {
    let now = test_clock::start();
    let mut session = with_workers(&["a", "b"], None, now);
    (0..2).for_each(|index| session.frame(frame(index), now));
    session.source_ended();
    session.answer(LinkId(1), ok(1, 0), now);
    assert!(!session.has_ready());
    session.answer(LinkId(0), ok(0, 0), now);
    let order: Vec<u64> = std::iter::from_fn(|| session.take_ready()).map(|finished| finished.frame.index).collect();
    assert_eq!(order, [0, 1]);
    assert!(session.is_over() && session.ledger().counts().balances());
}

#[test]
fn a_late_answer_is_counted_as_late_and_nothing_else() {
    let now = test_clock::start();
    let mut session = with_workers(&["a", "b"], None, now);
    session.frame(frame(0), now);
    session.link_down(LinkId(0), &Disconnect::broken("it is gone"), now);
    session.answer(LinkId(0), ok(0, 0), now);
    session.answer(LinkId(1), ok(0, 1), now);
    let counts = session.ledger().counts();
    assert_eq!((counts.ok, counts.late, counts.retried), (1, 1, 1));
    assert_eq!((counts.workers["a"].taken_back, counts.workers["b"].answered), (1, 1));
    session.answer(LinkId(1), ok(0, 1), now);
    assert!(session.links.is_empty(), "a worker that answers twice is not to be trusted");
}

#[test]
fn a_failure_is_asked_about_elsewhere_and_a_liar_is_left_alone() {
    let now = test_clock::start();
    let mut session = with_workers(&["a", "b"], None, now);
    for seq in 0..3 {
        session.frame(frame(seq), now);
        assert!(session.links.contains_key(&LinkId(0)));
        // The idle worker with the lower number is asked first.
        session.answer(LinkId(0), failed(seq, 0, true), now);
        session.answer(LinkId(1), ok(seq, 1), now);
    }
    assert!(!session.links.contains_key(&LinkId(0)), "three frames that another could do");
    assert_eq!(session.ledger().counts().ok, 3);
    // With nobody else to ask, its word has to do.
    session.frame(frame(3), now);
    session.answer(LinkId(1), failed(3, 0, true), now);
    assert_eq!(session.ledger().counts().failed["panicked"], 1);
}

#[test]
fn broken_workers_that_agree_do_not_keep_a_stream_from_one_that_works() {
    let now = test_clock::start();
    let mut session = with_workers(&["a", "b", "c"], None, now);
    for seq in 0..6 {
        session.frame(frame(seq), now);
        session.answer(LinkId(0), failed(seq, 0, false), now);
        session.answer(LinkId(1), failed(seq, 1, false), now);
        if actions(&mut session).into_iter().filter_map(sent).any(|sent| sent == (LinkId(2), seq)) {
            session.answer(LinkId(2), ok(seq, 2), now);
        }
    }
    let counts = session.ledger().counts();
    assert_eq!((counts.failed["panicked"], counts.ok), (3, 3), "two agree on three frames; later ones go to all");
    assert_eq!(session.links.keys().collect::<Vec<_>>(), [&LinkId(2)], "both were contradicted three times");
}

#[test]
fn a_worker_that_was_lost_comes_after_those_that_were_not() {
    let start = test_clock::start();
    let query = RouteQuery { wanted: 1, ..RouteQuery::default() };
    let mut session = Session::new(StreamSpec { query, ..spec(None) }, 1);
    session.tick(start);
    session.routed(route(&[candidate("mute", 1)], 1), start);
    session.link_up(LinkId(0), greeting("mute"), start);
    session.frame(frame(0), start);
    actions(&mut session);
    let lost = start + Duration::from_secs(21);
    session.link_down(LinkId(0), &Disconnect::broken("its answer is overdue"), lost);
    let asked = question(&mut session).unwrap();
    assert_eq!((asked.wanted, asked.exclude), (1, vec![WorkerId(1)]), "it is left alone for a moment");
    session.routed(route(&[], 1), lost);
    let later = lost + Duration::from_secs(2);
    session.tick(later);
    let asked = question(&mut session).unwrap();
    assert_eq!((asked.wanted, asked.exclude), (2, vec![]), "it may be all that there is");
    session.routed(route(&[candidate("mute", 1), candidate("good", 2)], 1), later);
    let connects = actions(&mut session);
    assert!(matches!(&connects[..], [Action::Connect(_, to, _)] if to.name == "good"), "{connects:?}");
}

#[test]
fn a_worker_that_blames_itself_is_left_alone_for_twice_as_many_frames_each_time() {
    let mut now = test_clock::start();
    let mut session = with_workers(&["a"], None, now);
    let (mut link, mut closed) = (LinkId(0), Vec::new());
    for seq in 0..100 {
        session.frame(frame(seq), now);
        session.answer(link, failed(seq, 0, true), now);
        if !session.links.contains_key(&link) {
            closed.push(seq + 1);
            now += Duration::from_secs(10);
            session.routed(route(&[candidate("a", 1)], 1), now);
            link = LinkId(link.0 + 1);
            session.link_up(link, greeting("a"), now);
        }
    }
    assert_eq!(closed, [3, 9, 21, 45, 93], "so that a run without a better one comes to its end");
    assert_eq!(session.ledger().counts().failed["panicked"], 100);
    // A worker that blames the frame is believed.
    let mut session = with_workers(&["a"], None, now);
    for seq in 0..100 {
        session.frame(frame(seq), now);
        session.answer(LinkId(0), failed(seq, 0, false), now);
    }
    assert!(session.links.contains_key(&LinkId(0)));
}

#[test]
fn a_live_frame_that_finds_no_room_loses_its_picture_and_not_its_place() {
    let now = test_clock::start();
    let mut session = with_workers(&[], Some(Duration::from_secs(3600)), now);
    let large = Bytes::from(vec![0; MOST_BYTES / 8]);
    for index in 0..20 {
        assert!(session.wants_frame());
        session.frame(SourceFrame { jpeg: Ok(large.clone()), ..frame(index) }, now);
    }
    assert_eq!(session.ledger().counts().dropped["queue_full"], 12);
    assert!(session.bytes <= MOST_BYTES);
}

#[test]
fn a_worker_of_another_name_or_an_earlier_life_is_not_who_was_meant() {
    let now = test_clock::start();
    for (name, generation, taken) in [("a", 1, true), ("a", 2, true), ("a", 0, false), ("other", 1, false)] {
        let mut session = Session::new(spec(None), 1);
        session.tick(now);
        session.routed(route(&[candidate("a", 1)], 1), now);
        session.link_up(LinkId(0), Greeting { generation, ..greeting(name) }, now);
        assert_eq!(session.links.contains_key(&LinkId(0)), taken, "{name} {generation}");
    }
}

/// The last question among the actions.
fn question(session: &mut Session) -> Option<RouteQuery> {
    let questions = actions(session).into_iter().filter_map(|action| match action {
        Action::Ask(query) => Some(query),
        _ => None,
    });
    questions.last()
}

#[test]
fn ids_of_an_earlier_life_of_the_master_are_forgotten() {
    let start = test_clock::start();
    let mut session = with_workers(&["a"], None, start);
    let later = start + Duration::from_secs(2);
    session.tick(later);
    let asked = question(&mut session).unwrap();
    assert_eq!((asked.exclude, asked.epoch, asked.wanted), (vec![WorkerId(1)], 1, 2));
    session.routed(route(&[], 2), later);
    let later = later + Duration::from_secs(2);
    session.tick(later);
    let asked = question(&mut session).unwrap();
    assert_eq!((asked.exclude, asked.epoch), (Vec::new(), 2));
    // It tells its new number, and the link stays what it is.
    let renumbered = Candidate { id: Some(WorkerId(0)), ..candidate("a", 1) };
    session.routed(route(&[renumbered], 2), later);
    assert_eq!(session.links.len(), 1);
    session.tick(later + Duration::from_secs(2));
    assert_eq!(question(&mut session).unwrap().exclude, [WorkerId(0)]);
}

#[test]
fn a_stream_takes_more_workers_while_those_that_it_has_cannot_do_its_frames() {
    let start = test_clock::start();
    let query = RouteQuery { wanted: 20, ..RouteQuery::default() };
    let mut session = Session::new(StreamSpec { query, ..spec(None) }, 1);
    session.tick(start);
    assert_eq!(question(&mut session).unwrap().wanted, 8, "a few at first");
    let candidates: Vec<Candidate> = (1..9).map(|port| candidate(&port.to_string(), port)).collect();
    session.routed(route(&candidates, 1), start);
    (0..8).for_each(|link| session.link_up(LinkId(link), greeting(&(link + 1).to_string()), start));
    (0..8).for_each(|index| session.frame(frame(index), start));
    let sent: Vec<(LinkId, u64)> = actions(&mut session).into_iter().filter_map(sent).collect();
    assert_eq!(sent.len(), 8, "each worker may have one frame until it is known");
    // Each of them takes half a second for a frame, and may have no more: the last one of these waits.
    let pace = Pace { frame_time: Some(Duration::from_millis(500)), ..Pace::default() };
    for (link, seq) in sent {
        session.answer(link, FrameAnswer { pace, ..ok(seq, 0) }, start);
    }
    (8..17).for_each(|index| session.frame(frame(index), start));
    assert_eq!(question(&mut session), None, "it has eight");
    let at = |ms| start + Duration::from_millis(ms);
    session.tick(at(150));
    assert_eq!(question(&mut session), None, "they may be enough in a moment");
    session.tick(at(250));
    assert_eq!(question(&mut session).unwrap().wanted, 8, "twice as many");
    session.routed(route(&[], 1), at(250));
    session.tick(at(5_000));
    assert_eq!(question(&mut session).unwrap().wanted, 8, "there are no more, and that is no reason to want even more");
}

#[test]
fn a_stream_lets_go_of_workers_that_it_has_not_needed_for_long() {
    let start = test_clock::start();
    let query = RouteQuery { wanted: 16, ..RouteQuery::default() };
    let mut session = Session::new(StreamSpec { query, ..spec(None) }, 1);
    [0, 200].into_iter().for_each(|ms| session.routing.short(true, start + Duration::from_millis(ms)));
    session.tick(start);
    let candidates: Vec<Candidate> = (1..17).map(|port| candidate(&port.to_string(), port)).collect();
    session.routed(route(&candidates, 1), start);
    (0..16).for_each(|link| session.link_up(LinkId(link), greeting(&(link + 1).to_string()), start));
    session.frame(frame(0), start);
    let [(busy, seq)] = actions(&mut session).into_iter().filter_map(sent).collect::<Vec<_>>()[..] else {
        panic!("one frame is sent")
    };
    let at = |minute: u32| start + Duration::from_mins(1) * minute;
    (0..16).for_each(|minute| session.settle(at(minute)));
    let closed: Vec<LinkId> = actions(&mut session)
        .into_iter()
        .filter_map(|a| if let Action::Close(link) = a { Some(link) } else { None })
        .collect();
    assert_eq!((closed.len(), session.links.len(), closed.contains(&busy)), (8, 8, false), "{closed:?}");
    session.answer(busy, ok(seq, 0), at(16));
    assert!(session.has_ready() && question(&mut session).is_none(), "nothing is lost or asked for");
}

#[test]
fn a_stream_that_has_lost_its_place_goes_back_to_the_workers_that_it_knows() {
    let start = test_clock::start();
    let mut session = with_workers(&["a"], None, start);
    session.tick(start + Duration::from_secs(2));
    assert!(question(&mut session).is_some());
    session.queued(3);
    session.link_down(LinkId(0), &Disconnect::broken("the network was cut"), start + Duration::from_secs(3));
    let later = start + Duration::from_secs(10);
    session.tick(later);
    let connects = |actions: Vec<Action>| actions.iter().filter(|action| matches!(action, Action::Connect(..))).count();
    assert_eq!(connects(actions(&mut session)), 1, "the question is open, and may be for minutes");
    // One that was never let in stays out.
    let mut fresh = Session::new(spec(None), 1);
    fresh.tick(start);
    fresh.queued(3);
    fresh.routed(Err(NoRoute::Later { why: "full".to_owned(), after: Duration::from_secs(5) }), start);
    fresh.tick(later);
    assert_eq!(connects(actions(&mut fresh)), 0);
}

#[test]
fn while_the_master_is_away_a_lost_worker_is_tried_again_all_the_same() {
    let start = test_clock::start();
    let mut session = with_workers(&["a"], None, start);
    session.link_down(LinkId(0), &Disconnect::broken("the network was cut"), start);
    assert!(question(&mut session).is_some());
    let later = start + Duration::from_secs(10);
    session.tick(later);
    assert!(actions(&mut session).is_empty(), "the question is open");
    session.routed(Err(NoRoute::Away("nobody answers".to_owned())), later);
    let connects = actions(&mut session);
    assert!(matches!(&connects[0], Action::Say(line) if line.contains("waiting for the master")), "{connects:?}");
    assert!(matches!(&connects[1], Action::Connect(LinkId(1), to, _) if to.name == "a"), "{connects:?}");
}

#[test]
fn a_live_stream_drops_what_is_too_old_and_counts_it() {
    let start = test_clock::start();
    let mut session = with_workers(&["a"], Some(Duration::from_millis(500)), start);
    (0..3).for_each(|index| session.frame(frame(index), start));
    assert!(session.wants_frame(), "a camera does not wait");
    session.tick(start + Duration::from_millis(501));
    let counts = session.ledger().counts();
    assert_eq!(counts.dropped["stale_client"], 2, "one is with the worker");
    session.answer(LinkId(0), ok(0, 0), start + Duration::from_millis(502));
    session.source_ended();
    assert_eq!(std::iter::from_fn(|| session.take_ready()).count(), 3);
    assert!(session.is_over() && session.ledger().counts().balances());
}

#[test]
fn a_live_stream_that_nobody_serves_holds_so_many_frames_and_a_file_none_that_cannot_be_sent() {
    let now = test_clock::start();
    let mut live = with_workers(&[], Some(Duration::from_secs(3600)), now);
    let read = (0..)
        .take_while(|index| {
            live.wants_frame() && {
                live.frame(frame(*index), now);
                true
            }
        })
        .count();
    assert_eq!(live.ledger().counts().dropped["queue_full"] as usize, read - WINDOW);
    let mut file = with_workers(&[], None, now);
    file.frame(frame(0), now);
    assert!(!file.wants_frame());
}

#[test]
fn a_stream_that_waits_for_a_place_says_so_and_one_that_has_workers_does_not() {
    let now = test_clock::start();
    let mut session = Session::new(spec(None), 1);
    session.tick(now);
    [3, 3, 1].into_iter().for_each(|streams| session.queued(streams));
    let waits =
        ["3 streams wait", "1 stream waits"].map(|who| format!("waiting for a free place on the cluster: {who}"));
    assert_eq!(said(&mut session), waits);
    session.routed(route(&[candidate("a", 1)], 1), now);
    session.link_up(LinkId(0), greeting("a"), now);
    session.queued(2);
    assert!(said(&mut session).is_empty());
}

#[test]
fn a_stream_that_is_refused_asks_again_when_it_was_told_to() {
    let now = test_clock::start();
    let mut session = Session::new(spec(None), 1);
    session.tick(now);
    actions(&mut session);
    let after = Duration::from_secs(5);
    session.routed(Err(NoRoute::Later { why: "no place".to_owned(), after }), now);
    assert_eq!(said(&mut session), ["no place; asking again in 5 s"]);
    let asks = |session: &mut Session, now| {
        session.tick(now);
        actions(session).iter().any(|action| matches!(action, Action::Ask(_)))
    };
    assert!(!asks(&mut session, now + after - Duration::from_millis(1)));
    assert!(asks(&mut session, now + after));
}

#[test]
fn the_results_of_a_stream_end_its_lease_and_tell_what_was_measured() {
    let now = test_clock::start();
    let query = RouteQuery { lease: Some(77), ..spec(None).query };
    let mut session = Session::new(StreamSpec { query, ..spec(None) }, 1);
    session.tick(now);
    let end = |epoch| TaskResult { lease: Some(77), epoch, ..TaskResult::default() };
    assert_eq!(session.results(), [end(0)], "nobody has answered");
    session.routed(route(&[candidate("a", 1), candidate("b", 2)], 9), now);
    session.link_up(LinkId(0), greeting("a"), now);
    session.link_up(LinkId(1), greeting("b"), now);
    session.frame(frame(0), now);
    let frame_time = Some(Duration::from_millis(40));
    session.answer(LinkId(0), FrameAnswer { pace: Pace { frame_time, ..Pace::default() }, ..ok(0, 0) }, now);
    let measured = TaskResult { worker: Some(WorkerId(1)), frame_time, frames: 1, lease: None, epoch: 9 };
    assert_eq!(session.results(), [end(9), measured]);
}
