//! Decodes every sampling, in each way of writing the factors.

use jpeg_decoder::{ColorTransform, Decoder};

use super::tests::{decode, seed};
use super::*;
use crate::geometry::Size;
use crate::jpeg::encode::for_tests::Sampled;

/// The ways in which cameras and programs write 4:4:4, 4:2:2, 4:4:0, 4:2:0, 4:1:1 and 4:1:0. The second in each of the first two
/// rows is ffmpeg's.
const WAYS: [[[u8; 2]; 2]; 16] = [
    [[1, 1], [1, 1]],
    [[1, 2], [1, 2]],
    [[2, 1], [2, 1]],
    [[2, 2], [2, 2]],
    [[2, 1], [1, 1]],
    [[2, 2], [1, 2]],
    [[4, 1], [2, 1]],
    [[4, 2], [2, 2]],
    [[1, 2], [1, 1]],
    [[2, 2], [2, 1]],
    [[2, 2], [1, 1]],
    [[4, 2], [2, 1]],
    [[2, 4], [1, 2]],
    [[4, 1], [1, 1]],
    [[4, 2], [1, 2]],
    [[4, 2], [1, 1]],
];

fn picture(factors: &[[u8; 2]], random: &mut fastrand::Rng) -> Sampled {
    Sampled {
        size: Size { width: random.u32(1..90), height: random.u32(1..90) },
        factors: factors.to_vec(),
        restart: [0, 0, 1, 2, 5, 16][random.usize(..6)],
        seed: random.u64(..),
        first: 0,
    }
}

#[track_caller]
fn planes<const N: usize>(picture: &Sampled) -> [Raster; N] {
    let planes = decode(&picture.encode(), Kernels::best());
    planes.unwrap_or_else(|error| panic!("{picture:?}: {error}")).unwrap_or_else(|| panic!("{picture:?}: not taken"))
}

/// The decoder is known to be right about grey pictures, which consist of blocks in rows.
#[test]
fn each_plane_is_the_grey_picture_of_its_blocks() {
    let mut random = fastrand::Rng::with_seed(seed());
    for [luma, colour] in WAYS.repeat(20) {
        // The two colours may differ in resolution.
        let other = if random.u8(..4) == 0 { luma } else { colour };
        let picture = picture(&[luma, colour, other], &mut random);
        let in_colour: [Raster; 3] = planes(&picture);
        let [only_luma] = planes(&picture);
        assert!(only_luma.pixels == in_colour[0].pixels, "{picture:?}");
        for (first, plane) in in_colour.iter().enumerate() {
            let side =
                |length: u32, i: usize| (length * u32::from(picture.factors[first][i])).div_ceil(u32::from(luma[i]));
            let size = Size { width: side(picture.size.width, 0), height: side(picture.size.height, 1) };
            let [grey] = planes(&Sampled { size, factors: vec![[1, 1]], restart: 0, first, ..picture.clone() });
            assert_eq!(plane.size, size, "{picture:?}");
            assert!(plane.pixels == grey.pixels, "{picture:?}, plane {first}");
        }
    }
}

#[test]
fn the_factors_of_a_grey_picture_mean_nothing() {
    let mut random = fastrand::Rng::with_seed(seed());
    for factors in [[2, 2], [1, 2], [2, 1], [4, 1], [3, 3]] {
        let odd = picture(&[factors], &mut random);
        let [got] = planes(&odd);
        let [want] = planes(&Sampled { factors: vec![[1, 1]], ..odd.clone() });
        assert!(got.pixels == want.pixels, "{odd:?}");
    }
}

#[test]
fn the_same_brightness_as_jpeg_decoder() {
    let mut random = fastrand::Rng::with_seed(seed());
    // The library keeps to the standard's limit of ten blocks in an MCU, and not everybody does.
    let blocks = |[across, down]: [u8; 2]| across * down;
    for [luma, colour] in WAYS.repeat(4).into_iter().filter(|&[luma, colour]| blocks(luma) + 2 * blocks(colour) <= 10) {
        let picture = picture(&[luma, colour, colour], &mut random);
        let bytes = picture.encode();
        let mut library = Decoder::new(&bytes[..]);
        // Components that are red, green and blue are not changed.
        library.set_color_transform(ColorTransform::RGB);
        let theirs = library.decode().unwrap();
        let [ours] = planes(&picture);
        let off = ours.pixels.iter().zip(theirs.iter().step_by(3)).map(|(a, b)| a.abs_diff(*b)).max();
        assert!(off <= Some(1), "{picture:?}: off by {off:?}");
    }
}

#[test]
fn colour_that_is_no_whole_part_of_brightness_is_left_to_others() {
    let mut random = fastrand::Rng::with_seed(9);
    for [luma, colour] in [[[1, 1], [2, 1]], [[3, 1], [2, 1]], [[2, 2], [0, 1]], [[5, 1], [1, 1]], [[2, 1], [1, 2]]] {
        let mut bytes = picture(&[[1, 1]; 3], &mut random).encode();
        let frame = bytes.windows(2).position(|pair| pair == [0xFF, 0xC0]).unwrap();
        for (i, [across, down]) in [luma, colour, colour].into_iter().enumerate() {
            bytes[frame + 11 + 3 * i] = across * 16 + down;
        }
        assert!(matches!(decode::<1>(&bytes, Kernels::best()), Ok(None)), "{luma:?} {colour:?}");
    }
}
