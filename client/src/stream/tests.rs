use super::*;

/// A worker that nobody reaches; what its link says is what the test says.
fn candidate(name: &str, port: u16) -> Candidate {
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    Candidate { id: None, generation: 1, name: name.to_owned(), address, cores: 1, share: 0.5, frame_ms: None }
}

#[tokio::test]
async fn a_worker_that_is_unfit_is_worth_a_word_once_and_one_that_is_away_is_not_while_others_work() {
    let start = clock::now();
    let (events, _events) = mpsc::unbounded_channel();
    let (in_use, _in_use) = watch::channel(InUse::default());
    let progress = Progress::start(1, None, false, start).remove(0);
    let mut stream = Stream::new(AnalyzeOpen::default(), 3, events, in_use, progress);
    let workers = vec![candidate("good", 1), candidate("away", 2), candidate("unfit", 3)];
    let (good, away, unfit) = (LinkId(0), LinkId(1), LinkId(2));
    let refused = || Lost { reason: "no such detector".to_owned(), unfit: true };

    stream.candidates(workers.clone(), None, start);
    let (frames, _frames) = mpsc::unbounded_channel();
    stream.link_event(LinkEvent::Up(good, Worker { name: "good".to_owned(), threads: 1, frames }), start);
    stream.link_event(LinkEvent::Down(away, Lost::because("nobody is there")), start);
    assert_eq!(stream.said, "");
    stream.link_event(LinkEvent::Down(unfit, refused()), start);
    assert!(stream.said.contains("cannot use unfit") && stream.said.contains("no such detector"), "{}", stream.said);

    stream.said.clear();
    let later = start + FORGIVEN_AFTER;
    stream.candidates(workers, None, later);
    assert_eq!(stream.links.len(), 3, "both are tried again");
    let again = LinkId(stream.next_link - 1);
    stream.link_event(LinkEvent::Down(again, refused()), later);
    assert_eq!(stream.said, "", "it has been said");
    assert!(stream.links[&good].worker.is_some());
}
