use crate::kernels::{CHANNELS, SURF_SIDE, SurfPlane};

pub(super) fn surf_sums(window: &[u8; SURF_SIDE * SURF_SIDE], plane: &mut SurfPlane) {
    const LAST: usize = SURF_SIDE - 1;
    let pixel = |x: usize, y: usize| i32::from(window[y * SURF_SIDE + x]);
    for y in 0..SURF_SIDE {
        let mut row = [0; CHANNELS];
        for x in 0..SURF_SIDE {
            // At a border the difference to the one neighbour there is counts twice.
            let dx = (pixel((x + 1).min(LAST), y) - pixel(x.saturating_sub(1), y)) << u32::from(x == 0 || x == LAST);
            let dy = (pixel(x, (y + 1).min(LAST)) - pixel(x, y.saturating_sub(1))) << u32::from(y == 0 || y == LAST);
            let at = |here: bool, value: i32| if here { value } else { 0 };
            let gradients = [
                at(dy >= 0, dx),
                at(dy >= 0, dx.abs()),
                at(dy < 0, dx),
                at(dy < 0, dx.abs()),
                at(dx >= 0, dy),
                at(dx >= 0, dy.abs()),
                at(dx < 0, dy),
                at(dx < 0, dy.abs()),
            ];
            let above = *plane.until(x + 1, y);
            let here = &mut plane.0[(y + 1) * SurfPlane::SIDE + x + 1];
            for c in 0..CHANNELS {
                row[c] += gradients[c];
                here[c] = above[c] + row[c];
            }
        }
    }
}
