//! Adds a configuration file to a program whose command line clap parses. Flags win over the environment, the environment over the
//! file, and the file over the defaults.
//!
//! The keys of the file are the long names of the program's flags, so there is one list of settings, and a new flag is a new key.
//! Values in the file become the default values of the flags before the command line is finally parsed, so that precedence and checks
//! are clap's own.
//!
//! - A flag is a key when it has an environment variable, except `--config`. Flags that say what to do now (`--help`,
//!   `--completions`, `--check-config`, …) have no variable.
//! - A program with subcommands names one of them, whose flags are the keys. Another subcommand takes a key if it has a flag of the
//!   same name and environment variable, by which this project marks flags that mean the same.
//! - A switch with an environment variable also takes `=false`, so that a flag wins over environment and file there too.

mod flag;
mod print;
mod read;
#[cfg(test)]
mod tests;

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process;

use clap::builder::Resettable;
use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};

use crate::cli;
use read::ConfigFile;

/// The flags about the configuration file.
#[derive(Args, Clone, Debug)]
pub struct ConfigArgs {
    /// File with settings, as in `log = "warn"` for --log warn. Flags and environment win over it. Empty: no file is read
    /// [default: /etc/facefleet/{master,worker,client}.toml, where there is one].
    #[arg(long, value_name = "FILE", env = "FACEFLEET_CONFIG", global = true, display_order = 1002)]
    pub config: Option<OsString>,

    /// Check the configuration file, say what is wrong with it, and exit.
    #[arg(long, global = true, display_order = 1003)]
    pub check_config: bool,

    /// Print the configuration in effect, with where each value comes from, as a file for --config, and exit.
    #[arg(long, global = true, display_order = 1004)]
    pub print_config: bool,
}

/// Reads the command line, the environment and the configuration file of this process. `command` has the flags of
/// [`ConfigArgs`]; if it has subcommands, `main` names the one whose flags are the keys of the file.
///
/// This function ends the process with 0 for `--help`, `--check-config` and the like, and with 2 for wrong usage or a bad file.
pub fn parse<A: FromArgMatches>(command: Command, main: Option<&str>) -> A {
    let default = default_path(command.get_name());
    let outcome = evaluate(command, main, default, env::args_os().collect());
    let started = outcome.and_then(|outcome| match outcome {
        Invocation::Start(matches) => A::from_arg_matches(&matches),
        Invocation::Print(text) => {
            cli::announce(&text);
            process::exit(0)
        }
    });
    started.unwrap_or_else(|error| error.exit())
}

/// What a command line asks for.
enum Invocation {
    /// Start the program with these arguments.
    Start(ArgMatches),
    /// Print this text and exit.
    Print(String),
}

/// Does the work of [`parse`] without touching the process. `default` is the file that is read when none is named, if it exists.
fn evaluate(
    command: Command,
    main: Option<&str>,
    default: Option<PathBuf>,
    mut args: Vec<OsString>,
) -> Result<Invocation, clap::Error> {
    let command = each_arg(command, flag::reversible);
    // Wrong usage and --help come first, because they need no file. Required arguments may still be in the file.
    let asked = lenient(command.clone()).try_get_matches_from(&args)?;
    let ConfigArgs { config, check_config, print_config } = ConfigArgs::from_arg_matches(&asked)?;
    if is_about_completions(&asked) {
        return command.try_get_matches_from(args).map(Invocation::Start);
    }

    let keys = flag::keys(&command, main);
    let file = match config {
        Some(none) if none.is_empty() => Ok(None),
        Some(named) => ConfigFile::read(named.into(), &keys).map(Some),
        None => default.clone().map_or(Ok(None), |path| ConfigFile::read_if_there(path, &keys)),
    };
    let file = file.map_err(|error| clap::Error::raw(ErrorKind::ValueValidation, format!("{error}\n")))?;
    let command = with_defaults(command, file.as_ref());

    if print_config {
        if let (None, Some(main)) = (asked.subcommand_name(), main) {
            args.push(main.into());
        }
        let mut command = lenient(command);
        let matches = command.try_get_matches_from_mut(args)?;
        return Ok(Invocation::Print(print::toml(&command, &matches, &keys, file.as_ref())));
    }
    if check_config {
        return Ok(Invocation::Print(match (file, default) {
            (Some(file), _) => format!("{} is good", file.path.display()),
            (None, Some(place)) => {
                format!("no configuration file is read; the default one would be {}", place.display())
            }
            (None, None) => "no configuration file is read".to_owned(),
        }));
    }
    command.try_get_matches_from(args).map(Invocation::Start)
}

/// The command without required arguments.
fn lenient(command: Command) -> Command {
    each_arg(command.subcommand_required(false), optional)
}

fn optional(arg: Arg) -> Arg {
    arg.required(false).required_unless_present(Resettable::Reset)
}

/// The command with the values of the file as the defaults of its flags.
fn with_defaults(command: Command, file: Option<&ConfigFile>) -> Command {
    each_arg(command, |arg| match file.and_then(|file| file.setting(&arg)) {
        Some(setting) => optional(arg).default_value(setting.text.clone()),
        None => arg,
    })
}

/// Applies `change` to all arguments of the command and its subcommands.
fn each_arg(command: Command, change: impl Fn(Arg) -> Arg) -> Command {
    command.mut_args(&change).mut_subcommands(|sub| sub.mut_args(&change))
}

/// Whether a completion script is asked for. Shells ask for one whenever they start, so it must not depend on the machine's
/// configuration.
fn is_about_completions(matches: &ArgMatches) -> bool {
    let name = "completions";
    let has_flag = matches.ids().any(|id| id.as_str() == name);
    matches.subcommand_name() == Some(name)
        || (has_flag && matches.value_source(name) == Some(ValueSource::CommandLine))
}

/// The default path of a program's file, such as `/etc/facefleet/worker.toml` for `facefleet-worker`. On Windows the folder is below
/// `%ProgramData%`, if the system names that.
fn default_path(program: &str) -> Option<PathBuf> {
    let folder = if cfg!(windows) { PathBuf::from(env::var_os("ProgramData")?) } else { PathBuf::from("/etc") };
    let name = program.strip_prefix("facefleet-").unwrap_or(program);
    Some(folder.join("facefleet").join(format!("{name}.toml")))
}
