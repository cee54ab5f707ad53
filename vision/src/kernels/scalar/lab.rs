pub(in crate::kernels) fn box_row(rows: [&[u8]; 3], out: &mut [u16]) {
    let column = |x: usize| rows.iter().map(|row| u16::from(row[x])).sum::<u16>();
    for (x, out) in out.iter_mut().enumerate() {
        *out = column(x) + column(x + 1) + column(x + 2);
    }
}

pub(in crate::kernels) fn code_row(sums: [&[u16]; 3], out: &mut [u8]) {
    let [top, middle, bottom] = sums;
    for (x, out) in out.iter_mut().enumerate() {
        let around =
            [top[x], top[x + 3], top[x + 6], middle[x], middle[x + 6], bottom[x], bottom[x + 3], bottom[x + 6]];
        *out = around.iter().fold(0, |code, &sum| code << 1 | u8::from(middle[x + 3] >= sum));
    }
}

pub(in crate::kernels) fn split4(row: &[u8], runs: [&mut [u8]; 4]) {
    for (phase, run) in runs.into_iter().enumerate() {
        for (to, from) in run.iter_mut().zip(row.iter().skip(phase).step_by(4)) {
            *to = *from;
        }
    }
}
