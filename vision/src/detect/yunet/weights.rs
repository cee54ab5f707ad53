//! Reads the weights into the form that the kernels take.
//!
//! The file is made by `cargo xtask yunet-weights` from the published one. Its numbers are little-endian: eight bytes of magic,
//! the version of the layout, the number of layers, three numbers for the shape of each layer (outputs, inputs, side of the
//! kernel), and then the weights and biases of each layer. The network's shape is fixed here, and a file with any other shape is
//! refused.

use std::sync::{Arc, LazyLock};

use super::layer::Layer;
use crate::kernels::{Cell, Depthwise, Mix};

/// The weights of YuNet of March 2023 (MIT), from the OpenCV Zoo.
const PUBLISHED: &[u8] = include_bytes!("../../../../assets/yunet_2023mar.bin");

const MAGIC: &[u8; 8] = b"ffyunet\0";
const VERSION: u32 = 1;

/// Channels of a picture: blue, green, red.
pub(super) const COLOURS: usize = 3;
/// Side of the kernel of the first convolution, and of all depthwise ones.
const SIDE: usize = 3;

/// The layers behind the first convolution: name, inputs, outputs, and whether a ReLU follows.
const LAYERS: [(&str, usize, usize, bool); 17] = [
    ("stage 0", 16, 16, true),
    ("stage 1, first", 16, 16, true),
    ("stage 1, second", 16, 32, true),
    ("stage 2, first", 32, 32, true),
    ("stage 2, second", 32, 64, true),
    ("stage 3, first", 64, 64, true),
    ("stage 3, second", 64, 64, true),
    ("stage 4, first", 64, 64, true),
    ("stage 4, second", 64, 64, true),
    ("stage 5, first", 64, 64, true),
    ("stage 5, second", 64, 64, true),
    ("neck of stride 32", 64, 64, true),
    ("neck of stride 16", 64, 64, true),
    ("neck of stride 8", 64, 64, true),
    ("heads of stride 8", 64, 16, false),
    ("heads of stride 16", 64, 16, false),
    ("heads of stride 32", 64, 16, false),
];

/// The weights of YuNet, which are parsed once and shared by all detectors.
#[derive(Debug)]
pub struct Weights {
    /// Weights of the first convolution: 3x3, with a stride of two pixels.
    pub(super) stem: Mix,
    /// Weights of stages 0 to 2, at half and a quarter of the picture's size.
    pub(super) fine: [Layer; 5],
    /// Weights of stages 3 to 5, two layers each, at an eighth, a sixteenth and a thirty-second of the picture's size.
    pub(super) coarse: [[Layer; 2]; 3],
    /// Weights of the necks for strides 32, 16 and 8, in the order in which they run.
    pub(super) necks: [Layer; 3],
    /// Weights of the heads for strides 8, 16 and 32.
    pub(super) heads: [Layer; 3],
}

/// The error in a file of weights.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the weights of YuNet: {problem}, at byte {offset} of {length}; `cargo xtask yunet-weights` makes them")]
pub struct WeightsError {
    /// Place of the error, in bytes from the start of the file.
    pub offset: usize,
    /// Length of the file in bytes.
    pub length: usize,
    /// The layer, what was found there, and what should have been.
    pub problem: String,
}

impl Weights {
    /// Returns the weights that are part of this library.
    ///
    /// # Errors
    /// [`WeightsError`] when the library was built with damaged ones.
    pub fn published() -> Result<Arc<Weights>, WeightsError> {
        static WEIGHTS: LazyLock<Result<Arc<Weights>, WeightsError>> =
            LazyLock::new(|| Weights::parse(PUBLISHED).map(Arc::new));
        WEIGHTS.clone()
    }

    /// Reads a file of weights.
    ///
    /// # Errors
    /// [`WeightsError`] for a file that is damaged, cut short, too long, or of a network of another shape.
    pub fn parse(bytes: &[u8]) -> Result<Weights, WeightsError> {
        let mut reader = Reader { bytes, at: 0 };
        let shapes = shapes();
        reader.header(&shapes)?;
        let tensors = shapes.iter().map(|(name, shape)| reader.tensor(name, *shape));
        let tensors = tensors.collect::<Result<Vec<_>, _>>()?;
        match bytes.len() - reader.at {
            0 => {}
            rest => return Err(reader.problem(format!("{rest} bytes are left over"))),
        }
        let (first, pairs) = tensors.split_first().expect("shapes lists the first convolution");
        let pairs = LAYERS.iter().zip(pairs.as_chunks::<2>().0);
        let mut layers = pairs.map(|(&(.., relu), [mix, depthwise])| layer(mix, depthwise, relu));
        let mut next = || layers.next().expect("shapes lists two convolutions for each of LAYERS");
        Ok(Weights {
            stem: stem(first),
            fine: std::array::from_fn(|_| next()),
            coarse: std::array::from_fn(|_| std::array::from_fn(|_| next())),
            necks: std::array::from_fn(|_| next()),
            heads: std::array::from_fn(|_| next()),
        })
    }
}

/// The shape of a convolution: outputs, inputs of each output, and side of the kernel.
type Shape = [usize; 3];

/// Returns the names and shapes of all convolutions, in the order of the file.
fn shapes() -> Vec<(String, Shape)> {
    let mut shapes = vec![("the first convolution".to_owned(), [Cell::CHANNELS, COLOURS, SIDE])];
    for (name, inputs, outputs, _) in LAYERS {
        shapes.push((format!("{name}, 1x1"), [outputs, inputs, 1]));
        shapes.push((format!("{name}, 3x3"), [outputs, 1, SIDE]));
    }
    shapes
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn problem(&self, problem: impl Into<String>) -> WeightsError {
        WeightsError { offset: self.at, length: self.bytes.len(), problem: problem.into() }
    }

    fn header(&mut self, shapes: &[(String, Shape)]) -> Result<(), WeightsError> {
        let magic = self.take("the first bytes", MAGIC.len())?;
        if magic != MAGIC {
            return Err(self.problem(format!("it begins with `{}`", magic.escape_ascii())));
        }
        self.expect("the version", VERSION)?;
        self.expect("the number of convolutions", shapes.len() as u32)?;
        for (name, shape) in shapes {
            for (what, value) in ["outputs", "inputs", "side"].iter().zip(shape) {
                self.expect(&format!("{name}: {what}"), *value as u32)?;
            }
        }
        Ok(())
    }

    fn expect(&mut self, what: &str, expected: u32) -> Result<(), WeightsError> {
        let bytes = self.take(what, size_of::<u32>())?;
        let found = u32::from_le_bytes(bytes.try_into().expect("as many as were taken"));
        if found == expected { Ok(()) } else { Err(self.problem(format!("{what} is {found} and not {expected}"))) }
    }

    fn tensor(&mut self, name: &str, [outputs, inputs, side]: Shape) -> Result<Tensor, WeightsError> {
        let weights = self.floats(name, outputs * inputs * side * side)?;
        let biases = self.floats(name, outputs)?;
        Ok(Tensor { inputs, weights, biases })
    }

    fn floats(&mut self, name: &str, count: usize) -> Result<Vec<f32>, WeightsError> {
        let bytes = self.take(name, count * size_of::<f32>())?;
        let floats: Vec<f32> = bytes.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect();
        match floats.iter().find(|float| !float.is_finite()) {
            Some(float) => Err(self.problem(format!("{name}: a weight is {float}"))),
            None => Ok(floats),
        }
    }

    fn take(&mut self, name: &str, length: usize) -> Result<&'a [u8], WeightsError> {
        let end = self.at + length;
        let bytes = self.bytes.get(self.at..end);
        let bytes = bytes.ok_or_else(|| self.problem(format!("{name}: {length} bytes are needed")))?;
        self.at = end;
        Ok(bytes)
    }
}

/// A convolution as the file has it, with weights by output, input, row and column.
struct Tensor {
    inputs: usize,
    weights: Vec<f32>,
    biases: Vec<f32>,
}

impl Tensor {
    /// Returns the weights of sixteen outputs from `first` on, at `place` among the weights of each output.
    fn cell(&self, first: usize, place: usize) -> Cell {
        let each = self.weights.len() / self.biases.len();
        Cell(std::array::from_fn(|i| self.weights[(first + i) * each + place]))
    }

    fn bias(&self, first: usize) -> Cell {
        Cell(std::array::from_fn(|i| self.biases[first + i]))
    }
}

/// Packs the first convolution, with a strip for each row and colour, and the pixels of a row as the strip's taps.
fn stem(tensor: &Tensor) -> Mix {
    let strips = (0..SIDE).flat_map(|row| (0..COLOURS).map(move |colour| (colour * SIDE + row) * SIDE));
    let places = strips.flat_map(|place| place..place + SIDE);
    Mix {
        strips: SIDE * COLOURS,
        taps: SIDE,
        weights: places.map(|place| tensor.cell(0, place)).collect(),
        bias: tensor.bias(0),
        least: 0.0,
    }
}

fn layer(mix: &Tensor, depthwise: &Tensor, relu: bool) -> Layer {
    let firsts = (0..mix.biases.len()).step_by(Cell::CHANNELS);
    let blocks = firsts.map(|first| {
        let weights = std::array::from_fn(|place| depthwise.cell(first, place));
        let least = if relu { 0.0 } else { f32::NEG_INFINITY };
        let mix = Mix {
            strips: mix.inputs / Cell::CHANNELS,
            taps: Cell::CHANNELS,
            weights: (0..mix.inputs).map(|input| mix.cell(first, input)).collect(),
            bias: mix.bias(first),
            least: f32::NEG_INFINITY,
        };
        (mix, Depthwise { weights, bias: depthwise.bias(first), least })
    });
    Layer { blocks: blocks.collect() }
}
