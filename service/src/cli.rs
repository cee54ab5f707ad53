//! Parts of the command line that all programs share.

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::CommandFactory;
use clap_complete::Shell;

use crate::grpc;

/// Prints the completion script of `C`'s program. It is no error when stdout is closed.
pub fn print_completions<C: CommandFactory>(shell: Shell) {
    let mut command = C::command();
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, name, &mut script);
    let mut out = io::stdout().lock();
    let _ = out.write_all(&script).and_then(|()| out.flush());
}

/// Prints one line to stdout and flushes it, for the program or person that waits for it. It is no error when stdout is closed.
pub fn announce(line: &str) {
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// Returns the exit code of a program that ran: 0 for success, and 1 for an error, which is printed with its causes in one line on
/// stderr. (The command-line parser exits with 2 on wrong usage.)
pub fn finish<E: Error + 'static>(program: &str, result: Result<(), E>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{program}: {}", grpc::explain(&error));
            ExitCode::FAILURE
        }
    }
}
