//! How much of a machine the services can reach, as systemd sees it.

use std::path::Path;
use std::process::Command;

use prerequisites::{SYSTEMD, skip};

use crate::error::Error;
use crate::process;
use crate::wait::Stop;

/// The units that the packages bring.
const UNITS: [&str; 2] = ["packaging/systemd/facefleet-master.service", "packaging/systemd/facefleet-worker.service"];
/// The most that is good enough, in tenths, of systemd's scale from 0 (nothing) to 10 (everything, as root).
const MOST: u32 = 25;

/// Asks systemd about each unit of the checkout at `root`, and prints its word.
///
/// # Errors
/// [`Error::Exposed`] for a unit that can reach more than it should, and [`Error::CannotRun`] where nobody can tell and everything is
/// required.
pub(super) fn check(root: &Path, stop: &Stop) -> Result<(), Error> {
    if !SYSTEMD.starts() {
        return Ok(skip("the check of what the services can reach", &SYSTEMD.missing())?);
    }
    UNITS.into_iter().try_for_each(|unit| {
        let mut analyze = Command::new(SYSTEMD.program);
        analyze.args(["security", "--no-pager", "--offline=true", &format!("--threshold={MOST}")]).arg(root.join(unit));
        let lines = process::output(SYSTEMD.program, &mut analyze, stop).map_err(|error| match error {
            Error::Failed { .. } => Error::Exposed { unit, most: f64::from(MOST) / 10.0 },
            error => error,
        })?;
        println!("{}", lines.last().map_or("", |line| line.trim_start_matches(['→', ' '])));
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_services_are_shut_in() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        check(root, &Stop::default()).unwrap();
    }
}
