//! Counts allocations: a frame of which only boxes are wanted takes no memory once its thread has seen one like it.
#![allow(unsafe_code, reason = "an allocator is made of unsafe functions; these add a count to the system's")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "it/pictures.rs"]
#[allow(dead_code, reason = "the other tests use the rest")]
mod pictures;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use facefleet_vision::{Analyzer, DetectorKind, Fit, Job, Limits, Report, Task};
use pictures::{astronaut_in, encode};

thread_local! {
    /// Allocations of this thread. Other threads, such as those of the test harness, are not counted.
    static COUNT: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: everything is the system allocator's.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.set(COUNT.get() + 1);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        COUNT.set(COUNT.get() + 1);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.realloc(memory, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Returns the number of allocations that `job` makes for all frames, after it was done twice for each.
fn allocations(analyzer: &mut Analyzer, frames: &[Vec<u8>], job: Job) -> usize {
    let mut report = Report::default();
    let mut round = || {
        let before = COUNT.get();
        for frame in frames {
            analyzer.analyze_into(frame, &job, &mut report).unwrap();
        }
        COUNT.get() - before
    };
    round();
    round();
    round()
}

/// Returns frames of one size with different contents, as those of a stream are.
fn frames() -> Vec<Vec<u8>> {
    [0, 40, 90].map(|left| encode(&astronaut_in(640, 512, left, 0))).to_vec()
}

#[test]
fn the_count_counts() {
    let before = COUNT.get();
    let memory = std::hint::black_box(vec![1, 2, 3]);
    assert_eq!(COUNT.get() - before, 1);
    drop(memory);
}

#[test]
fn decoding_takes_no_memory() {
    let mut analyzer = Analyzer::new(DetectorKind::Seeta, Limits::default()).unwrap();
    let view = Job { task: Task::View, ..Job::default() };
    assert_eq!(allocations(&mut analyzer, &frames(), view), 0);
}

#[test]
fn frames_that_only_boxes_are_wanted_of_take_no_memory() {
    let mut analyzer = Analyzer::new(DetectorKind::Seeta, Limits::default()).unwrap();
    for fit in [Fit::LEGACY, Fit::Within(512), Fit::Within(640)] {
        let job = Job { fit, ..Job::default() };
        assert_eq!(allocations(&mut analyzer, &frames(), job), 0, "{fit:?}");
    }
    let mut yunet = Analyzer::new(DetectorKind::Yunet, Limits::default()).unwrap();
    let job = Job { fit: Fit::Within(320), ..Job::default() };
    assert_eq!(allocations(&mut yunet, &frames(), job), 0, "yunet");
}

#[test]
fn pictures_that_go_back_use_the_memory_of_the_ones_before() {
    let mut analyzer = Analyzer::new(DetectorKind::Seeta, Limits::default()).unwrap();
    let job = Job { fit: Fit::LEGACY, picture: true, ..Job::default() };
    assert_eq!(allocations(&mut analyzer, &frames(), job), 0);
}
