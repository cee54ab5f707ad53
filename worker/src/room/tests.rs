use std::time::Duration;

use facefleet_proto::DropReason;
use facefleet_service::clock;
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

fn dropped<T>(frame: T, reason: DropReason) -> Dropped<T> {
    Dropped { frame, reason }
}

fn waiting<T>(frame: T, bytes: usize) -> WaitingFrame<T> {
    WaitingFrame { frame, bytes, fresh_until: None }
}

#[test]
fn a_stream_has_so_many_places_and_all_together_so_many_bytes() {
    let now = clock::now();
    let mut room = Room::new(3, 100);
    let (first, second) = (room.fair.open(0), room.fair.open(0));
    for frame in [1, 2, 3] {
        room.enter(first, waiting(frame, 10)).unwrap();
    }
    assert_eq!(room.enter(first, waiting(4, 10)).unwrap_err().frame, 4, "three places");
    room.enter(second, waiting(5, 40)).unwrap();
    room.enter(second, waiting(6, 30)).unwrap();
    assert_eq!(room.enter(second, waiting(7, 1)).unwrap_err().frame, 7, "a hundred bytes");
    assert_eq!(room.take(now).next.unwrap().0, 1);
    room.enter(second, waiting(7, 10)).unwrap();
    assert_eq!(room.enter(first, waiting(4, 1)).unwrap_err().frame, 4);
    assert_eq!(room.close(second), [5, 6, 7]);
    room.enter(first, waiting(4, 80)).unwrap();
}

#[test]
fn a_stream_that_has_none_waiting_finds_room_for_one() {
    let mut room = Room::new(3, 100);
    let (first, second) = (room.fair.open(0), room.fair.open(0));
    room.enter(first, waiting(1, 1_000)).unwrap();
    room.enter(first, waiting(2, 1)).unwrap_err();
    room.enter(second, waiting(3, 1)).unwrap();
    room.enter(second, waiting(4, 1)).unwrap_err();
}

#[test]
fn a_live_frame_takes_the_room_of_the_oldest_of_its_own_stream() {
    let now = clock::now();
    let mut room = Room::new(2, 100);
    let (live, file) = (room.fair.open(0), room.fair.open(0));
    room.enter(file, waiting(0, 40)).unwrap();
    assert_eq!(room.enter_live(live, waiting(1, 10), now), []);
    assert_eq!(room.enter_live(live, waiting(2, 10), now), []);
    assert_eq!(room.enter_live(live, waiting(3, 10), now), [dropped(1, DropReason::QueueFull)]);
    // Frames also make room for bytes, and a single frame finds room even where that is not enough.
    assert_eq!(
        room.enter_live(live, waiting(4, 90), now),
        [dropped(2, DropReason::QueueFull), dropped(3, DropReason::QueueFull)]
    );
    assert_eq!(room.enter_live(live, waiting(5, 10), now), [dropped(4, DropReason::QueueFull)]);
    assert_eq!(room.fair.waiting(file), 1);
}

#[test]
fn stale_frames_go_when_a_new_one_comes_and_when_their_turn_does() {
    let now = clock::now();
    let later = now + Duration::from_millis(1);
    let mut room = Room::new(4, 100);
    let live = room.fair.open(0);
    let until = |frame, fresh_until| WaitingFrame { fresh_until: Some(fresh_until), ..waiting(frame, 1) };
    for (frame, fresh_until) in [(1, now), (2, later), (3, now)] {
        assert_eq!(room.enter_live(live, until(frame, fresh_until), now), []);
    }
    assert_eq!(
        room.enter_live(live, until(4, later), later),
        [dropped(1, DropReason::StaleWorker)],
        "3 is behind one that is fresh"
    );
    let Taken { stale, next } = room.take(later);
    assert_eq!((stale, next.unwrap().0), (vec![], 2), "it may be as old as that");
    let Taken { stale, next } = room.take(later);
    assert_eq!((stale, next.unwrap().0), (vec![dropped(3, DropReason::StaleWorker)], 4));
    room.enter(live, until(5, now)).unwrap();
    let Taken { stale, next } = room.take(later);
    assert!(stale == [dropped(5, DropReason::StaleWorker)] && next.is_none());
}

proptest! {
    #[test]
    fn what_waits_is_bounded_and_every_byte_goes_with_its_frame(
        deeds in vec((0..4_u8, 0..3_usize, 0..60_usize, 0..20_u64), 0..200),
    ) {
        const LARGEST: usize = 60;
        let start = clock::now();
        let mut room = Room::new(5, 100);
        let mut streams = [room.fair.open(0), room.fair.open(1), room.fair.open(0)];
        let (mut entered, mut left) = (0, 0);
        for (step, (deed, which, bytes, life)) in deeds.into_iter().enumerate() {
            let now = start + Duration::from_millis(step as u64);
            match deed {
                0 => entered += usize::from(room.enter(streams[which], waiting(bytes, bytes)).is_ok()),
                1 => {
                    let fresh_until = Some(now + Duration::from_millis(life));
                    left += room.enter_live(streams[which], WaitingFrame { fresh_until, ..waiting(bytes, bytes) }, now).len();
                    entered += 1;
                }
                2 => {
                    let Taken { stale, next } = room.take(now);
                    left += stale.len();
                    left += next.into_iter().map(|(_, charge)| room.fair.done(charge, Duration::from_millis(5))).count();
                }
                _ => {
                    left += room.close(streams[which]).len();
                    streams[which] = room.fair.open(0);
                }
            }
            let counts = streams.map(|stream| room.fair.waiting(stream));
            prop_assert!(counts.iter().all(|count| *count <= 5), "{counts:?}");
            prop_assert_eq!(entered - left, counts.iter().sum::<usize>());
            prop_assert!(room.bytes <= 100 + streams.len() * LARGEST, "{} bytes", room.bytes);
        }
        streams.into_iter().for_each(|stream| drop(room.close(stream)));
        prop_assert_eq!(room.bytes, 0);
    }
}
