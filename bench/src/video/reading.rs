//! How a client reads a video.

use facefleet_e2e::client;

use crate::{Error, cpu};

/// Starts a client that reads `source`, and returns the arguments of its ffmpeg. So what is measured is what clients do.
pub(super) fn arguments(source: &str, master: &str, flags: &[&str]) -> Result<Vec<String>, Error> {
    let mut client = client(&[&["run", source, "--master", master, "--json", "-"], flags].concat())?;
    client.wait_for("write a line for a frame", |_| Some(()))?;
    let commands = cpu::commands_of_children(client.id());
    let reads = |command: &Vec<String>| command.iter().any(|arg| arg == "mpjpeg");
    let command =
        commands.into_iter().find(reads).ok_or(Error::Untold("with which arguments a client starts ffmpeg"))?;
    Ok(command[1..].to_vec())
}
