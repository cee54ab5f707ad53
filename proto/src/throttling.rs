//! What holds a machine back.

/// What holds a board back, now and since it was switched on, in the bits with which a Raspberry Pi's firmware answers
/// `vcgencmd get_throttled` (<https://www.raspberrypi.com/documentation/computers/os.html#get_throttled>). No bit is set where
/// nothing does, nor on machines that do not tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Throttling(u32);

/// Names of bits 0 to 3, in their order.
const NAMES: [&str; 4] = ["under-voltage", "capped", "throttled", "hot"];
/// The bits of what holds the board back now.
const NOW: u32 = 0b1111;
/// The distance from a bit to the one that says the same for any time since the board was switched on.
const SINCE_START: u32 = 16;
/// The factor by which frames are expected to take longer on a board that is held back. The firmware may go from 1500 or 1800 MHz
/// down to 600 MHz and mostly stops half-way, so two thirds of the speed are expected.
const SLOWDOWN: f32 = 1.5;

impl Throttling {
    /// A machine that is hot now, when no more is known.
    pub const HOT: Throttling = Throttling(1 << 3);

    /// Reads the firmware's bits. Bits without a meaning here are left out.
    pub fn from_bits(bits: u32) -> Throttling {
        Throttling(bits & (NOW | NOW << SINCE_START))
    }

    /// The bits as the firmware has them.
    pub fn bits(self) -> u32 {
        self.0
    }

    /// Whether anything holds the board back now.
    pub fn is_on(self) -> bool {
        self.0 & NOW != 0
    }

    /// The names of what holds the board back now: `under-voltage` (its power supply or cable is too weak), `capped` (its
    /// frequency, mostly for that reason), `throttled` (for its heat) or `hot` (near where that begins, and slower).
    pub fn now(self) -> Vec<&'static str> {
        named(self.0)
    }

    /// The names of what has held the board back at any time since it was switched on; see [`Throttling::now`].
    pub fn since_start(self) -> Vec<&'static str> {
        named(self.0 >> SINCE_START)
    }

    /// The factor by which a frame is expected to take longer now: 1, or more while something holds the board back.
    pub fn slowdown(self) -> f32 {
        if self.is_on() { SLOWDOWN } else { 1.0 }
    }
}

fn named(bits: u32) -> Vec<&'static str> {
    let set = NAMES.iter().enumerate().filter(|(bit, _)| bits >> bit & 1 == 1);
    set.map(|(_, name)| *name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_those_of_the_firmware() {
        let weak = Throttling::from_bits(0x50005);
        assert_eq!(
            (weak.now(), weak.since_start()),
            (vec!["under-voltage", "throttled"], vec!["under-voltage", "throttled"])
        );
        let recovered = Throttling::from_bits(0xE0000);
        assert_eq!((recovered.now(), recovered.since_start()), (vec![], vec!["capped", "throttled", "hot"]));
        assert_eq!((weak.is_on(), recovered.is_on(), Throttling::default().is_on()), (true, false, false));
        assert_eq!((weak.slowdown() > 1.0, recovered.slowdown()), (true, 1.0));
    }

    #[test]
    fn bits_of_a_later_firmware_mean_nothing_yet() {
        assert_eq!(Throttling::from_bits(u32::MAX).bits(), 0xF_000F);
    }
}
