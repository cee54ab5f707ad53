//! Every kernel with every table that this processor can run: `cargo bench -p facefleet-vision`.
//!
//! The sizes are those of frames of 640x360 pixels that a detector sees at 500x400. The kernels are the crate's own business,
//! so they are compiled into this program once more instead of being shown to everybody.
#![allow(missing_docs, reason = "a macro writes public functions that nobody calls by name")]

#[path = "../src/kernels/mod.rs"]
#[allow(dead_code, unused_imports, unreachable_pub, reason = "the library uses the rest")]
mod kernels;

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use kernels::{Axis, Block, Cell, Dense, Depthwise, Inputs, Kernels, Mix, Pair, Quantiser};
use kernels::{SURF_SIDE, Sieve, SurfPlane, Weights};

/// What a detector sees.
const WIDTH: usize = 500;

criterion_group!(benches, pyramid, codes, windows, networks, convolutions, transforms, resize);
criterion_main!(benches);

/// Measures a kernel, a line for each table. `units` is what one call works on.
fn each(criterion: &mut Criterion, name: &str, units: Throughput, mut run: impl FnMut(&Kernels)) {
    let mut group = criterion.benchmark_group(name);
    group.throughput(units);
    for kernels in Kernels::supported() {
        group.bench_function(kernels.name(), |bencher| bencher.iter(|| run(black_box(kernels))));
    }
    group.finish();
}

/// So many results.
fn elements(count: usize) -> Throughput {
    Throughput::Elements(count as u64)
}

/// Bytes without a pattern, the same each time.
fn noise(length: usize) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(1);
    (0..length).map(|_| random.u8(..)).collect()
}

/// A row of the first smaller picture of the pyramid.
fn pyramid(criterion: &mut Criterion) {
    let (from, to) = (WIDTH, WIDTH * 4 / 5);
    let (top, bottom) = (noise(from), noise(from));
    let mut axis = Axis::default();
    axis.set(from, to);
    let mut out = vec![0; to];
    each(criterion, "blend_row", elements(to), |kernels| {
        (kernels.blend_row)([&top, &bottom], [0.25, 0.75], &axis, black_box(&mut out));
    });
}

/// Local binary codes of a row.
fn codes(criterion: &mut Criterion) {
    let pixels = noise(WIDTH + 2);
    let mut sums = vec![0; WIDTH];
    each(criterion, "box_row", elements(WIDTH), |kernels| {
        (kernels.box_row)([&pixels, &pixels, &pixels], black_box(&mut sums));
    });

    let sums = noise(WIDTH + 6).into_iter().map(|byte| 9 * u16::from(byte)).collect::<Vec<u16>>();
    let mut codes = vec![0; WIDTH];
    each(criterion, "code_row", elements(WIDTH), |kernels| {
        (kernels.code_row)([&sums, &sums, &sums], black_box(&mut codes));
    });

    let mut runs = [(); 4].map(|()| vec![0; WIDTH.div_ceil(4)]);
    each(criterion, "split4", Throughput::Bytes(WIDTH as u64), |kernels| {
        (kernels.split4)(&codes, black_box(&mut runs).each_mut().map(|run| &mut run[..]));
    });
}

/// What is done with the windows of a picture.
fn windows(criterion: &mut Criterion) {
    // As many groups as the detector sifts with; no window leaves before the last.
    const GROUPS: usize = 4;
    let mut random = fastrand::Rng::with_seed(1);
    let tables = (0..GROUPS * Sieve::GROUP).map(|_| std::array::from_fn(|_| random.u8(..))).collect();
    let sieve = Sieve { tables, least: vec![0; GROUPS] };
    let codes = noise(64 * 1024);
    let offsets: Vec<u32> = sieve.tables.iter().map(|_| random.usize(..codes.len() - Sieve::BLOCK) as u32).collect();
    let mut sums = [0; Sieve::BLOCK];
    each(criterion, "sift", elements(Sieve::BLOCK), |kernels| {
        black_box((kernels.sift)(&sieve, &codes, &offsets, black_box(&mut sums)));
    });

    let pixels = noise(SURF_SIDE * WIDTH);
    each(criterion, "moments", elements(SURF_SIDE * SURF_SIDE), |kernels| {
        black_box((kernels.moments)(black_box(&pixels), WIDTH));
    });

    let window = noise(SURF_SIDE * SURF_SIDE).try_into().expect("as long as a window");
    let rows = [8, 16, 20, 24, 32, 40].iter().fold(0, |rows, row| rows | 1 << row);
    let mut plane = SurfPlane::new();
    each(criterion, "surf_sums", elements(SURF_SIDE * SURF_SIDE), |kernels| {
        (kernels.surf_sums)(&window, rows, black_box(&mut plane));
    });
}

/// The largest layer of the published model.
fn networks(criterion: &mut Criterion) {
    let (inputs, outputs) = (512, 256);
    let floats = |count| noise(count).into_iter().map(|byte| f32::from(byte) / 128.0 - 1.0).collect::<Vec<f32>>();
    let layer = Dense::new(inputs, &floats(inputs * outputs), &floats(outputs));
    let input = floats(inputs);
    let mut out = vec![0.0; outputs];
    each(criterion, "dense", elements(inputs * outputs), |kernels| {
        (kernels.dense)(&layer, &input, black_box(&mut out));
    });
}

/// A row of a network's picture.
fn convolutions(criterion: &mut Criterion) {
    // A row of the picture's eighth, 64 channels to 16.
    let (pixels, channels) = (WIDTH / 8, 64);
    let cell = |seed: usize| Cell(std::array::from_fn(|i| ((seed * 7 + i * 3) % 13) as f32 / 13.0));
    let mix = Mix { strips: 4, taps: 16, weights: (0..channels).map(cell).collect(), bias: cell(1), least: 0.0 };
    let values: Vec<f32> = noise(pixels * channels).into_iter().map(|byte| f32::from(byte) / 255.0).collect();
    let inputs = Inputs { values: &values, apart: pixels * 16, step: 16 };
    let mut out = vec![Cell::ZERO; pixels];
    each(criterion, "mix", elements(pixels * channels * Cell::CHANNELS), |kernels| {
        (kernels.convolve.mix)(&mix, black_box(inputs), black_box(&mut out));
    });

    let depthwise = Depthwise { weights: std::array::from_fn(cell), bias: cell(2), least: 0.0 };
    let rows: [Vec<Cell>; 3] = [0, 1, 2].map(|row| (0..pixels + 2).map(|x| cell(row + x)).collect());
    each(criterion, "depthwise", elements(pixels * 9 * Cell::CHANNELS), |kernels| {
        (kernels.convolve.depthwise)(&depthwise, rows.each_ref().map(|row| &row[..]), black_box(&mut out));
    });

    let row: Vec<Cell> = (0..2 * pixels).map(cell).collect();
    each(criterion, "pool", elements(pixels * Cell::CHANNELS), |kernels| {
        (kernels.convolve.pool)([&row, &row], black_box(&mut out));
    });
    let mut fine = row.clone();
    each(criterion, "add_doubled", elements(2 * pixels * Cell::CHANNELS), |kernels| {
        (kernels.convolve.add_doubled)(&out, black_box(&mut fine));
    });

    let (luma, colour) = (noise(WIDTH), noise(WIDTH / 2));
    let mut colours = [(); 3].map(|()| vec![0.0; WIDTH]);
    each(criterion, "colours", elements(WIDTH), |kernels| {
        let out = colours.each_mut().map(|row| &mut row[..]);
        (kernels.convolve.colours)(&luma, [&colour, &colour], black_box(out));
    });
}

/// Blocks of a JPEG in rows of 640 pixels.
fn transforms(criterion: &mut Criterion) {
    let stride = 640;
    let mut coefficients = Block::ZERO;
    for (place, value) in [(0, 40), (1, -7), (2, 5), (4, 3), (16, -9), (20, 2)] {
        coefficients.0[place] = value;
    }
    let factors = Block([6; 64]);
    let mut pixels = vec![0; 8 * stride];
    each(criterion, "inverse_dct", elements(64), |kernels| {
        (kernels.inverse_dct)(black_box(&coefficients), &factors, black_box(&mut pixels), stride);
    });

    let pixels = noise(8 * stride);
    let quantiser = Quantiser::new([8 * 12; 64]);
    let mut pair = Pair::ZERO;
    each(criterion, "forward_dct", elements(2 * 64), |kernels| {
        (kernels.forward_dct)(black_box(&pixels), stride, &quantiser, black_box(&mut pair));
    });
}

/// A row of a frame of 640x360 pixels at 500x400.
fn resize(criterion: &mut Criterion) {
    let (from, to) = (640, WIDTH);
    let (down, across) = (Weights::new(360, 400), Weights::new(from as u32, to as u32));
    let (_, weights) = down.of(1);
    let rows = noise(from * weights.len());
    let mut row = vec![0; from.max(across.reach())];
    each(criterion, "weigh_rows", elements(from), |kernels| {
        (kernels.weigh_rows)(&rows, from, weights, black_box(&mut row[..from]));
    });

    let mut out = vec![0; to];
    each(criterion, "weigh_columns", elements(to), |kernels| {
        (kernels.weigh_columns)(&row, &across, black_box(&mut out));
    });
}
