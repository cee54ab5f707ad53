//! Reads what holds this machine back, where it is a Raspberry Pi.

use std::fs;
use std::path::Path;

use facefleet_proto::Throttling;

/// The folder in which the kernel shows what it knows of the machine.
pub(crate) const SYS: &str = "/sys";
/// The file in which the kernel of Raspberry Pi OS shows the firmware's throttling bits, in hexadecimal digits.
const FIRMWARE: &str = "devices/platform/soc/soc:firmware/get_throttled";
/// The folder of the processor's sensor, with its kind (`type`) and its temperature in thousandths of a degree Celsius (`temp`).
const SENSOR: &str = "class/thermal/thermal_zone0";
/// The kind of the sensor on a Raspberry Pi and boards like it. A processor of another kind may be fine at temperatures that are
/// too high for these.
const SENSOR_KIND: &str = "cpu-thermal";
/// The temperature at which the firmware starts to slow a Raspberry Pi down
/// (<https://www.raspberrypi.com/documentation/computers/raspberry-pi.html#frequency-management-and-thermal-control>).
const HOT_C: f32 = 80.0;

/// What holds the machine back, as the kernel shows it below `sys` (which is [`SYS`] outside of tests): the firmware's bits, or, for
/// kernels of a Raspberry Pi that do not show those, whether the processor is hot. On other machines nothing is ever set.
pub(crate) fn read(sys: &Path) -> Throttling {
    let read = |file: &str| fs::read_to_string(sys.join(file)).ok();
    let firmware = || parse(&read(FIRMWARE)?);
    let sensor = || from_sensor(&read(&format!("{SENSOR}/type"))?, &read(&format!("{SENSOR}/temp"))?);
    firmware().or_else(sensor).unwrap_or_default()
}

/// Reads the firmware's bits, with or without `0x`.
fn parse(word: &str) -> Option<Throttling> {
    let word = word.trim();
    let digits = word.strip_prefix("0x").unwrap_or(word);
    u32::from_str_radix(digits, 16).ok().map(Throttling::from_bits)
}

/// Whether the sensor of a board says that it is hot.
fn from_sensor(kind: &str, thousandths: &str) -> Option<Throttling> {
    let celsius = thousandths.trim().parse::<f32>().ok()? / 1000.0;
    (kind.trim() == SENSOR_KIND && celsius >= HOT_C).then_some(Throttling::HOT)
}

/// Logs what holds the machine back, and what to do about it, when that has changed.
pub(crate) fn log_change(before: Throttling, now: Throttling) {
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

    /// The throttling of a machine that has these files in its `/sys`.
    #[cfg(unix)] // The firmware's folder has a colon in its name.
    fn read_of(files: &[(&str, &str)]) -> Throttling {
        let sys = tempfile::tempdir().unwrap();
        for (file, text) in files {
            let path = sys.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        read(sys.path())
    }

    #[cfg(unix)]
    #[test]
    fn the_firmware_is_asked_first_and_the_sensor_where_it_does_not_tell() {
        let sensor =
            |kind, temp| [("class/thermal/thermal_zone0/type", kind), ("class/thermal/thermal_zone0/temp", temp)];
        let hot = sensor("cpu-thermal\n", "80100\n");
        assert_eq!(read_of(&hot).now(), ["hot"]);
        assert_eq!(read_of(&sensor("cpu-thermal\n", "79900\n")), Throttling::default());
        assert_eq!(read_of(&sensor("x86_pkg_temp\n", "95000\n")), Throttling::default(), "well where it is");
        assert_eq!(read_of(&sensor("cpu-thermal\n", "warm\n")), Throttling::default());
        let [a, b] = hot;
        assert_eq!(read_of(&[a, b, (FIRMWARE, "50000\n")]).since_start(), ["under-voltage", "throttled"]);
        assert!(!read_of(&[a, b, (FIRMWARE, "0\n")]).is_on(), "the firmware knows better");
        assert_eq!(read_of(&[a, b, (FIRMWARE, "?\n")]).now(), ["hot"]);
    }

    #[cfg(unix)]
    #[test]
    fn a_machine_that_does_not_tell_is_not_held_back() {
        assert_eq!(read_of(&[]), Throttling::default());
    }
}
