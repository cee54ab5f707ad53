//! What can be chosen about the search.

use std::ops::RangeInclusive;

/// How a picture is searched. The default is what the detector was published with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// Pixels from a window to the next, to the right and down, in each picture of the pyramid.
    pub window_step: (u32, u32),
    /// Side of each picture of the pyramid as a share of the one before.
    pub pyramid_factor: f32,
    /// Smallest side of a face in pixels. Less than 40, the side of the classifiers' window, has the picture enlarged.
    pub min_face: f32,
    /// Largest side of a face in pixels; `None` for any that fits into the picture.
    pub max_face: Option<f32>,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings { window_step: (4, 4), pyramid_factor: 0.8, min_face: 40.0, max_face: None }
    }
}

/// A setting that nothing can be searched with.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("{name} is {value}; it must be {least} to {most}")]
pub struct BadSetting {
    /// The field.
    pub name: &'static str,
    /// What it was set to.
    pub value: f64,
    /// What it can be.
    pub least: f64,
    /// What it can be.
    pub most: f64,
}

impl Settings {
    /// The factors that the published detector takes.
    const FACTORS: RangeInclusive<f32> = 0.01..=0.99;
    /// Below this a picture is enlarged so much that the classifiers see only blur.
    pub(super) const LEAST_FACE: f32 = 20.0;
    const FACES: RangeInclusive<f32> = Settings::LEAST_FACE..=65_535.0;
    /// A step of more than a window leaves parts of the picture out.
    const STEPS: RangeInclusive<u32> = 1..=40;

    pub(super) fn check(&self) -> Result<(), BadSetting> {
        let Settings { window_step: (right, down), pyramid_factor, min_face, max_face } = *self;
        let bad = |name, value: f64, (least, most): (f64, f64)| Err(BadSetting { name, value, least, most });
        let ends = |range: RangeInclusive<f32>| (f64::from(*range.start()), f64::from(*range.end()));
        if !Settings::STEPS.contains(&right) || !Settings::STEPS.contains(&down) {
            let wrong = if Settings::STEPS.contains(&right) { down } else { right };
            return bad(
                "window_step",
                wrong.into(),
                (f64::from(*Settings::STEPS.start()), f64::from(*Settings::STEPS.end())),
            );
        }
        if !Settings::FACTORS.contains(&pyramid_factor) {
            return bad("pyramid_factor", pyramid_factor.into(), ends(Settings::FACTORS));
        }
        if !Settings::FACES.contains(&min_face) {
            return bad("min_face", min_face.into(), ends(Settings::FACES));
        }
        match max_face {
            Some(side) if !Settings::FACES.contains(&side) => bad("max_face", side.into(), ends(Settings::FACES)),
            _ => Ok(()),
        }
    }
}
