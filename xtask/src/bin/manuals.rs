//! Writes man pages and completions of the three programs: `manuals FOLDER` fills `FOLDER/man` and `FOLDER/<shell>`.
//!
//! A program of its own, because it contains the three, and only `cargo xtask dist` has a use for it.

use std::env;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use clap::{Command, CommandFactory as _};
use clap_complete::Shell;

/// The shells that Debian's packages bring completions for.
const SHELLS: [Shell; 3] = [Shell::Bash, Shell::Fish, Shell::Zsh];

fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(env::args_os().nth(1).ok_or("name the folder to fill")?);
    let programs = [
        facefleet_master::cli::Args::command(),
        facefleet_worker::cli::Args::command(),
        facefleet_client::cli::Cli::program(),
    ];
    for program in programs {
        write(&program, &folder)?;
    }
    Ok(())
}

fn write(program: &Command, folder: &Path) -> Result<(), Box<dyn Error>> {
    let man = folder.join("man");
    fs::create_dir_all(&man)?;
    clap_mangen::generate_to(program.clone(), &man)?;
    for entry in fs::read_dir(&man)? {
        let page = entry?.path();
        fs::write(&page, in_ascii(&fs::read_to_string(&page)?))?;
    }
    for shell in SHELLS {
        let folder = folder.join(shell.to_string());
        fs::create_dir_all(&folder)?;
        clap_complete::generate_to(shell, &mut program.clone(), program.get_name(), &folder)?;
    }
    Ok(())
}

/// Other letters as groff_char(7) names them: not every reader of man pages knows UTF-8.
fn in_ascii(page: &str) -> String {
    let named = |letter: char| {
        if letter.is_ascii() { letter.to_string() } else { format!("\\[u{:04X}]", u32::from(letter)) }
    };
    page.chars().map(named).collect()
}
