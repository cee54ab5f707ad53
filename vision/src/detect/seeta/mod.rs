//! The detector SeetaFace, run by our own engine.
//!
//! The detector is described in S. Wu, M. Kan, Z. He, S. Shan, X. Chen, "Funnel-structured cascade for multi-view face detection
//! with alignment-awareness", Neurocomputing 221, 2017. A picture is brought to many sizes (`pyramid`). At each size, boosted
//! cascades look at every window (`scan`), and windows that overlap are merged (`nms`). Networks look at what is left, tier by
//! tier, and move each window to its face (`refine`).
//!
//! Every step rounds as the published detector does, so that the faces are the same, to the last bit of their scores.

mod boosted;
mod mlp;
mod model;
mod nms;
mod pyramid;
mod refine;
mod scan;
mod settings;
mod surf;

use std::sync::Arc;

pub(super) use model::FRONTAL;
pub use model::{Model, ModelError};
pub use settings::{BadSetting, Settings};

use super::{DetectorKind, FaceDetector, PictureView, Wanted};
use crate::geometry::Face;
use crate::kernels::Kernels;
use nms::Candidate;
use pyramid::Resizer;
use refine::Refiner;
use scan::{CodeMap, Scanner};

/// Lowest score of a face by default: finds that score less are mostly not faces. A score is the sum of the last network's
/// confidence, 0 to 1, over all the windows that were merged.
const MIN_SCORE: f32 = 2.0;

/// Intersection over union above which windows are merged before the last tier.
const SAME_WINDOW: f32 = 0.8;

/// A SeetaFace detector. The model is shared, and the detector can be sent to another thread.
#[derive(Debug)]
pub struct Seeta {
    model: Arc<Model>,
    settings: Settings,
    kernels: &'static Kernels,
    resizer: Resizer,
    level: Vec<u8>,
    map: CodeMap,
    scanner: Scanner,
    /// Windows that each classifier of a tier has found.
    lists: Vec<Vec<Candidate>>,
    refiner: Refiner,
}

impl Seeta {
    /// Makes a detector with the model for frontal faces, the published settings and the fastest kernels.
    ///
    /// # Errors
    /// Those of [`Model::frontal`].
    pub fn frontal() -> Result<Seeta, ModelError> {
        let detector = Seeta::new(Model::frontal()?, Settings::default(), Kernels::best());
        Ok(detector.expect("the default settings are good"))
    }

    /// Makes a detector with the caller's choice of model, settings and kernels.
    ///
    /// # Errors
    /// [`BadSetting`] when nothing can be searched so.
    pub fn new(model: Arc<Model>, settings: Settings, kernels: &'static Kernels) -> Result<Seeta, BadSetting> {
        settings.check()?;
        Ok(Seeta {
            model,
            settings,
            kernels,
            resizer: Resizer::default(),
            level: Vec::new(),
            map: CodeMap::default(),
            scanner: Scanner::default(),
            lists: Vec::new(),
            refiner: Refiner::new(),
        })
    }

    /// Runs the first tier, and leaves in `lists` what each cascade has found.
    fn propose(&mut self, picture: PictureView<'_>, settings: &Settings) {
        let model = Arc::clone(&self.model);
        nms::grow(&mut self.lists, model.cascades.len());
        self.lists.iter_mut().for_each(Vec::clear);
        let size = picture.size();
        let (right, down) = settings.window_step;
        for level in pyramid::levels(size, settings) {
            let from = (size.width as usize, size.height as usize);
            let pixels = if from == (level.width, level.height) {
                picture.luma()
            } else {
                self.level.resize(level.width * level.height, 0);
                self.resizer.prepare(from, (level.width, level.height));
                let rows = |_, y| [&picture.luma()[y * from.0..], &picture.luma()[(y + 1) * from.0..]];
                self.resizer.fill(self.kernels, rows, &mut self.level);
                &self.level
            };
            self.map.fill(self.kernels, pixels, level, (right as usize, down as usize));
            for (cascade, found) in model.cascades.iter().zip(&mut self.lists) {
                let picture = (pixels, level, &self.map);
                self.scanner.scan(self.kernels, cascade, picture, found);
            }
        }
        for list in &mut self.lists {
            nms::merge(list, SAME_WINDOW);
        }
    }
}

impl FaceDetector for Seeta {
    fn name(&self) -> &'static str {
        DetectorKind::Seeta.name()
    }

    fn detect(&mut self, picture: PictureView<'_>, wanted: Wanted, faces: &mut Vec<Face>) {
        faces.clear();
        let mut settings = self.settings;
        if let Some(side) = wanted.min_face {
            settings.min_face = side.max(Settings::LEAST_FACE);
        }
        self.propose(picture, &settings);
        let model = Arc::clone(&self.model);
        for (tier, branches) in model.tiers.iter().enumerate() {
            let is_last = tier + 1 == model.tiers.len();
            self.refiner.refine(self.kernels, branches, is_last, picture, &mut self.lists);
        }
        let least = f64::from(wanted.min_score.unwrap_or(MIN_SCORE));
        // A window can shrink on the way to its face.
        let is_too_small = |side: u32| wanted.min_face.is_some_and(|smallest| (side as f32) < smallest);
        let found = self.lists.first().into_iter().flatten();
        let found = found.filter(|found| found.score >= least && !is_too_small(found.side));
        faces.extend(found.map(|&Candidate { x, y, side, score, .. }| Face {
            x: x as f32,
            y: y as f32,
            width: side as f32,
            height: side as f32,
            score: score as f32,
            landmarks: None,
        }));
        faces.sort_unstable_by(|a, b| b.score.total_cmp(&a.score).then(a.y.total_cmp(&b.y)).then(a.x.total_cmp(&b.x)));
    }
}
