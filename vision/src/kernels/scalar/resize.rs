use crate::kernels::Axis;

pub(in crate::kernels) fn blend_row(top: &[u8], bottom: &[u8], across: &Axis, down: f64, out: &mut [u8]) {
    for ((out, &index), &weight) in out.iter_mut().zip(&across.index).zip(&across.weight) {
        let index = index as usize;
        let between = |row: &[u8]| (1.0 - weight) * f64::from(row[index]) + weight * f64::from(row[index + 1]);
        *out = ((1.0 - down) * between(top) + down * between(bottom)) as u8;
    }
}
