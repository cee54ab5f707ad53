//! Debian packages: an `ar` archive of a version, of what describes the package, and of its files (deb(5)).

use super::arch::Arch;
use super::tree::Tree;

/// Where the files lie that belong to the owner of a machine, once they are there: dpkg asks before it replaces them.
const CONFIGURATION: &str = "etc/";

/// One package.
pub(super) struct Package<'a> {
    pub(super) name: &'a str,
    pub(super) version: &'a str,
    pub(super) arch: Arch,
    /// The other fields of its description, as lines.
    pub(super) fields: &'a str,
    /// What dpkg runs before and after it installs or removes: programs by their names in deb-control(7).
    pub(super) scripts: &'a Tree,
    pub(super) files: &'a Tree,
}

impl Package<'_> {
    /// The name of its file.
    pub(super) fn file_name(&self) -> String {
        file_name(self.name, self.version, self.arch)
    }

    /// The package. `time`, in seconds since 1970, is that of everything in it.
    pub(super) fn bytes(&self, time: u64) -> Vec<u8> {
        let mut control = self.scripts.clone();
        control.add("control", self.control());
        let configuration = self.files.paths().filter(|path| path.starts_with(CONFIGURATION));
        let configuration: String = configuration.map(|path| format!("/{path}\n")).collect();
        if !configuration.is_empty() {
            control.add("conffiles", configuration);
        }
        let mut ar = b"!<arch>\n".to_vec();
        for (name, bytes) in [
            ("debian-binary", b"2.0\n".to_vec()),
            ("control.tar.gz", control.tar_gz(time)),
            ("data.tar.gz", self.files.tar_gz(time)),
        ] {
            append(&mut ar, name, &bytes, time);
        }
        ar
    }

    fn control(&self) -> String {
        let Package { name, version, arch, fields, files, .. } = self;
        let kib = files.size().div_ceil(1024);
        format!("Package: {name}\nVersion: {version}\nArchitecture: {}\nInstalled-Size: {kib}\n{fields}", arch.name())
    }
}

/// What Debian calls a changelog (deb-changelog(5)): who made this version, and when. `fields` are those of the package, `date`
/// is as mails have it.
pub(super) fn changelog(name: &str, version: &str, fields: &str, date: &str) -> String {
    let maintainer = fields.lines().find_map(|line| line.strip_prefix("Maintainer: ")).unwrap_or_default();
    let entry = "See CHANGELOG.md.gz, which is in the same folder.";
    format!("{name} ({version}) stable; urgency=medium\n\n  * {entry}\n\n -- {maintainer}  {date}\n")
}

/// What the file of a package is called.
pub(crate) fn file_name(name: &str, version: &str, arch: Arch) -> String {
    format!("{name}_{version}_{}.deb", arch.name())
}

/// Appends a member to an `ar` archive (ar(5)): its header of 60 characters, its bytes, and one more to make them even.
fn append(ar: &mut Vec<u8>, name: &str, bytes: &[u8], time: u64) {
    let (owner, group, mode, size) = (0, 0, 0o100_644, bytes.len());
    ar.extend(format!("{name:<16}{time:<12}{owner:<6}{group:<6}{mode:<8o}{size:<10}`\n").into_bytes());
    ar.extend(bytes);
    if ar.len() % 2 == 1 {
        ar.push(b'\n');
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use flate2::read::GzDecoder;

    use super::*;

    #[test]
    fn a_package_has_its_three_members_and_names_its_configuration() {
        let (mut files, mut scripts) = (Tree::default(), Tree::default());
        files.add("etc/facefleet/worker.toml", "# nothing\n");
        files.add_program("usr/bin/worker", vec![0; 2000]);
        scripts.add_program("postinst", "#!/bin/sh\n");
        let (files, scripts) = (&files, &scripts);
        let fields = "Description: none\n";
        let package = Package { name: "worker", version: "1.2.3", arch: Arch::Arm64, fields, scripts, files };
        assert_eq!(package.file_name(), "worker_1.2.3_arm64.deb");
        let bytes = package.bytes(1000);
        assert_eq!(bytes, package.bytes(1000));
        assert_eq!(&bytes[..68], b"!<arch>\ndebian-binary   1000        0     0     100644  4         `\n");
        // The first member has four bytes, the header of the second its size in front of the last two of its 60.
        let header = std::str::from_utf8(&bytes[72..132]).unwrap();
        assert!(header.starts_with("control.tar.gz  1000  ") && header.ends_with("`\n"), "{header}");
        let size: usize = header[48..58].trim_end().parse().unwrap();
        let mut control = tar::Archive::new(GzDecoder::new(&bytes[132..132 + size]));
        let mut texts = Vec::new();
        for entry in control.entries().unwrap() {
            let mut text = String::new();
            entry.unwrap().read_to_string(&mut text).unwrap();
            texts.push(text);
        }
        let control = "Package: worker\nVersion: 1.2.3\nArchitecture: arm64\nInstalled-Size: 2\nDescription: none\n";
        assert_eq!(texts, ["/etc/facefleet/worker.toml\n", control, "#!/bin/sh\n"]);
        assert_eq!(bytes.len() % 2, 0);
    }

    #[test]
    fn a_changelog_names_version_maintainer_and_date() {
        let text = changelog("worker", "1.2.3", "Section: x\nMaintainer: A <a@b>\n", "Thu, 01 Jan 1970 00:16:40 +0000");
        assert!(text.starts_with("worker (1.2.3) stable; urgency=medium\n\n  * "), "{text}");
        assert!(text.ends_with("\n\n -- A <a@b>  Thu, 01 Jan 1970 00:16:40 +0000\n"), "{text}");
    }
}
