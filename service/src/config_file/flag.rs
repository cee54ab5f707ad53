//! Flags as keys of a configuration file: which flags are keys, and which values they take.

use std::any::TypeId;
use std::fmt;

use clap::{Arg, ArgAction, Command, value_parser};
use toml::de::DeValue;

use crate::address::HostPorts;

/// The arguments of a command, divided into those that are keys of the file and those that are not.
pub(super) struct Keys {
    /// The flags that are keys, in the order of the help text.
    flags: Vec<Arg>,
    /// The names of the arguments that can be given on a command line only.
    others: Vec<String>,
}

/// The keys of a program's file, which are flags of `command`, or of its subcommand `main` when there is one.
pub(super) fn keys(command: &Command, main: Option<&str>) -> Keys {
    let mut command = command.clone();
    // This adds --help and --version, and to subcommands the flags that all of them have.
    command.build();
    let of = main.map_or(&command, |main| command.find_subcommand(main).expect("the program names one that it has"));
    let (flags, others) = of.get_arguments().cloned().partition::<Vec<Arg>, _>(is_key);
    let others = others.iter().map(|arg| arg.get_long().unwrap_or(arg.get_id().as_str()).to_owned()).collect();
    Keys { flags, others }
}

fn is_key(arg: &Arg) -> bool {
    arg.get_long().is_some_and(|name| name != "config") && arg.get_env().is_some()
}

impl Keys {
    /// The flag whose name is `key`, if that is a key.
    pub(super) fn get(&self, key: &str) -> Option<&Arg> {
        self.flags.iter().find(|flag| name(flag) == key)
    }

    /// Whether `arg` is a key.
    pub(super) fn contains(&self, arg: &Arg) -> bool {
        self.flags.iter().any(|flag| same(flag, arg))
    }

    /// Whether `key` is an argument that can be given on a command line only.
    pub(super) fn excludes(&self, key: &str) -> bool {
        self.others.iter().any(|other| other == key)
    }

    /// The key whose spelling is closest to `wrong`.
    pub(super) fn nearest(&self, wrong: &str) -> &str {
        let wrong = wrong.to_lowercase().replace('_', "-");
        let likeness = |flag: &&Arg| strsim::jaro_winkler(&wrong, name(flag));
        let nearest = self.flags.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
        name(nearest.expect("every program has flags"))
    }
}

/// The name of a flag as a key.
pub(super) fn name(flag: &Arg) -> &str {
    flag.get_long().unwrap_or_default()
}

/// Changes a switch that environment or file can turn on so that the command line can turn it off, as in `--local=false`. Other
/// arguments stay as they are.
pub(super) fn reversible(arg: Arg) -> Arg {
    if arg.get_env().is_none() || !matches!(arg.get_action(), ArgAction::SetTrue) {
        return arg;
    }
    arg.action(ArgAction::Set)
        .value_parser(value_parser!(bool))
        .value_name("YES")
        .num_args(0..=1)
        .require_equals(true)
        .default_value("false")
        .default_missing_value("true")
        .hide_default_value(true)
        .hide_possible_values(true)
}

/// Whether two flags, which may be of different subcommands, mean the same setting.
pub(super) fn same(one: &Arg, other: &Arg) -> bool {
    one.get_long() == other.get_long() && one.get_env() == other.get_env()
}

/// The kind of value that a flag takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ValueKind {
    /// A switch, which is true or false.
    Switch,
    /// A list of texts, which are separated by commas on a command line.
    List,
    /// A text or a number, which look the same on a command line.
    Text,
}

impl ValueKind {
    /// The kind of value that `flag` takes.
    pub(super) fn of(flag: &Arg) -> ValueKind {
        let value = flag.get_value_parser().type_id();
        if value == TypeId::of::<bool>() {
            ValueKind::Switch
        } else if value == TypeId::of::<HostPorts>() {
            ValueKind::List
        } else {
            ValueKind::Text
        }
    }

    /// The value as one would write it on a command line, or None when it is not of this kind.
    pub(super) fn text(self, value: &DeValue<'_>) -> Option<String> {
        Some(match (self, value) {
            (ValueKind::Switch, DeValue::Boolean(value)) => value.to_string(),
            (ValueKind::List | ValueKind::Text, DeValue::String(text)) => text.clone().into_owned(),
            (ValueKind::Text, DeValue::Integer(number)) if number.radix() == 10 => number.as_str().to_owned(),
            (ValueKind::Text, DeValue::Float(number)) => number.as_str().to_owned(),
            (ValueKind::List, DeValue::Array(items)) => {
                items.iter().map(|item| item.get_ref().as_str()).collect::<Option<Vec<&str>>>()?.join(",")
            }
            _ => return None,
        })
    }
}

impl fmt::Display for ValueKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ValueKind::Switch => "true or false",
            ValueKind::List => "a text in quotes or a [list] of them",
            ValueKind::Text => "a text in quotes or a decimal number",
        })
    }
}
