//! Tools that look at what the programs wrote, and make what they read.

use std::path::Path;
use std::process::Command;

use crate::Error;

/// Runs `ffmpeg` or `ffprobe` to its end, with errors alone on its stderr, and returns what it printed.
///
/// # Errors
/// The tool is not installed, or failed.
pub fn tool(name: &str, args: &[&str]) -> Result<Vec<u8>, Error> {
    tool_in(Path::new("."), name, args)
}

/// Runs `ffmpeg` or `ffprobe` like [`tool`], in this folder, where names of files are short.
///
/// # Errors
/// The tool is not installed, or failed.
pub fn tool_in(folder: &Path, name: &str, args: &[&str]) -> Result<Vec<u8>, Error> {
    let output = Command::new(name).current_dir(folder).args(["-v", "error"]).args(args).output();
    let output = output.map_err(|source| Error::Start { program: name.to_owned(), source })?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(Error::Failed { name: name.to_owned(), status: output.status, said })
}
