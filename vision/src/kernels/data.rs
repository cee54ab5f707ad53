//! The data that kernels work on, in a layout that is the same for all instruction sets.

/// Number of gradient sums that a SURF cell has.
pub(crate) const CHANNELS: usize = 8;

/// The sources of the pixels of a resized row or column: pixel `i` takes the share `before[i]` of the pixel at `index[i]` and the
/// share `after[i]` of the next one.
#[derive(Debug, Default)]
pub(crate) struct Axis {
    pub(crate) index: Vec<u32>,
    pub(crate) before: Vec<f64>,
    pub(crate) after: Vec<f64>,
}

impl Axis {
    /// Sets the sources for `to` pixels out of `from`, both at least 2. The first pixels lie on each other, as SeetaFace has it.
    /// The last pixels may lie beyond the last two of the source, and continue their slope.
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

    /// Becomes a copy of another axis, in the memory that is already there.
    pub(crate) fn copy(&mut self, other: &Axis) {
        self.index.clone_from(&other.index);
        self.before.clone_from(&other.before);
        self.after.clone_from(&other.after);
    }
}

/// Side of the window that [`SurfPlane`] describes, in pixels.
pub(crate) const SURF_SIDE: usize = 40;

/// The eight gradient sums of a window over every rectangle that begins at the window's top left corner (summed-area tables).
#[derive(Debug)]
pub(crate) struct SurfPlane(pub(crate) Box<[[i32; CHANNELS]; Self::SIDE * Self::SIDE]>);

impl SurfPlane {
    /// Side of the plane, one more than that of the window: the first row and the first column are zero.
    pub(crate) const SIDE: usize = SURF_SIDE + 1;

    pub(crate) fn new() -> SurfPlane {
        let zero = vec![[0; CHANNELS]; Self::SIDE * Self::SIDE];
        SurfPlane(zero.into_boxed_slice().try_into().expect("as long as the type says"))
    }

    /// Returns the sums over all pixels left of `x` and above `y`, both at most 40.
    pub(crate) fn until(&self, x: usize, y: usize) -> &[i32; CHANNELS] {
        &self.0[y * Self::SIDE + x]
    }

    pub(crate) fn at(&mut self, x: usize, y: usize) -> &mut [i32; CHANNELS] {
        &mut self.0[y * Self::SIDE + x]
    }
}

/// A fully connected layer. The weights stand in blocks of eight outputs, and within a block input by input, so that a vector of
/// eight sums grows input after input. So the order of additions and the rounding are the same, however long vectors are.
#[derive(Debug)]
pub(crate) struct Dense {
    inputs: usize,
    weights: Vec<[f32; Self::BLOCK]>,
    biases: Vec<[f32; Self::BLOCK]>,
}

impl Dense {
    /// Number of outputs that are computed together.
    pub(crate) const BLOCK: usize = 8;

    /// Makes a layer of weights, output by output with `inputs` each, and a bias for each output.
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

    /// Returns the number of blocks of eight outputs. Outputs behind the last one of the layer are zero.
    pub(crate) fn blocks(&self) -> usize {
        self.biases.len()
    }

    /// Returns the weights of a block's eight outputs, one array for each input.
    pub(crate) fn weights(&self, block: usize) -> &[[f32; Self::BLOCK]] {
        &self.weights[block * self.inputs..][..self.inputs]
    }

    pub(crate) fn biases(&self) -> &[[f32; Self::BLOCK]] {
        &self.biases
    }
}

/// The first weak classifiers of a boosted cascade, with their weights as bytes that are rounded up. A sum of these bytes is
/// never below the true sum, so a window whose sum is below a threshold here fails in truth, too.
#[derive(Debug)]
pub(crate) struct Sieve {
    /// Weights of each weak classifier, a byte for each code. There are at most 257 classifiers, so that sums of bytes fit into
    /// 16 bits.
    pub(crate) tables: Vec<[u8; 256]>,
    /// Least sum after every [`Sieve::GROUP`] weak classifiers.
    pub(crate) least: Vec<u16>,
}

impl Sieve {
    /// Number of weak classifiers after which the sum is compared with a threshold.
    pub(crate) const GROUP: usize = 10;
    /// Number of windows that are sifted together, each a bit of a word.
    pub(crate) const BLOCK: usize = 64;
}
