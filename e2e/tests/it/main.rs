//! The programs as processes.
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests too, and a panic is how a test fails")]

mod admin;
mod admission;
mod bad_input;
mod bad_workers;
mod capacity;
mod cases;
mod demo;
mod detectors;
mod discovery;
mod fake_worker;
mod faults;
mod fixed;
mod fixed_fields;
mod interrupt;
mod live;
mod masters;
mod media;
mod memory;
mod metrics;
mod old_worker;
mod page;
mod page_live;
mod parts;
mod pictures;
mod report;
mod shared_settings;
mod slow_worker;
mod start_order;
mod strangers;
mod system;
mod traces;
#[allow(dead_code)]
mod tracks;
mod uneven;
mod video_sound;
mod video_times;
mod video_written;
mod watch;
