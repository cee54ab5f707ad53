use facefleet_service::clock;

use super::*;

const STREAM: u64 = 0xab;

/// A frame that arrived a number of milliseconds after `begin`.
fn frame(begin: Instant, ms: u64) -> AnsweredFrame {
    let jpeg = Bytes::from(ms.to_string());
    AnsweredFrame { jpeg, arrived: begin + Duration::from_millis(ms), found: Found::Edges }
}

/// A gallery with one stream.
fn gallery() -> Gallery {
    let mut gallery = Gallery::default();
    assert_eq!(gallery.open(Some(STREAM), "door"), STREAM);
    gallery
}

fn drawn(next: Next) -> (u64, Bytes) {
    let Next::Draw(Drawing { stream: id, frame }) = next else { panic!("{next:?}") };
    (id, frame.jpeg)
}

#[test]
fn nothing_is_kept_while_nobody_looks() {
    let (mut gallery, begin) = (gallery(), clock::now());
    assert!(!gallery.offer(STREAM, || panic!("not even asked for")));
    let pictures = gallery.watch(STREAM).unwrap();
    assert!(gallery.offer(STREAM, || frame(begin, 0)));
    assert!(matches!(gallery.next(begin), Next::Draw(Drawing { stream: STREAM, .. })));
    gallery.publish(STREAM, Bytes::from_static(b"picture"));
    assert!(gallery.offer(STREAM, || frame(begin, 1)));
    let second = gallery.watch(STREAM).unwrap();
    gallery.leave(STREAM, pictures);
    assert!(second.borrow().is_some() && gallery.streams[&STREAM].newest.is_some(), "one still looks");
    gallery.leave(STREAM, second);
    let Exhibit { newest, pictures, .. } = &gallery.streams[&STREAM];
    assert!(newest.is_none() && pictures.borrow().is_none());
    assert!(matches!(gallery.next(begin + BETWEEN * 2), Next::Nothing));
    gallery.publish(STREAM, Bytes::from_static(b"drawn too late"));
    assert!(gallery.watch(STREAM).unwrap().borrow().is_none());
}

#[test]
fn the_newest_frame_is_drawn_whatever_the_order_of_the_answers() {
    let (mut gallery, begin) = (gallery(), clock::now());
    let _pictures = gallery.watch(STREAM).unwrap();
    assert!(gallery.offer(STREAM, || frame(begin, 10)));
    assert!(gallery.offer(STREAM, || frame(begin, 30)));
    assert!(!gallery.offer(STREAM, || frame(begin, 20)));
    assert_eq!(drawn(gallery.next(begin)), (STREAM, "30".into()));
    assert!(matches!(gallery.next(begin + BETWEEN), Next::Nothing), "each once");
}

#[test]
fn a_stream_gets_five_pictures_a_second_at_most() {
    let (mut gallery, begin) = (gallery(), clock::now());
    let _pictures = gallery.watch(STREAM).unwrap();
    let mut pictures = 0;
    for ms in 0..1_000 {
        gallery.offer(STREAM, || frame(begin, ms));
        match gallery.next(begin + Duration::from_millis(ms)) {
            Next::Draw(Drawing { frame: drawn, .. }) => {
                assert_eq!(drawn.jpeg, ms.to_string(), "the one that has just come");
                pictures += 1;
            }
            Next::At(at) => assert_eq!(at, begin + BETWEEN * pictures),
            Next::Nothing => panic!("there is a frame"),
        }
    }
    assert_eq!(pictures, 5);
}

#[test]
fn streams_take_turns() {
    let (mut gallery, begin) = (Gallery::default(), clock::now());
    let ids = [1, 2, 3].map(|lease| gallery.open(Some(lease), "camera"));
    let _pictures = ids.map(|id| gallery.watch(id).unwrap());
    let mut turns = Vec::new();
    // The thread has time for one picture every 300 ms, and all pictures are due by then.
    for ms in (0..1_800).step_by(300) {
        for id in ids {
            assert!(gallery.offer(id, || frame(begin, ms)));
        }
        turns.push(drawn(gallery.next(begin + Duration::from_millis(ms))).0);
    }
    assert_eq!(turns, [1, 2, 3, 1, 2, 3]);
}

#[test]
fn pictures_are_numbered_for_those_who_come_back() {
    let mut gallery = gallery();
    for number in 1..4 {
        let pictures = gallery.watch(STREAM).unwrap();
        gallery.publish(STREAM, Bytes::from_static(b"picture"));
        assert_eq!(pictures.borrow().as_ref().map(|picture| picture.number), Some(number));
        gallery.leave(STREAM, pictures);
    }
}

#[test]
fn a_stream_is_there_until_its_last_call_ends_and_then_who_looks_is_told() {
    let mut gallery = gallery();
    assert_eq!(gallery.open(Some(STREAM), "door"), STREAM, "a second call under one lease");
    let own = gallery.open(None, "PushAndPull");
    assert!(own != STREAM && own != 0);
    assert_eq!(gallery.list().len(), 2);
    let pictures = gallery.watch(STREAM).unwrap();
    gallery.close(STREAM);
    assert!(pictures.has_changed().is_ok());
    gallery.close(STREAM);
    assert!(pictures.has_changed().is_err());
    assert_eq!(gallery.watch(STREAM).unwrap_err(), Refusal::NoStream);
    // The next stream under this lease may come before the viewers have noticed the end.
    gallery.open(Some(STREAM), "door");
    let _newcomer = gallery.watch(STREAM).unwrap();
    gallery.leave(STREAM, pictures);
    assert_eq!(gallery.watchers(), 1);
}

#[test]
fn so_many_look_and_no_more() {
    let mut gallery = gallery();
    let other = gallery.open(None, "street");
    let mut all: Vec<Pictures> = (1..MAX_WATCHERS).map(|_| gallery.watch(STREAM).unwrap()).collect();
    all.push(gallery.watch(other).unwrap());
    assert_eq!(gallery.watch(STREAM).unwrap_err(), Refusal::TooMany);
    assert_eq!(gallery.list().iter().map(|stream| stream.watchers).sum::<usize>(), MAX_WATCHERS);
    gallery.leave(other, all.pop().unwrap());
    gallery.watch(STREAM).unwrap();
}
