//! What tests and checks need beside Rust and the checkout, and what becomes of one where it is missing.
//!
//! A test that starts etcd, for instance, begins with `if !ETCD.is_there() { return }`. Where etcd is missing, the test is
//! **skipped**: it says so on stderr, and adds a line to the file that [`SKIPPED`] names, from which `cargo xtask test` counts.
//! With `FACEFLEET_REQUIRE=all`, as continuous integration sets it, the test **fails** instead, so no check passes by skipping.
//! A check that is no test calls [`skip`].
//!
//! Files of the shared data folder are the exception: the folder is no part of a checkout and no package manager brings it,
//! so a test that lacks one of them is skipped everywhere.
#![forbid(unsafe_code)]

mod record;
mod tools;

use std::env;
use std::error::Error;
use std::fmt;
use std::panic::Location;
use std::path::Path;
use std::thread;

pub use record::{SKIPPED, Skips};
pub use tools::{CHROMEDRIVER, ETCD, FFMPEG, PROMTOOL, SYSTEMD, Tool};

/// The variable of the environment that makes a missing tool a failure. Its one value is `all`.
pub const REQUIRE: &str = "FACEFLEET_REQUIRE";

/// Whether a missing tool is a failure here.
///
/// # Panics
/// [`REQUIRE`] has a value that nobody understands: taken for "no", a typing error would switch the checks off.
pub fn all_are_required() -> bool {
    match env::var_os(REQUIRE) {
        None => false,
        Some(value) if value.is_empty() => false,
        Some(value) if value == "all" => true,
        Some(value) => panic!("{REQUIRE} is {value:?}; the value that it may have is `all`"),
    }
}

/// Ends a test that lacks something: skips it, after which the caller has to return.
///
/// `what` is missing is said in whole words, with how to get it: "etcd is not installed (Debian: apt-get …)".
///
/// # Panics
/// With [`all_are_required`], which is the failure of the test.
#[track_caller]
pub fn lacking(what: &str) {
    skip(&name_of_test(Location::caller()), what).unwrap_or_else(|cannot_run| panic!("{cannot_run}"));
}

/// Skips a check that is no test because it lacks something, which is said as in [`lacking`].
///
/// # Errors
/// The check is required to run.
pub fn skip(check: &str, what: &str) -> Result<(), CannotRun> {
    if all_are_required() {
        return Err(CannotRun { check: check.to_owned(), what: what.to_owned() });
    }
    record::skip(check, what);
    Ok(())
}

/// A check lacks something, and [`all_are_required`].
#[derive(Debug)]
pub struct CannotRun {
    check: String,
    what: String,
}

impl fmt::Display for CannotRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} cannot run: {}; {REQUIRE}=all makes that a failure", self.check, self.what)
    }
}

impl Error for CannotRun {}

/// Whether a file of the shared data is there. If not, the test that asks is skipped.
#[track_caller]
pub fn is_shared_data_there(file: &Path) -> bool {
    let is_there = file.exists();
    if !is_there {
        let why = format!("{} is not there, and it is no part of the checkout", file.display());
        record::skip(&name_of_test(Location::caller()), &why);
    }
    is_there
}

/// The test that runs on this thread, as the test runner names it, or else where in the sources it asked.
fn name_of_test(asked_at: &Location) -> String {
    match thread::current().name() {
        // With one thread for all tests, that thread is the program's own.
        Some(name) if name != "main" => name.to_owned(),
        _ => asked_at.to_string(),
    }
}
