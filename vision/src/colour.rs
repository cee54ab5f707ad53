//! Conversion between the two colour spaces of a JPEG picture: red, green and blue, and JPEG's own brightness and colour
//! differences.
//!
//! The matrix is that of ITU-R BT.601 over the full range of a byte, as JFIF 1.02 fixes it, in 16-bit fixed point.

/// Returns the brightness of a colour: `0.299 R + 0.587 G + 0.114 B`.
pub(crate) fn luma(rgb: [u8; 3]) -> u8 {
    let [r, g, b] = rgb.map(i32::from);
    ((19_595 * r + 38_470 * g + 7_471 * b + 32_768) >> 16) as u8
}

/// Returns a colour as JPEG holds it: brightness, blue difference, red difference.
pub(crate) fn ycc(rgb: [u8; 3]) -> [u8; 3] {
    let [r, g, b] = rgb.map(i32::from);
    // The offset is 128 and a half, less one step, which keeps the purest blue and red at 255.
    let middle = (128 << 16) + 32_767;
    let blue = (-11_059 * r - 21_709 * g + 32_768 * b + middle) >> 16;
    let red = (32_768 * r - 27_439 * g - 5_329 * b + middle) >> 16;
    [luma(rgb), blue as u8, red as u8]
}

/// Returns the red, green and blue of a colour as JPEG holds it. What lies outside of the colour cube is brought to its side.
pub(crate) fn rgb([luma, blue, red]: [u8; 3]) -> [u8; 3] {
    let [luma, blue, red] = [i32::from(luma), i32::from(blue) - 128, i32::from(red) - 128];
    let with = |difference: i32| (luma + ((difference + 32_768) >> 16)).clamp(0, 255) as u8;
    [with(91_881 * red), with(-22_554 * blue - 46_802 * red), with(116_130 * blue)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn corners_of_the_colour_cube() {
        for (rgb, want) in [
            ([0, 0, 0], [0, 128, 128]),
            ([255, 255, 255], [255, 128, 128]),
            ([255, 0, 0], [76, 85, 255]),
            ([0, 255, 0], [150, 44, 21]),
            ([0, 0, 255], [29, 255, 107]),
        ] {
            assert_eq!(ycc(rgb), want, "{rgb:?}");
            let back = super::rgb(want);
            assert!(back.iter().zip(rgb).all(|(a, b)| a.abs_diff(b) <= 2), "{rgb:?} comes back as {back:?}");
        }
    }

    #[test]
    fn grey_stays_the_same_grey() {
        for grey in 0..=255 {
            assert_eq!(ycc([grey; 3]), [grey, 128, 128]);
            assert_eq!(rgb([grey, 128, 128]), [grey; 3]);
        }
    }
}
