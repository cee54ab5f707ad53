//! Where the programs are.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::Error;

/// One of the programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// `facefleet-master`.
    Master,
    /// `facefleet-worker`.
    Worker,
    /// `facefleet-client`.
    Client,
}

impl Program {
    const ALL: [Program; 3] = [Program::Master, Program::Worker, Program::Client];

    /// The name of the program, which is also that of its package.
    pub fn name(self) -> &'static str {
        match self {
            Program::Master => "facefleet-master",
            Program::Worker => "facefleet-worker",
            Program::Client => "facefleet-client",
        }
    }

    /// A command that starts it, without the settings of this machine's environment and files.
    ///
    /// # Errors
    /// The program is not there and cannot be built.
    pub fn command(self) -> Result<Command, Error> {
        let folder = folder()?;
        let path = folder.join(format!("{}{}", self.name(), env::consts::EXE_SUFFIX));
        if !path.is_file() {
            return Err(Error::NoProgram { path });
        }
        let mut command = Command::new(path);
        for (name, _) in env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("FACEFLEET_")) {
            command.env_remove(name);
        }
        command.env("FACEFLEET_CONFIG", "");
        // What a worker measures of itself is kept beside the programs, and not among the user's files.
        command.env("CACHE_DIRECTORY", folder.join("cache"));
        Ok(command)
    }
}

/// Set where whoever started this process has built the programs with it, as `cargo xtask test` has.
const ARE_BUILT: &str = "FACEFLEET_PROGRAMS_ARE_BUILT";

/// The folder of the programs, which this process's own program is in or below. The first call builds them, unless [`ARE_BUILT`]
/// is set: a test of yesterday's programs would be worse than none.
fn folder() -> Result<&'static Path, Error> {
    static FOLDER: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let own = env::current_exe().map_err(|e| format!("where this program itself is, is not known: {e}"))?;
        let beside = own.parent().expect("a program is in a folder");
        // Test programs are one folder further down.
        let folder = if beside.ends_with("deps") { beside.parent().expect("deps is in a folder") } else { beside };
        if env::var_os(ARE_BUILT).is_none() {
            build_into(folder)?;
        }
        Ok(folder.to_owned())
    });
    folder.as_deref().map_err(|problem| Error::Build(problem.clone()))
}

/// Has cargo build the programs into `folder`, which is `<target folder>/<profile>`. Where there is no cargo, as on a
/// board that these tests were copied to, whatever is in the folder will do.
fn build_into(folder: &Path) -> Result<(), String> {
    let cargo = env!("CARGO");
    let (Some(target), Some(profile), true) = (folder.parent(), folder.file_name(), Path::new(cargo).exists()) else {
        return Ok(());
    };
    let profile = if profile == "debug" { "dev".as_ref() } else { profile };
    let mut build = Command::new(cargo);
    build.current_dir(env!("CARGO_MANIFEST_DIR")).args(["build", "--quiet", "--bins"]);
    build.arg("--target-dir").arg(target).arg("--profile").arg(profile);
    for program in Program::ALL {
        build.args(["--package", program.name()]);
    }
    let status = build.status().map_err(|e| format!("cannot start `{cargo}`: {e}"))?;
    if status.success() { Ok(()) } else { Err(format!("cargo ended with {status} and has said why above")) }
}
