//! The name of a source, as other people see it.

use std::path::Path;

/// The longest name, in bytes. The number of the stream may follow it.
const MAX_BYTES: usize = 100;

/// Returns the name of a file, a folder or a camera, or the host of a URL. Parent folders, users and passwords are private and
/// left out.
pub(crate) fn source_name(input: &str) -> String {
    let name = match input.split_once("://") {
        Some((_, rest)) => {
            // User and password stand before the host, path and query after it.
            let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
            authority.rsplit('@').next().unwrap_or(authority).to_owned()
        }
        None => {
            let path = Path::new(input);
            // `.` and `..` are resolved to the name of their folder.
            let path = path.file_name().map_or_else(|| path.canonicalize().unwrap_or_default(), |_| path.to_owned());
            path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
        }
    };
    shown(&name, MAX_BYTES)
}

/// Cleans a text that other people will see: cut to `longest` bytes, and without control characters, which could move the
/// cursor of a terminal.
pub(crate) fn shown(text: &str, longest: usize) -> String {
    let clean: String = text.chars().filter(|c| !c.is_control()).collect();
    clean[..clean.floor_char_boundary(longest)].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_told_folders_users_or_passwords() {
        for (input, name) in [
            ("/home/ada/secret plans/demo.mp4", "demo.mp4"),
            ("demo.mp4", "demo.mp4"),
            ("pictures/", "pictures"),
            ("/dev/video0", "video0"),
            ("rtsp://ada:pass%40word@cam.lan:554/door?token=9", "cam.lan:554"),
            ("rtsp://ada:p@ss@cam.lan/door", "cam.lan"),
            ("http://[fe80::1]:8080", "[fe80::1]:8080"),
            ("https://cam.lan?user=ada", "cam.lan"),
            ("a\u{1b}[2J<b>.mp4", "a[2J<b>.mp4"),
            ("/", ""),
        ] {
            assert_eq!(source_name(input), name, "{input}");
        }
        assert_eq!(source_name("."), "client", "the folder in which tests run");
        assert_eq!(source_name(&format!("{}é", "x".repeat(99))), "x".repeat(99));
    }
}
