use crate::kernels::{CHANNELS, SURF_SIDE, SurfPlane};

pub(in crate::kernels) fn surf_sums(window: &[u8; SURF_SIDE * SURF_SIDE], rows: u64, plane: &mut SurfPlane) {
    const LAST: usize = SURF_SIDE - 1;
    let pixel = |x: usize, y: usize| i32::from(window[y * SURF_SIDE + x]);
    // Sums of each column from the top.
    let mut columns = [[0; CHANNELS]; SURF_SIDE];
    for y in 0..SURF_SIDE {
        for (x, column) in columns.iter_mut().enumerate() {
            // At a border the difference to the one neighbour there is counts twice.
            let dx = (pixel((x + 1).min(LAST), y) - pixel(x.saturating_sub(1), y)) << u32::from(x == 0 || x == LAST);
            let dy = (pixel(x, (y + 1).min(LAST)) - pixel(x, y.saturating_sub(1))) << u32::from(y == 0 || y == LAST);
            let (across, down) = (2 * usize::from(dy < 0), 4 + 2 * usize::from(dx < 0));
            column[across] += dx;
            column[across + 1] += dx.abs();
            column[down] += dy;
            column[down + 1] += dy.abs();
        }
        if rows >> (y + 1) & 1 == 1 {
            let mut sum = [0; CHANNELS];
            for (x, column) in columns.iter().enumerate() {
                for c in 0..CHANNELS {
                    sum[c] += column[c];
                }
                *plane.at(x + 1, y + 1) = sum;
            }
        }
    }
}
