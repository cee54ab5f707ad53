//! What holds this machine back, where it is a Raspberry Pi.

use std::fs;
use std::path::Path;

use facefleet_proto::Throttling;

/// Where the kernel of Raspberry Pi OS shows the firmware's word, in hexadecimal digits.
const FIRMWARE: &str = "/sys/devices/platform/soc/soc:firmware/get_throttled";

/// Nothing where there is no such firmware.
pub(crate) fn read() -> Throttling {
    read_from(Path::new(FIRMWARE))
}

fn read_from(file: &Path) -> Throttling {
    fs::read_to_string(file).ok().and_then(|word| parse(&word)).unwrap_or_default()
}

fn parse(word: &str) -> Option<Throttling> {
    let word = word.trim();
    let digits = word.strip_prefix("0x").unwrap_or(word);
    u32::from_str_radix(digits, 16).ok().map(Throttling::from_bits)
}

/// Tells the log, when something begins or ends to hold the machine back, what it is and what to do.
pub(crate) fn tell(before: Throttling, now: Throttling) {
    match (now.is_on(), before.now() == now.now()) {
        (_, true) => {}
        (true, false) => tracing::warn!(
            "this machine is held back ({}): under-voltage asks for a better power supply or cable, heat for cooling",
            now.now().join(", ")
        ),
        (false, false) => tracing::info!("this machine is held back no more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_is_hexadecimal() {
        assert_eq!(parse("50005\n"), Some(Throttling::from_bits(0x5_0005)));
        assert_eq!(parse("0x8\n"), Some(Throttling::from_bits(8)));
        assert_eq!(parse("0\n"), Some(Throttling::default()));
        assert_eq!(parse("throttled=0x0\n"), None);
        assert_eq!(parse(""), None);
    }

    #[test]
    fn a_machine_that_does_not_tell_is_not_held_back() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("get_throttled");
        assert_eq!(read_from(&file), Throttling::default());
        fs::write(&file, "50000\n").unwrap();
        assert_eq!(read_from(&file).since_start(), ["under-voltage", "throttled"]);
    }
}
