//! How many instructions a frame takes: `vision/examples/count.rs` in the emulator, with `xtask/insn-count` plugged in.

use std::path::Path;

use super::{BUILD, PACKAGE, TARGET, cargo};
use crate::cargo::QUICK;
use crate::error::Error;
use crate::process;
use crate::wait::Stop;

/// The plugin. It runs inside the emulator, so it is built for this machine.
const PLUGIN: &str = "insn-count";
/// The file of the plugin, below [`BUILD`] and the profile.
const PLUGIN_FILE: &str = "libinsn_count.so";

/// How many instructions a detector with the kernels of this name takes per frame, once the first frame has filled the buffers.
///
/// # Errors
/// The build failed, the library does not offer these kernels, or the emulator counted nothing ([`Error::NoCount`]).
pub(super) fn per_frame(detector: &str, kernels: &str, stop: &Stop) -> Result<u64, Error> {
    let mut plugin = cargo();
    plugin.args(["build", "--quiet", "--locked", "--profile", QUICK, "--package", PLUGIN]);
    process::run("the build of the plugin", &mut plugin, stop)?;
    Ok((whole_run(detector, kernels, 3, stop)? - whole_run(detector, kernels, 1, stop)?) / 2)
}

/// How many instructions a whole run takes, reading the picture and the model included.
fn whole_run(detector: &str, kernels: &str, frames: u32, stop: &Stop) -> Result<u64, Error> {
    let mut run = cargo();
    run.args(["run", "--quiet", "--locked", "--profile", QUICK, "--package", PACKAGE, "--target", TARGET]);
    run.args(["--example", "count", "--", detector, kernels, &frames.to_string()]);
    run.env("QEMU_PLUGIN", Path::new(BUILD).join(QUICK).join(PLUGIN_FILE));
    let lines = process::output("counting", &mut run, stop)?;
    lines.iter().find_map(|line| instructions(line)).ok_or(Error::NoCount)
}

/// The number in the line that the plugin prints.
fn instructions(line: &str) -> Option<u64> {
    line.strip_prefix("instructions ")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plugins_line_is_understood() {
        assert_eq!(instructions("instructions 420557183"), Some(420_557_183));
        assert_eq!(instructions("kernels scalar, frames 1, faces 1"), None);
        assert_eq!(instructions("instructions"), None);
    }
}
