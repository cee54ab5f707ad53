//! What kernels work on, laid out for all instruction sets alike.

/// Sums of gradients that a SURF cell has.
pub(crate) const CHANNELS: usize = 8;

/// Where the pixels of a resized row or column come from: pixel `i` lies between `index[i]` and the next, and takes
/// `weight[i]` of the latter.
#[derive(Debug, Default)]
pub(crate) struct Axis {
    pub(crate) index: Vec<u32>,
    pub(crate) weight: Vec<f64>,
}

impl Axis {
    /// For `to` pixels out of `from`, both at least 2: corners on corners at the left, as SeetaFace has it. The last pixels
    /// may lie past the last two and continue their slope.
    pub(crate) fn set(&mut self, from: usize, to: usize) {
        let step = from as f64 / to as f64;
        self.index.clear();
        self.weight.clear();
        for i in 0..to {
            let place = step * i as f64;
            let index = (place as usize).min(from - 2);
            self.index.push(index as u32);
            self.weight.push(place - index as f64);
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.index.len()
    }
}

/// Side of the window that [`SurfPlane`] describes, in pixels.
pub(crate) const SURF_SIDE: usize = 40;

/// Sums of the eight gradients of a window over every rectangle that begins at its top left corner.
#[derive(Debug)]
pub(crate) struct SurfPlane(pub(crate) Box<[[i32; CHANNELS]; Self::SIDE * Self::SIDE]>);

impl SurfPlane {
    /// One more than the window has pixels: the first row and the first column are zero.
    pub(crate) const SIDE: usize = SURF_SIDE + 1;

    pub(crate) fn new() -> SurfPlane {
        let zero = vec![[0; CHANNELS]; Self::SIDE * Self::SIDE];
        SurfPlane(zero.into_boxed_slice().try_into().expect("as long as the type says"))
    }

    /// Sums over all pixels left of `x` and above `y`; both at most 40.
    pub(crate) fn until(&self, x: usize, y: usize) -> &[i32; CHANNELS] {
        &self.0[y * Self::SIDE + x]
    }
}

/// A fully connected layer. Weights stand in blocks of eight outputs, and in a block input by input, so that a vector of
/// eight sums grows input after input: the same order of additions, and so the same rounding, whatever the vectors.
#[derive(Debug)]
pub(crate) struct Dense {
    inputs: usize,
    outputs: usize,
    blocks: Vec<[f32; Self::BLOCK]>,
    biases: Vec<f32>,
}

impl Dense {
    /// Outputs that are worked out together.
    pub(crate) const BLOCK: usize = 8;

    /// From weights output by output, `inputs` each, and a bias for each output.
    pub(crate) fn new(inputs: usize, weights: &[f32], biases: &[f32]) -> Dense {
        assert_eq!(weights.len(), inputs * biases.len());
        let mut blocks = Vec::new();
        for rows in weights.chunks(inputs * Self::BLOCK) {
            for input in 0..inputs {
                blocks.push(std::array::from_fn(|k| rows.get(k * inputs + input).copied().unwrap_or(0.0)));
            }
        }
        Dense { inputs, outputs: biases.len(), blocks, biases: biases.to_vec() }
    }

    pub(crate) fn inputs(&self) -> usize {
        self.inputs
    }

    pub(crate) fn outputs(&self) -> usize {
        self.outputs
    }

    /// Weights of eight outputs, one array for each input, and where those outputs go.
    pub(crate) fn blocks(&self) -> impl Iterator<Item = (&[[f32; Self::BLOCK]], &[f32])> {
        self.blocks.chunks_exact(self.inputs).zip(self.biases.chunks(Self::BLOCK))
    }
}
