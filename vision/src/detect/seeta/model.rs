//! Reads the model file into the form that the engine works with.
//!
//! SeetaFace Detection publishes its classifiers as one little-endian file without a header: 32-bit integers and floats, in the
//! order in which [`Model::parse`] reads them. The file gives the length of each of its parts, so every number is checked before
//! it is used, and no memory is reserved that the remaining bytes could not fill.

use std::sync::{Arc, LazyLock};

use super::boosted::Boosted;
use super::mlp::Mlp;
use super::surf;
use crate::kernels::Dense;

/// The SeetaFace Detection model for frontal faces, as published with SeetaFace (BSD-2-Clause).
pub(crate) static FRONTAL: &[u8] = include_bytes!("../../../../assets/seeta_fd_frontal_v1.0.bin");

/// A funnel of classifiers: boosted cascades look at every window of a picture, and each later tier looks closer at the windows
/// that are left, and moves them. A model is parsed once and shared by all detectors.
#[derive(Debug)]
pub struct Model {
    pub(super) cascades: Vec<Boosted>,
    /// Tiers behind the first one, which is made of the cascades.
    pub(super) tiers: Vec<Vec<Branch>>,
}

/// One path through a tier: the windows of some lists of the tier before, and the networks that look at these windows in turn.
#[derive(Debug)]
pub(super) struct Branch {
    /// Indices into the lists that the tier before has left.
    pub(super) sources: Vec<usize>,
    pub(super) stages: Vec<Mlp>,
}

/// The error in a model file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a SeetaFace model: {problem}, at byte {offset} of {length}")]
pub struct ModelError {
    /// Place of the error, in bytes from the start of the file.
    pub offset: usize,
    /// Length of the file in bytes.
    pub length: usize,
    /// What was found there, and what should have been.
    pub problem: String,
}

/// Number of local binary codes. A weak classifier has one weight for each.
const CODES: i32 = 256;
/// Numbers that stand for kinds of classifiers in the file.
const BOOSTED: i32 = 0;
const SURF_MLP: i32 = 1;
/// Greatest count of parts that is accepted. No funnel has as many; the limit keeps a damaged count from running long.
const MOST_PARTS: i32 = 1024;
/// Greatest count of tiers, and of paths through a tier, that is accepted. The limit is lower because the two multiply.
const MOST_PATHS: i32 = 16;
/// Greatest count of values in a layer that is accepted. No layer of these networks has as many.
const MOST_VALUES: i32 = 1 << 16;

impl Model {
    /// Returns the model for frontal faces that is part of this library.
    ///
    /// # Errors
    /// [`ModelError`] when the library was built with a damaged one.
    pub fn frontal() -> Result<Arc<Model>, ModelError> {
        static MODEL: LazyLock<Result<Arc<Model>, ModelError>> = LazyLock::new(|| Model::parse(FRONTAL).map(Arc::new));
        MODEL.clone()
    }

    /// Reads a model file.
    ///
    /// # Errors
    /// [`ModelError`] for a file that is damaged, cut short, too long, or a funnel of another shape than SeetaFace's:
    /// boosted cascades first, networks after that.
    pub fn parse(bytes: &[u8]) -> Result<Model, ModelError> {
        let mut reader = Reader { bytes, at: 0 };
        let tiers = reader.count("tiers", MOST_PATHS)?;
        let mut model = Model { cascades: Vec::new(), tiers: Vec::new() };
        for tier in 0..tiers {
            let paths = reader.count("classifiers of a tier", MOST_PATHS)?;
            if tier == 0 {
                for _ in 0..paths {
                    model.cascades.push(reader.cascade()?);
                }
            } else {
                let lists = model.tiers.last().map_or(model.cascades.len(), Vec::len);
                let branches = (0..paths).map(|_| reader.branch(lists)).collect::<Result<_, _>>()?;
                model.tiers.push(branches);
            }
        }
        match bytes.len() - reader.at {
            0 => Ok(model),
            rest => Err(reader.problem(format!("{rest} bytes are left over"))),
        }
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn problem(&self, problem: impl Into<String>) -> ModelError {
        ModelError { offset: self.at, length: self.bytes.len(), problem: problem.into() }
    }

    fn word(&mut self) -> Result<[u8; 4], ModelError> {
        let word = self.bytes[self.at..].first_chunk().copied();
        let word = word.ok_or_else(|| self.problem("the file ends in the middle"))?;
        self.at += word.len();
        Ok(word)
    }

    fn integer(&mut self) -> Result<i32, ModelError> {
        self.word().map(i32::from_le_bytes)
    }

    fn float(&mut self) -> Result<f32, ModelError> {
        let value = f32::from_le_bytes(self.word()?);
        if value.is_finite() { Ok(value) } else { Err(self.problem(format!("{value} where a number belongs"))) }
    }

    /// Reads `count` floats, if the file is still long enough for them.
    fn floats(&mut self, count: usize) -> Result<Vec<f32>, ModelError> {
        if self.bytes.len() - self.at < count.saturating_mul(4) {
            return Err(self.problem(format!("the file ends before {count} numbers that belong here")));
        }
        (0..count).map(|_| self.float()).collect()
    }

    /// Reads a count, which must be from 1 to `most`.
    fn count(&mut self, what: &str, most: i32) -> Result<usize, ModelError> {
        let count = self.integer()?;
        match usize::try_from(count) {
            Ok(n) if (1..=most).contains(&count) => Ok(n),
            _ => Err(self.problem(format!("{count} {what}; 1 to {most} are possible"))),
        }
    }

    fn expect(&mut self, what: &str, want: i32) -> Result<(), ModelError> {
        match self.integer()? {
            found if found == want => Ok(()),
            found => Err(self.problem(format!("{what} is {found} and must be {want}"))),
        }
    }

    /// Reads a classifier of the first tier.
    fn cascade(&mut self) -> Result<Boosted, ModelError> {
        self.expect("the number of stages of a boosted cascade", 1)?;
        self.expect("the kind of a classifier in the first tier", BOOSTED)?;
        let count = self.count("weak classifiers", MOST_PARTS)?;
        if count % Boosted::GROUP != 0 {
            return Err(self.problem(format!("{count} weak classifiers do not make groups of {}", Boosted::GROUP)));
        }
        self.expect("the number of bins", CODES - 1)?;
        let mut places = Vec::new();
        for _ in 0..count {
            let (x, y) = (self.integer()?, self.integer()?);
            match (u8::try_from(x), u8::try_from(y)) {
                (Ok(x), Ok(y)) if x <= Boosted::LAST_PLACE && y <= Boosted::LAST_PLACE => places.push((x, y)),
                _ => return Err(self.problem(format!("a feature at ({x}, {y}) reaches out of its window"))),
            }
        }
        let thresholds = self.floats(count)?;
        let weights = self.floats(count * CODES as usize)?;
        if let Some(weight) = weights.iter().find(|weight| weight.abs() > Boosted::GREATEST) {
            return Err(self.problem(format!("a weight of {weight}; {} is the most", Boosted::GREATEST)));
        }
        // There is no tier before, so a cascade reads no lists; the published file says -1.
        match self.integer()? {
            ..=0 => {}
            lists => return Err(self.problem(format!("a classifier of the first tier reads {lists} lists"))),
        }
        // The file has a threshold for every weak classifier, but only the last one of a group is compared.
        let thresholds = thresholds.into_iter().skip(Boosted::GROUP - 1).step_by(Boosted::GROUP);
        Ok(Boosted::new(places, weights.as_chunks().0.to_vec(), thresholds.collect()))
    }

    /// Reads a path through a later tier. `lists` is the number of lists that the tier before has left.
    fn branch(&mut self, lists: usize) -> Result<Branch, ModelError> {
        let stages = self.count("stages", MOST_PATHS)?;
        let stages = (0..stages).map(|_| self.network()).collect::<Result<_, _>>()?;
        let count = self.count("lists to read", MOST_PATHS)?;
        let mut sources = Vec::new();
        for _ in 0..count {
            let source = self.integer()?;
            match usize::try_from(source) {
                Ok(index) if sources.contains(&index) => {
                    return Err(self.problem(format!("list {source} is read twice")));
                }
                Ok(index) if index < lists => sources.push(index),
                _ => return Err(self.problem(format!("list {source} of {lists} from the tier before"))),
            }
        }
        Ok(Branch { sources, stages })
    }

    fn network(&mut self) -> Result<Mlp, ModelError> {
        self.expect("the kind of a classifier in a later tier", SURF_MLP)?;
        let layers = self.count("layers", MOST_PARTS)?;
        if layers < 3 {
            return Err(self.problem(format!("{layers} layers; an input, a hidden one and an output are the least")));
        }
        let patches = surf::pool();
        let features = self.count("features", MOST_PARTS)?;
        let mut places = Vec::new();
        for _ in 0..features {
            // The file counts from one.
            let id = self.integer()?;
            let patch = usize::try_from(id).ok().and_then(|id| patches.get(id.checked_sub(1)?));
            places.push(*patch.ok_or_else(|| self.problem(format!("feature {id} of {}", patches.len())))?);
        }
        let threshold = self.float()?;
        let mut inputs = self.count("inputs", MOST_VALUES)?;
        if inputs != features * surf::DIMENSIONS {
            return Err(self.problem(format!("{inputs} inputs for {features} features")));
        }
        let mut read = Vec::new();
        for _ in 1..layers {
            let outputs = self.count("outputs", MOST_VALUES)?;
            let weights = self.floats(inputs.saturating_mul(outputs))?;
            let biases = self.floats(outputs)?;
            read.push(Dense::new(inputs, &weights, &biases));
            inputs = outputs;
        }
        if inputs != Mlp::OUTPUTS {
            return Err(self.problem(format!("{inputs} outputs; {} are a score and a box", Mlp::OUTPUTS)));
        }
        Ok(Mlp::new(places, threshold, read))
    }
}
