//! Command-line manners that the three programs share.

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::CommandFactory;
use clap_complete::Shell;

use crate::grpc;

/// Prints the completion script of `C`'s program. A closed stdout is nobody's loss.
pub fn print_completions<C: CommandFactory>(shell: Shell) {
    let mut command = C::command();
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, name, &mut script);
    let mut out = io::stdout().lock();
    let _ = out.write_all(&script).and_then(|()| out.flush());
}

/// Prints one line to stdout now, for the program or person that waits for it. A closed stdout is nobody's loss.
pub fn announce(line: &str) {
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// The exit code of a program that ran: 0, or 1 with the error and its causes in one line on stderr. (Wrong usage ends
/// with 2, in the command-line parser.)
pub fn finish<E: Error + 'static>(program: &str, result: Result<(), E>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{program}: {}", grpc::explain(&error));
            ExitCode::FAILURE
        }
    }
}
