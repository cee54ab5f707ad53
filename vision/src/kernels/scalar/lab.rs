pub(super) fn box_row(rows: [&[u8]; 3], out: &mut [u16]) {
    let column = |x: usize| rows.iter().map(|row| u16::from(row[x])).sum::<u16>();
    for (x, out) in out.iter_mut().enumerate() {
        *out = column(x) + column(x + 1) + column(x + 2);
    }
}

pub(super) fn code_row(sums: [&[u16]; 3], out: &mut [u8]) {
    let [top, middle, bottom] = sums;
    for (x, out) in out.iter_mut().enumerate() {
        let around = [top[x], top[x + 3], top[x + 6], middle[x], middle[x + 6], bottom[x], bottom[x + 3], bottom[x + 6]];
        *out = around.iter().fold(0, |code, &sum| code << 1 | u8::from(middle[x + 3] >= sum));
    }
}
