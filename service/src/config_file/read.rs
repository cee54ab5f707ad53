//! Reads a configuration file and checks it key by key, so that each mistake is reported with file and line.

use std::error::Error as _;
use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::PathBuf;

use clap::error::{ContextKind, ContextValue};
use clap::{Arg, Command};
use toml::de::{DeTable, DeValue};

use super::flag::{self, Keys, ValueKind};

/// The largest file that is read, in bytes. All flags with long values and comments are some thousand bytes.
const MAX_BYTES: u64 = 1 << 20;

/// A file that was read and checked.
pub(super) struct ConfigFile {
    /// The path of the file.
    pub(super) path: PathBuf,
    settings: Vec<Setting>,
}

/// One setting of a file.
pub(super) struct Setting {
    flag: Arg,
    /// The value as one would write it on a command line.
    pub(super) text: String,
    /// The number of the line, counted from 1.
    pub(super) line: usize,
}

/// A line of a file, as messages name it.
#[derive(Debug)]
pub(super) struct FileLine {
    path: PathBuf,
    line: usize,
}

/// Why a file is not used.
#[derive(Debug, thiserror::Error)]
pub(super) enum FileError {
    /// The system cannot read the file.
    #[error("cannot read the configuration file {}: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    /// The file is too large for a configuration file.
    #[error("{} has more than {MAX_BYTES} bytes, which is no configuration file", path.display())]
    TooLarge { path: PathBuf },
    /// The file has another encoding, or is no text at all.
    #[error("{place}: this is not UTF-8; save the file as UTF-8 text")]
    NotUtf8 { place: FileLine },
    /// The file is not TOML.
    #[error("{place}: this is not TOML: {problem}")]
    Syntax { place: FileLine, problem: String },
    /// There is no flag of this name.
    #[error("{place}: there is no key `{}`; the nearest is `{nearest}`", key.escape_debug())]
    UnknownKey { place: FileLine, key: String, nearest: String },
    /// There is a flag of this name, but it makes no sense in a file.
    #[error("{place}: `{key}` is for the command line, and no key of this file")]
    NotAKey { place: FileLine, key: String },
    /// The value is of the wrong type.
    #[error("{place}: `{key}` takes {takes}, and this is of type {found}")]
    WrongType { place: FileLine, key: String, takes: ValueKind, found: &'static str },
    /// The flag does not take this value.
    #[error("{place}: `{key}` cannot be {text:?}: {reason}")]
    BadValue { place: FileLine, key: String, text: String, reason: String },
}

impl ConfigFile {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// The file cannot be read, or something in it is wrong. The error is about the first mistake.
    pub(super) fn read(path: PathBuf, keys: &Keys) -> Result<ConfigFile, FileError> {
        let bytes = match bytes(&path) {
            Ok(bytes) if bytes.len() as u64 > MAX_BYTES => return Err(FileError::TooLarge { path }),
            Ok(bytes) => bytes,
            Err(source) => return Err(FileError::Read { path, source }),
        };
        let place = |offset: usize| {
            let line = 1 + bytes[..offset].iter().filter(|byte| **byte == b'\n').count();
            FileLine { path: path.clone(), line }
        };
        let text = str::from_utf8(&bytes).map_err(|e| FileError::NotUtf8 { place: place(e.valid_up_to()) })?;
        let table = DeTable::parse(text).map_err(|error| FileError::Syntax {
            place: place(error.span().map_or(0, |span| span.start)),
            problem: error.message().to_owned(),
        })?;
        // The parser sorts the table by key, and mistakes are to be reported in the order of the lines.
        let mut lines: Vec<_> = table.get_ref().iter().collect();
        lines.sort_by_key(|(key, _)| key.span().start);
        let settings: Result<_, _> = lines
            .into_iter()
            .map(|(key, value)| Setting::new(key.get_ref(), value.get_ref(), place(key.span().start), keys))
            .collect();
        Ok(ConfigFile { settings: settings?, path })
    }

    /// Reads and checks a file that nobody named, or returns None when it does not exist.
    ///
    /// # Errors
    /// The file exists and cannot be read, or something in it is wrong.
    pub(super) fn read_if_there(path: PathBuf, keys: &Keys) -> Result<Option<ConfigFile>, FileError> {
        match ConfigFile::read(path, keys) {
            Err(FileError::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(None),
            result => result.map(Some),
        }
    }

    /// The setting for a flag, if the file has one.
    pub(super) fn setting(&self, flag: &Arg) -> Option<&Setting> {
        self.settings.iter().find(|setting| flag::same(&setting.flag, flag))
    }
}

impl Setting {
    fn new(key: &str, value: &DeValue<'_>, place: FileLine, keys: &Keys) -> Result<Setting, FileError> {
        let name = key.to_owned();
        let Some(flag) = keys.get(key) else {
            return Err(if keys.excludes(key) {
                FileError::NotAKey { place, key: name }
            } else {
                FileError::UnknownKey { place, key: name, nearest: keys.nearest(key).to_owned() }
            });
        };
        let takes = ValueKind::of(flag);
        let Some(text) = takes.text(value) else {
            return Err(FileError::WrongType { place, key: name, takes, found: value.type_str() });
        };
        match objection(flag, &text) {
            Some(reason) => Err(FileError::BadValue { place, key: name, text, reason }),
            None => Ok(Setting { flag: flag.clone(), text, line: place.line }),
        }
    }
}

/// The bytes of the file, or one byte more than it may have.
fn bytes(path: &PathBuf) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The objection of a flag's own parser to a value, or None when the value is good. Because clap calls a parser on a command line
/// only, the value is put on one.
fn objection(flag: &Arg, text: &str) -> Option<String> {
    let alone = Arg::new("value").value_parser(flag.get_value_parser().clone());
    let command = Command::new("value").no_binary_name(true).arg(alone);
    let error = command.try_get_matches_from(["--", text]).err()?;
    Some(match (error.source(), error.get(ContextKind::ValidValue)) {
        (Some(reason), _) => reason.to_string(),
        (None, Some(ContextValue::Strings(valid))) if !valid.is_empty() => format!("write {}", valid.join(" or ")),
        // An empty path is the only other thing to which a parser objects.
        (None, _) => "it is empty".to_owned(),
    })
}

impl fmt::Display for FileLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.path.display(), self.line)
    }
}
