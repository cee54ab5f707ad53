//! Writes pictures with any sampling factors and with restart markers, for the tests of decoders.

use super::entropy::{Before, Writer};
use super::header;
use super::huffman::{CHROMA, LUMA};
use crate::geometry::Size;
use crate::kernels::Pair;

/// A picture whose blocks are drawn from a seed: a block depends on its component and its place alone, so one picture can be
/// written in several ways.
#[derive(Clone, Debug)]
pub(in crate::jpeg) struct Sampled {
    pub(in crate::jpeg) size: Size,
    /// Blocks of each component in an MCU, across and down. One component is grey, three are in colour.
    pub(in crate::jpeg) factors: Vec<[u8; 2]>,
    /// Number of MCUs between restart markers; 0 for no markers.
    pub(in crate::jpeg) restart: u16,
    pub(in crate::jpeg) seed: u64,
    /// Number of the first component. A grey picture can so have the blocks of another picture's colour.
    pub(in crate::jpeg) first: usize,
}

impl Sampled {
    pub(in crate::jpeg) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        header::write(self.size, &[[1; 64]; 2][..self.factors.len().min(2)], &mut out);
        let frame = out.windows(2).position(|pair| pair == [0xFF, 0xC0]).unwrap();
        for (i, [across, down]) in self.factors.iter().enumerate() {
            out[frame + 11 + 3 * i] = across * 16 + down;
        }
        let [high, low] = self.restart.to_be_bytes();
        out.splice(frame..frame, [0xFF, 0xDD, 0, 4, high, low]);

        // A scan of one component has no MCUs but blocks, whatever its factors are (T.81, A.2.2).
        let factors = if self.factors.len() == 1 { &[[1, 1]][..] } else { &self.factors };
        let most = |side: usize| u32::from(factors.iter().map(|factor| factor[side]).max().unwrap());
        let columns = self.size.width.div_ceil(8 * most(0));
        let count = columns * self.size.height.div_ceil(8 * most(1));
        let interval = if self.restart == 0 { count } else { self.restart.into() };
        for first in (0..count).step_by(interval as usize) {
            if first > 0 {
                // In place of the end of the picture that the last writer left.
                let end = out.len() - 1;
                out[end] = 0xD0 + (first / interval - 1) as u8 % 8;
            }
            let mut writer = Writer::new(&mut out);
            let mut before = [Before::default(); 3];
            for mcu in first..count.min(first + interval) {
                for (i, &[across, down]) in factors.iter().enumerate() {
                    let (left, top) = (mcu % columns * u32::from(across), mcu / columns * u32::from(down));
                    for (y, x) in (0..down).flat_map(|y| (0..across).map(move |x| (y, x))) {
                        let block = self.block(i, left + u32::from(x), top + u32::from(y));
                        writer.block(&block, 0, &mut before[i], if i == 0 { &LUMA } else { &CHROMA });
                    }
                }
            }
            writer.finish();
        }
        out
    }

    /// Returns the block of a component at a place in its grid of blocks, with a few coefficients.
    fn block(&self, component: usize, x: u32, y: u32) -> Pair {
        let place = u64::from(y) << 40 | u64::from(x) << 8 | (self.first + component) as u64;
        let mut random = fastrand::Rng::with_seed(self.seed ^ place);
        let mut pair = Pair::ZERO;
        let block = &mut pair.blocks[0];
        block[0] = random.i16(-400..400);
        for _ in 0..random.u8(..6) {
            block[random.usize(1..64)] = random.i16(-60..60);
        }
        pair.nonzero[0] = (0..64).filter(|&at| block[at] != 0).map(|at| 1 << at).sum();
        pair
    }
}
