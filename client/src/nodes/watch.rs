//! The command `nodes --watch`: prints the list every second until it is stopped.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use facefleet_proto::Nodes;
use facefleet_service::address::HostPorts;
use facefleet_service::{grpc, shutdown};
use tokio::time::{MissedTickBehavior, interval};

use super::list::list;
use super::table::{json_line, table};

/// Time between two lists: the interval of heartbeats, because the list does not change more often.
const EVERY: Duration = Duration::from_secs(1);
/// Moves the cursor of a terminal to the upper left corner and clears the screen.
const CLEAR: &str = "\x1b[H\x1b[2J\x1b[3J";

/// Prints the list every second until the process is asked to stop or stdout is closed. If the master does not answer, it
/// is asked again.
///
/// # Errors
/// Fails if the operating system refuses a signal handler.
pub async fn watch(masters: &HostPorts, as_json: bool) -> io::Result<()> {
    let stop = shutdown::on_signal()?;
    // The result is None if the process was asked to stop.
    stop.run_until_cancelled(print_all(masters, as_json)).await;
    Ok(())
}

async fn print_all(masters: &HostPorts, as_json: bool) {
    let mut out = io::stdout();
    let format = match (as_json, out.is_terminal()) {
        (true, _) => Format::JsonLines,
        (false, true) => Format::Screen,
        (false, false) => Format::Tables,
    };
    let mut seconds = interval(EVERY);
    seconds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut is_first = true;
    loop {
        seconds.tick().await;
        let text = match list(masters).await {
            Ok(nodes) => page(&nodes, format, is_first),
            Err(error) => {
                eprintln!("waiting for the master: {}", grpc::explain(&error));
                continue;
            }
        };
        is_first = false;
        // An error means that stdout is closed.
        if writeln!(out, "{text}").and_then(|()| out.flush()).is_err() {
            return;
        }
    }
}

/// How the lists are printed.
#[derive(Clone, Copy)]
enum Format {
    /// One JSON object per line.
    JsonLines,
    /// A table on a terminal, which replaces the one before.
    Screen,
    /// Tables that are separated by empty lines.
    Tables,
}

/// Formats one list. `is_first` is whether none was printed before.
fn page(nodes: &Nodes, format: Format, is_first: bool) -> String {
    match format {
        Format::JsonLines => json_line(nodes),
        Format::Screen => format!("{CLEAR}{}", table(nodes)),
        Format::Tables if is_first => table(nodes),
        Format::Tables => format!("\n{}", table(nodes)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::table::tests::nodes;
    use super::*;

    #[test]
    fn a_terminal_shows_one_list_and_a_pipe_gets_all() {
        let page = |format, is_first| page(&nodes(), format, is_first);
        assert_eq!(page(Format::Tables, true), table(&nodes()));
        assert_eq!(page(Format::Tables, false), format!("\n{}", table(&nodes())));
        assert!(page(Format::Screen, false).starts_with("\x1b[H"));
        for is_first in [true, false] {
            assert_eq!(page(Format::JsonLines, is_first).lines().count(), 1);
        }
    }
}
