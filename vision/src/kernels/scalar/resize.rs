use crate::kernels::Axis;

pub(in crate::kernels) fn blend_row(rows: [&[u8]; 2], shares: [f64; 2], across: &Axis, out: &mut [u8]) {
    let places = across.index.iter().zip(across.before.iter().zip(&across.after));
    for (out, (&index, (before, after))) in out.iter_mut().zip(places) {
        let index = index as usize;
        let between = |row: &[u8]| before * f64::from(row[index]) + after * f64::from(row[index + 1]);
        *out = (shares[0] * between(rows[0]) + shares[1] * between(rows[1])) as u8;
    }
}
