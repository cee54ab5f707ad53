//! What kernels work on, laid out for all instruction sets alike.

/// Sums of gradients that a SURF cell has.
pub(crate) const CHANNELS: usize = 8;

/// Where the pixels of a resized row or column come from: pixel `i` takes `before[i]` of the one at `index[i]` and `after[i]`
/// of the next.
#[derive(Debug, Default)]
pub(crate) struct Axis {
    pub(crate) index: Vec<u32>,
    pub(crate) before: Vec<f64>,
    pub(crate) after: Vec<f64>,
}

impl Axis {
    /// For `to` pixels out of `from`, both at least 2: corners on corners at the left, as SeetaFace has it. The last pixels
    /// may lie past the last two and continue their slope.
    pub(crate) fn set(&mut self, from: usize, to: usize) {
        let step = from as f64 / to as f64;
        self.index.clear();
        self.before.clear();
        self.after.clear();
        for i in 0..to {
            let place = step * i as f64;
            let index = (place as usize).min(from - 2);
            self.index.push(index as u32);
            let after = place - index as f64;
            self.before.push(1.0 - after);
            self.after.push(after);
        }
    }

    /// Makes it the same as another, in the memory it has.
    pub(crate) fn copy(&mut self, other: &Axis) {
        self.index.clone_from(&other.index);
        self.before.clone_from(&other.before);
        self.after.clone_from(&other.after);
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

    pub(crate) fn at(&mut self, x: usize, y: usize) -> &mut [i32; CHANNELS] {
        &mut self.0[y * Self::SIDE + x]
    }
}

/// A fully connected layer. Weights stand in blocks of eight outputs, and in a block input by input, so that a vector of
/// eight sums grows input after input: the same order of additions, and so the same rounding, whatever the vectors.
#[derive(Debug)]
pub(crate) struct Dense {
    inputs: usize,
    weights: Vec<[f32; Self::BLOCK]>,
    biases: Vec<[f32; Self::BLOCK]>,
}

impl Dense {
    /// Outputs that are worked out together.
    pub(crate) const BLOCK: usize = 8;

    /// From weights output by output, `inputs` each, and a bias for each output.
    ///
    /// # Panics
    /// When there are not as many weights as that, or no inputs.
    pub(crate) fn new(inputs: usize, weights: &[f32], biases: &[f32]) -> Dense {
        assert_eq!(weights.len(), inputs * biases.len());
        let mut blocks = Vec::new();
        for rows in weights.chunks(inputs * Self::BLOCK) {
            for input in 0..inputs {
                blocks.push(std::array::from_fn(|k| rows.get(k * inputs + input).copied().unwrap_or(0.0)));
            }
        }
        let biases = biases.chunks(Self::BLOCK);
        let biases = biases.map(|chunk| std::array::from_fn(|k| chunk.get(k).copied().unwrap_or(0.0)));
        Dense { inputs, weights: blocks, biases: biases.collect() }
    }

    pub(crate) fn inputs(&self) -> usize {
        self.inputs
    }

    /// Eight outputs each; those past the last one of the layer are zero.
    pub(crate) fn blocks(&self) -> usize {
        self.biases.len()
    }

    /// Weights of eight outputs, one array for each input.
    pub(crate) fn weights(&self, block: usize) -> &[[f32; Self::BLOCK]] {
        &self.weights[block * self.inputs..][..self.inputs]
    }

    pub(crate) fn biases(&self) -> &[[f32; Self::BLOCK]] {
        &self.biases
    }
}

/// The first weak classifiers of a boosted cascade with their weights as bytes, rounded up: a sum of these is never below
/// what the true weights give, so a window below a threshold here is below the true one.
#[derive(Debug)]
pub(crate) struct Sieve {
    /// For each weak classifier, a byte for each code. At most 257 in all, so that sums of bytes fit into 16 bits.
    pub(crate) tables: Vec<[u8; 256]>,
    /// The least sum after every [`Sieve::GROUP`] weak classifiers.
    pub(crate) least: Vec<u16>,
}

impl Sieve {
    /// Weak classifiers between two looks at the sum.
    pub(crate) const GROUP: usize = 10;
    /// Windows that are sifted together, a bit of a word each.
    pub(crate) const BLOCK: usize = 64;
}
