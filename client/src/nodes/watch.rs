//! `facefleet-client nodes --watch`: the list again every second, until somebody stops it.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use facefleet_proto::Nodes;
use facefleet_service::address::HostPorts;
use facefleet_service::{grpc, shutdown};
use tokio::time::{MissedTickBehavior, interval};

use super::{json_line, list, table};

/// How often workers beat, and so how often there is news.
const EVERY: Duration = Duration::from_secs(1);
/// Goes to the upper left corner of a terminal, and wipes what is on it.
const CLEAR: &str = "\x1b[H\x1b[2J\x1b[3J";

/// Prints the list every second until the process is asked to stop, or nobody reads it any more. A master that does not
/// answer is waited for.
///
/// # Errors
/// The operating system refuses a signal handler.
pub async fn watch(masters: &HostPorts, as_json: bool) -> io::Result<()> {
    let stop = shutdown::on_signal()?;
    // None: it was asked to stop.
    stop.run_until_cancelled(print_all(masters, as_json)).await;
    Ok(())
}

async fn print_all(masters: &HostPorts, as_json: bool) {
    let mut out = io::stdout();
    let is_screen = out.is_terminal() && !as_json;
    let mut seconds = interval(EVERY);
    seconds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut is_first = true;
    loop {
        seconds.tick().await;
        let text = match list(masters).await {
            Ok(nodes) => page(&nodes, as_json, is_screen, is_first),
            Err(error) => {
                eprintln!("waiting for the master: {}", grpc::explain(&error));
                continue;
            }
        };
        is_first = false;
        // Err: nobody reads it any more.
        if writeln!(out, "{text}").and_then(|()| out.flush()).is_err() {
            return;
        }
    }
}

/// What is printed at once: on a terminal in place of what was there, otherwise below it with an empty line between.
fn page(nodes: &Nodes, as_json: bool, is_screen: bool, is_first: bool) -> String {
    match (as_json, is_screen, is_first) {
        (true, ..) => json_line(nodes),
        (false, true, _) => format!("{CLEAR}{}", table(nodes)),
        (false, false, true) => table(nodes),
        (false, false, false) => format!("\n{}", table(nodes)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::nodes;
    use super::*;

    #[test]
    fn a_terminal_shows_one_list_and_a_pipe_gets_all() {
        let page = |as_json, is_screen, is_first| page(&nodes(), as_json, is_screen, is_first);
        assert_eq!(page(false, false, true), table(&nodes()));
        assert_eq!(page(false, false, false), format!("\n{}", table(&nodes())));
        assert!(page(false, true, false).starts_with("\x1b[H"));
        for is_first in [true, false] {
            assert_eq!(page(true, false, is_first).lines().count(), 1);
        }
    }
}
