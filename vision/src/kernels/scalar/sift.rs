use crate::kernels::{SURF_SIDE, Sieve};

pub(in crate::kernels) fn sift(sieve: &Sieve, codes: &[u8], offsets: &[u32], sums: &mut [u16; Sieve::BLOCK]) -> u64 {
    *sums = [0; Sieve::BLOCK];
    let mut left = u64::MAX;
    let groups = sieve.tables.chunks_exact(Sieve::GROUP).zip(offsets.chunks_exact(Sieve::GROUP));
    for ((tables, offsets), &least) in groups.zip(&sieve.least) {
        for (table, &offset) in tables.iter().zip(offsets) {
            for (sum, &code) in sums.iter_mut().zip(&codes[offset as usize..][..Sieve::BLOCK]) {
                *sum += u16::from(table[usize::from(code)]);
            }
        }
        for (k, &sum) in sums.iter().enumerate() {
            left &= !(u64::from(sum < least) << k);
        }
        if left == 0 {
            break;
        }
    }
    left
}

pub(in crate::kernels) fn moments(pixels: &[u8], stride: usize) -> (u32, u32) {
    let rows = pixels.chunks(stride).take(SURF_SIDE).map(|row| &row[..SURF_SIDE]);
    rows.flatten().fold((0, 0), |(sum, squares), &pixel| {
        let pixel = u32::from(pixel);
        (sum + pixel, squares + pixel * pixel)
    })
}
