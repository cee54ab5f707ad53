//! What a program's file asks of the machine that it is copied to. The file's form is the Executable and Linkable Format
//! (System V ABI, chapters 4 and 5).

use std::fs;
use std::path::Path;

use crate::error::Error;

/// `EM_AARCH64` of `e_machine`.
const ARM64: u64 = 183;
/// Kinds of segments: where the libraries are named, and the program that would load them.
const PT_DYNAMIC: u64 = 2;
const PT_INTERP: u64 = 3;
/// An entry of the former that names one.
const DT_NEEDED: u64 = 1;
/// The kind of the section with the names of functions.
const SHT_SYMTAB: u64 = 2;

/// Checks that a program runs on any arm64 Linux, with nothing else installed, and returns the size of its file in bytes.
///
/// # Errors
/// [`Error::NotForBoards`] says what is wrong with it.
pub(super) fn check(path: &Path) -> Result<u64, Error> {
    let elf = fs::read(path).map_err(Error::file(path))?;
    let problem = match Facts::of(&elf) {
        None => "is not a whole ELF file of 64 bits",
        Some(Facts { machine, .. }) if machine != ARM64 => "is not for arm64",
        Some(Facts { loader: true, .. }) => "wants to be loaded by another program: it is not statically linked",
        Some(Facts { libraries: true, .. }) => "asks for libraries: it is not statically linked",
        Some(Facts { names: true, .. }) => "is not stripped",
        Some(_) => return Ok(elf.len() as u64),
    };
    Err(Error::NotForBoards { path: path.to_owned(), problem })
}

/// What the file says.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Facts {
    machine: u64,
    loader: bool,
    libraries: bool,
    names: bool,
}

impl Facts {
    /// None: it is no such file, or ends before what it says is in it.
    fn of(elf: &[u8]) -> Option<Facts> {
        // The magic number, 64 bits, least byte first.
        if !elf.starts_with(b"\x7fELF\x02\x01") {
            return None;
        }
        let mut facts = Facts { machine: number(elf, 18, 2)?, ..Facts::default() };
        for segment in rows(elf, number(elf, 32, 8)?, number(elf, 54, 2)?, number(elf, 56, 2)?) {
            let segment = segment?;
            let content = part(elf, number(segment, 8, 8)?, number(segment, 32, 8)?)?;
            match number(segment, 0, 4)? {
                PT_INTERP => facts.loader = true,
                PT_DYNAMIC => facts.libraries |= content.chunks(16).any(|entry| number(entry, 0, 8) == Some(DT_NEEDED)),
                _ => {}
            }
        }
        for section in rows(elf, number(elf, 40, 8)?, number(elf, 58, 2)?, number(elf, 60, 2)?) {
            let section = section?;
            facts.names |= number(section, 4, 4)? == SHT_SYMTAB;
        }
        Some(facts)
    }
}

/// The rows of a table.
fn rows(elf: &[u8], first: u64, size: u64, count: u64) -> impl Iterator<Item = Option<&[u8]>> {
    (0..count).map(move |row| part(elf, first.checked_add(row * size)?, size))
}

/// The number in the `len` bytes from `at` on.
fn number(bytes: &[u8], at: u64, len: u64) -> Option<u64> {
    Some(part(bytes, at, len)?.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

fn part(bytes: &[u8], at: u64, len: u64) -> Option<&[u8]> {
    bytes.get(usize::try_from(at).ok()?..usize::try_from(at.checked_add(len)?).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file with one segment of this kind and one section of this kind and these marks. Both hold `content`.
    fn file(machine: u8, segment: u8, section: (u8, u8), content: &[u8]) -> Vec<u8> {
        let mut elf = vec![0; 64 + 56 + 64];
        elf[..6].copy_from_slice(b"\x7fELF\x02\x01");
        (elf[18], elf[32], elf[40], elf[54], elf[56], elf[58], elf[60]) = (machine, 64, 64 + 56, 56, 1, 64, 1);
        let (len, at) = (u8::try_from(content.len()).unwrap(), u8::try_from(elf.len()).unwrap());
        (elf[64], elf[64 + 8], elf[64 + 32]) = (segment, at, len);
        (elf[120 + 4], elf[120 + 8], elf[120 + 24], elf[120 + 32]) = (section.0, section.1, at, len);
        elf.extend(content);
        elf
    }

    #[test]
    fn a_program_is_what_its_file_says() {
        let facts = |segment, section, content: &[u8]| Facts::of(&file(183, segment, section, content)).unwrap();
        let good = Facts { machine: ARM64, ..Facts::default() };
        let needed = [[0, 0], [1, 7]].concat().into_iter().flat_map(u64::to_le_bytes).collect::<Vec<_>>();
        assert_eq!(facts(1, (1, 6), b"\x1f\x20\x03\xd5"), good);
        assert_eq!(facts(3, (1, 0), b"/lib/ld.so"), Facts { loader: true, ..good });
        assert_eq!(facts(2, (1, 0), &needed), Facts { libraries: true, ..good });
        assert!(!facts(2, (1, 0), &needed[..16]).libraries && !facts(1, (1, 0), &needed).libraries);
        assert!(facts(1, (2, 0), b"").names);
    }

    #[test]
    fn what_is_cut_or_nonsense_is_no_program() {
        let whole = file(183, 1, (1, 6), b"\x1f\x20\x03\xd5");
        for len in 0..whole.len() {
            assert_eq!(Facts::of(&whole[..len]), None, "{len} bytes");
        }
        let mut far = whole;
        far[32..40].fill(0xff);
        assert_eq!(Facts::of(&far), None);
    }
}
