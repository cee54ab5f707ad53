//! Writes the configuration in effect as a configuration file.

use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command};
use toml::de::DeValue;

use super::flag::{self, Keys, ValueKind};
use super::read::ConfigFile;

/// The width of a comment in columns.
const WIDTH: usize = 100;

/// The text of the file. It has every key that the chosen subcommand takes, with what the key means, its value, and where the value
/// comes from. `matches` are those of `command`, which was parsed with the values of `file` as its defaults.
pub(super) fn toml(command: &Command, matches: &ArgMatches, keys: &Keys, file: Option<&ConfigFile>) -> String {
    let (of, matches) = match matches.subcommand() {
        Some((name, matches)) => (command.find_subcommand(name).expect("clap found it"), matches),
        None => (command, matches),
    };
    let version = command.get_version().unwrap_or_default();
    let head = format!(
        "The configuration in effect of {} {version}. This is a file for --config: each key is the name of a flag.",
        command.get_name()
    );
    let source = file.map(|file| format!("The file behind it is {:?}.", file.path));
    let mut paragraphs = vec![comment(&[head].into_iter().chain(source).collect::<Vec<_>>().join(" "))];
    for flag in of.get_arguments().filter(|arg| keys.contains(arg)) {
        paragraphs.push(format!("{}\n{}", comment(&help(flag)), entry(flag, matches, file)));
    }
    paragraphs.join("\n\n")
}

fn help(flag: &Arg) -> String {
    let mut help = flag.get_help().map(ToString::to_string).unwrap_or_default();
    let values = flag.get_possible_values();
    if ValueKind::of(flag) == ValueKind::Text && !values.is_empty() {
        let names: Vec<&str> = values.iter().map(|value| value.get_name()).collect();
        help.push_str(&format!(" [possible values: {}]", names.join(", ")));
    }
    help
}

fn entry(flag: &Arg, matches: &ArgMatches, file: Option<&ConfigFile>) -> String {
    let (id, key) = (flag.get_id().as_str(), flag::name(flag));
    let Some(raw) = matches.get_raw(id).and_then(|mut values| values.next()) else {
        let value = flag.get_value_names().unwrap_or_default().first().map_or("...", |name| name.as_str());
        return format!("# {key} = <{value}>  # not set");
    };
    let origin = match (matches.value_source(id), file.and_then(|file| file.setting(flag))) {
        (Some(ValueSource::CommandLine), _) => "flag".to_owned(),
        (Some(ValueSource::EnvVariable), _) => {
            format!("environment {}", flag.get_env().unwrap_or_default().to_string_lossy())
        }
        (_, Some(setting)) => format!("file, line {}", setting.line),
        (_, None) => "default".to_owned(),
    };
    if flag.is_hide_env_values_set() {
        return format!("# {key} = <set, and a secret>  # {origin}");
    }
    match raw.to_str() {
        Some(text) => format!("{key} = {}  # {origin}", value(flag, text)),
        None => format!("# {key} =  # {origin}, not UTF-8, which a file cannot say"),
    }
}

/// Turns a value of a command line into one of TOML.
fn value(flag: &Arg, text: &str) -> String {
    match ValueKind::of(flag) {
        ValueKind::Switch => text.to_owned(),
        ValueKind::List if text.contains(',') => {
            let items: Vec<String> = text.split(',').map(quoted).collect();
            format!("[{}]", items.join(", "))
        }
        ValueKind::Text if is_number(text) => text.to_owned(),
        ValueKind::List | ValueKind::Text => quoted(text),
    }
}

/// Whether TOML reads the text as a number that is written in the same way again.
fn is_number(text: &str) -> bool {
    match DeValue::parse(text) {
        Ok(value) if value.get_ref().is_str() => false,
        Ok(value) => ValueKind::Text.text(value.get_ref()).as_deref() == Some(text),
        Err(_) => false,
    }
}

fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => quoted.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted + "\""
}

/// Breaks the text into the lines of a comment.
fn comment(text: &str) -> String {
    let mut lines = vec![String::from('#')];
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.len() + 1 + word.len() <= WIDTH => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(format!("# {word}")),
        }
    }
    lines.join("\n")
}
