//! Every kernel of every table gives the bits of the scalar one, at every length around that of a vector.

use super::*;

/// Lengths that vectors of 8 to 64 lanes treat differently.
fn lengths() -> impl Iterator<Item = usize> {
    (1..=140).chain([255, 256, 257, 640, 1281])
}

fn bytes(rng: &mut fastrand::Rng, length: usize) -> Vec<u8> {
    // Runs of equal values stand among random ones, because comparisons must be right about ties.
    let mut bytes = Vec::with_capacity(length);
    while bytes.len() < length {
        let run = if rng.bool() { 1 } else { rng.usize(1..12) };
        let value = [0, 255, 128, rng.u8(..)][rng.usize(..4)];
        bytes.resize((bytes.len() + run).min(length), value);
    }
    bytes
}

/// Runs `check` on every table but the scalar one, each time with the same seed.
pub(super) fn each(check: impl Fn(&Kernels, &mut fastrand::Rng)) {
    let seed = fastrand::u64(..);
    for kernels in Kernels::supported().iter().filter(|kernels| kernels.name != "scalar") {
        println!("{kernels:?}, seed {seed}");
        check(kernels, &mut fastrand::Rng::with_seed(seed));
    }
}

#[test]
fn a_processor_with_vectors_has_a_table_for_them() {
    let names: Vec<_> = Kernels::supported().iter().map(Kernels::name).collect();
    println!("tables: {names:?}");
    assert_eq!(names.last(), Some(&"scalar"));
    #[cfg(target_arch = "aarch64")]
    assert_eq!(names, ["aarch64-neon", "scalar"]);
    #[cfg(target_arch = "x86_64")]
    {
        let has_avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
        assert_eq!(names.contains(&"x86_64-avx2"), has_avx2);
        let has_vbmi = has_avx2 && is_x86_feature_detected!("avx512bw") && is_x86_feature_detected!("avx512vbmi");
        assert_eq!(names[0] == "x86_64-avx512vbmi", has_vbmi);
    }
}

/// Fails when the build takes instructions for granted that some boards do not have. The processors of the Pi 3 and the Pi 4 were
/// made without AES, but `-C target-cpu=cortex-a72` would say that every one has it. A library with faster code for AES
/// (`crc32fast`, in the client) must ask the processor.
#[cfg(all(target_arch = "aarch64", target_os = "linux"))]
#[test]
fn nothing_that_a_board_may_not_have_is_taken_for_granted() {
    assert!(cfg!(target_feature = "neon"));
    assert!(!cfg!(any(
        target_feature = "aes",
        target_feature = "sha2",
        target_feature = "crc",
        target_feature = "lse"
    )));
}

#[test]
fn blend_row() {
    each(|kernels, rng| {
        for to in lengths() {
            let from = rng.usize(2..1500);
            let mut axis = Axis::default();
            axis.set(from, to);
            // Rows are exactly as long as needed, and then longer.
            for more in [0, rng.usize(1..40)] {
                let (top, bottom) = (bytes(rng, from + more), bytes(rng, from + more));
                let share = rng.f64() * 2.0;
                let run = |kernels: &Kernels| {
                    let mut out = vec![0; to];
                    (kernels.blend_row)([&top, &bottom], [1.0 - share, share], &axis, &mut out);
                    out
                };
                assert_eq!(run(kernels), run(Kernels::scalar()), "{from} + {more} to {to}");
            }
        }
    });
}

#[test]
fn box_row_and_code_row() {
    each(|kernels, rng| {
        for length in lengths() {
            let rows: [_; 3] = std::array::from_fn(|_| bytes(rng, length + 2));
            let sums = |kernels: &Kernels| {
                let mut out = vec![0; length];
                (kernels.box_row)(rows.each_ref().map(|row| &row[..]), &mut out);
                out
            };
            assert_eq!(sums(kernels), sums(Kernels::scalar()), "sums of {length}");

            let sums: [_; 3] = std::array::from_fn(|_| {
                bytes(rng, length + 6).into_iter().map(|byte| 9 * u16::from(byte)).collect::<Vec<u16>>()
            });
            let codes = |kernels: &Kernels| {
                let mut out = vec![0; length];
                (kernels.code_row)(sums.each_ref().map(|row| &row[..]), &mut out);
                out
            };
            assert_eq!(codes(kernels), codes(Kernels::scalar()), "codes of {length}");
        }
    });
}

#[test]
fn split4() {
    each(|kernels, rng| {
        for length in lengths() {
            let row = bytes(rng, length);
            let split = |kernels: &Kernels| {
                let mut runs = [(); 4].map(|()| vec![7; length.div_ceil(4)]);
                (kernels.split4)(&row, runs.each_mut().map(|run| &mut run[..]));
                runs
            };
            assert_eq!(split(kernels), split(Kernels::scalar()), "{length}");
        }
    });
}

#[test]
fn sift() {
    each(|kernels, rng| {
        for round in 0..300 {
            let groups = rng.usize(1..5);
            let weak = groups * Sieve::GROUP;
            let tables = (0..weak).map(|_| std::array::from_fn(|_| rng.u8(..))).collect();
            // Thresholds are around the likely sum, and now and then so low or high that a sum always or never passes.
            let least = (1..=groups).map(|group| match rng.u8(..20) {
                0 => 0,
                1 => u16::MAX,
                _ => (group as u16 * 1275).saturating_add_signed(rng.i16(-900..200)),
            });
            let sieve = Sieve { tables, least: least.collect() };
            let codes: Vec<u8> = (0..2000).map(|_| rng.u8(..)).collect();
            let last = codes.len() - Sieve::BLOCK;
            let offsets: Vec<u32> = (0..weak).map(|_| rng.usize(..=last) as u32).collect();
            let run = |kernels: &Kernels| {
                let mut sums = [0; Sieve::BLOCK];
                let left = (kernels.sift)(&sieve, &codes, &offsets, &mut sums);
                let kept: Vec<_> = (0..Sieve::BLOCK).map(|k| (left >> k & 1 == 1).then_some(sums[k])).collect();
                kept
            };
            assert_eq!(run(kernels), run(Kernels::scalar()), "round {round}");
        }
    });
}

#[test]
fn moments() {
    each(|kernels, rng| {
        for stride in (SURF_SIDE..130).chain([640]) {
            let pixels = bytes(rng, (SURF_SIDE - 1) * stride + SURF_SIDE);
            let run = |kernels: &Kernels| (kernels.moments)(&pixels, stride);
            assert_eq!(run(kernels), run(Kernels::scalar()), "rows of {stride}");
        }
        let white = [255; SURF_SIDE * SURF_SIDE];
        assert_eq!((kernels.moments)(&white, SURF_SIDE), (1600 * 255, 1600 * 255 * 255));
    });
}

#[test]
fn surf_sums() {
    each(|kernels, rng| {
        for round in 0..300 {
            let mut window: [u8; SURF_SIDE * SURF_SIDE] = bytes(rng, SURF_SIDE * SURF_SIDE).try_into().unwrap();
            // These are the greatest sums there can be: every gradient of a column is as large as possible.
            match round {
                0 => window.iter_mut().enumerate().for_each(|(i, pixel)| *pixel = 255 * (i / SURF_SIDE / 2 % 2) as u8),
                1 => window.iter_mut().enumerate().for_each(|(i, pixel)| *pixel = 255 * (i % SURF_SIDE / 2 % 2) as u8),
                _ => {}
            }
            let rows = rng.u64(..) >> (63 - SURF_SIDE) & !1;
            let run = |kernels: &Kernels| {
                let mut plane = SurfPlane::new();
                (kernels.surf_sums)(&window, rows, &mut plane);
                plane.0
            };
            assert!(run(kernels) == run(Kernels::scalar()), "round {round}, rows {rows:#x}");
        }
    });
}

#[test]
fn dense() {
    each(|kernels, rng| {
        for outputs in 1..=70 {
            let inputs = rng.usize(1..130);
            let mut floats = |count| (0..count).map(|_| rng.f32() * 4.0 - 2.0).collect::<Vec<f32>>();
            let layer = Dense::new(inputs, &floats(inputs * outputs), &floats(outputs));
            let input = floats(inputs);
            let run = |kernels: &Kernels| {
                let mut out = vec![0.0; layer.blocks() * Dense::BLOCK];
                (kernels.dense)(&layer, &input, &mut out);
                out.into_iter().map(f32::to_bits).collect::<Vec<_>>()
            };
            assert_eq!(run(kernels), run(Kernels::scalar()), "{inputs} to {outputs}");
        }
    });
}
