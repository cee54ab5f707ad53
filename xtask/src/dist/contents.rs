//! What is in the packages, and where.

use std::fs;
use std::path::{Path, PathBuf};

use super::arch::Arch;
use super::common;
use super::deb::{self, Package};
use super::tree::{Tree, gz};
use crate::cargo::PROGRAMS;
use crate::error::Error;

/// Units, sample configurations, and what archives and Debian packages say of themselves.
const PACKAGING: &str = "packaging";
/// Scripts of the packages that bring a service.
const SERVICE_SCRIPTS: &str = "packaging/debian/service";
/// What the packages bring completions for: the shell, the name of a program's file as its folder has it (with the program for
/// `*`), and where Debian's shell looks.
const COMPLETIONS: [(&str, &str, &str); 3] = [
    ("bash", "*.bash", "usr/share/bash-completion/completions/*"),
    ("fish", "*.fish", "usr/share/fish/vendor_completions.d/*.fish"),
    ("zsh", "_*", "usr/share/zsh/vendor-completions/_*"),
];

/// What packages of one processor are made of.
#[derive(Clone)]
pub(super) struct Parts {
    pub(super) arch: Arch,
    pub(super) version: String,
    /// The programs, in the order of [`PROGRAMS`].
    pub(super) programs: [PathBuf; 3],
    /// The folder of man pages and completions.
    pub(super) manuals: PathBuf,
    /// The licences of all that is in the programs.
    pub(super) licences: String,
    /// The time that every file in the packages bears, in seconds since 1970.
    pub(super) time: u64,
    /// `time` as mails write it (RFC 5322), for Debian's changelog.
    pub(super) date: String,
}

impl Parts {
    /// The files of a release: their names, and what is in them.
    ///
    /// # Errors
    /// [`Error::File`]
    pub(super) fn pack(&self) -> Result<Vec<(String, Vec<u8>)>, Error> {
        let archive = format!("facefleet_{}_{}.tar.gz", self.version, self.arch.name());
        let mut files = vec![(archive, self.archive()?.tar_gz(self.time))];
        for (program, path) in PROGRAMS.iter().zip(&self.programs) {
            files.push(self.package(program, path)?);
        }
        Ok(files)
    }

    /// Everything in one folder, for systems that are not Debian.
    fn archive(&self) -> Result<Tree, Error> {
        let mut tree = Tree::default();
        let top = format!("facefleet-{}", self.version);
        for (program, path) in PROGRAMS.iter().zip(&self.programs) {
            tree.add_program(format!("{top}/bin/{program}"), read(path)?);
        }
        for folder in ["config", "systemd"] {
            tree.add_folder(&format!("{top}/{folder}"), &Path::new(PACKAGING).join(folder))?;
        }
        tree.add_folder(&format!("{top}/man"), &self.manuals.join("man"))?;
        for (shell, ..) in COMPLETIONS {
            tree.add_folder(&format!("{top}/completions/{shell}"), &self.manuals.join(shell))?;
        }
        tree.add(format!("{top}/README.md"), read(&Path::new(PACKAGING).join("README.md"))?);
        tree.add(format!("{top}/CHANGELOG.md"), read(Path::new("CHANGELOG.md"))?);
        tree.add(format!("{top}/LICENCES.txt"), self.licences.as_bytes());
        Ok(tree)
    }

    /// The Debian package of a program.
    fn package(&self, program: &str, path: &Path) -> Result<(String, Vec<u8>), Error> {
        let packaging = Path::new(PACKAGING);
        let unit = format!("{program}.service");
        let is_service = packaging.join("systemd").join(&unit).exists();

        let mut files = Tree::default();
        files.add_program(format!("usr/bin/{program}"), read(path)?);
        for page in self.manual_pages(program)? {
            let name = page.file_name().expect("a file has a name").to_string_lossy();
            files.add(format!("usr/share/man/man1/{name}.gz"), gz(&read(&page)?));
        }
        for (shell, file, place) in COMPLETIONS {
            let file = self.manuals.join(shell).join(file.replace('*', program));
            files.add(place.replace('*', program), read(&file)?);
        }
        let about = format!("usr/share/doc/{program}");
        files.add(format!("{about}/copyright"), common::refer(&self.licences)?);
        files.add(format!("{about}/CHANGELOG.md.gz"), gz(&read(Path::new("CHANGELOG.md"))?));
        let overrides = packaging.join("debian/lintian-overrides");
        files.add(format!("usr/share/lintian/overrides/{program}"), read(&overrides)?);

        let mut scripts = Tree::default();
        let name = program.trim_start_matches("facefleet-");
        let sample = read(&packaging.join("config").join(format!("{name}.toml")))?;
        if is_service {
            files.add(format!("usr/lib/systemd/system/{unit}"), read(&packaging.join("systemd").join(&unit))?);
            files.add(format!("etc/facefleet/{name}.toml"), sample);
            for script in ["postinst", "prerm", "postrm"] {
                scripts.add_program(script, read(&Path::new(SERVICE_SCRIPTS).join(script))?);
            }
        } else {
            files.add(format!("{about}/examples/{name}.toml"), sample);
        }

        let fields = packaging.join("debian").join(program);
        let fields = fs::read_to_string(&fields).map_err(Error::file(&fields))?;
        let (arch, version) = (self.arch, &self.version);
        files
            .add(format!("{about}/changelog.gz"), gz(deb::changelog(program, version, &fields, &self.date).as_bytes()));
        let package = Package { name: program, version, arch, fields: &fields, scripts: &scripts, files: &files };
        Ok((package.file_name(), package.bytes(self.time)))
    }

    /// The man pages of the program and of its commands.
    fn manual_pages(&self, program: &str) -> Result<Vec<PathBuf>, Error> {
        let folder = self.manuals.join("man");
        let mut pages = Vec::new();
        for entry in fs::read_dir(&folder).map_err(Error::file(&folder))? {
            let entry = entry.map_err(Error::file(&folder))?;
            if entry.file_name().to_string_lossy().starts_with(program) {
                pages.push(entry.path());
            }
        }
        Ok(pages)
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    fs::read(path).map_err(Error::file(path))
}
