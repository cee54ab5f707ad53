//! The settings of a search.

use std::ops::RangeInclusive;

/// The settings of a search through a picture. The default is what the detector was published with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// Distance from a window to the next in pixels, right and down, in each picture of the pyramid.
    pub window_step: (u32, u32),
    /// Side of each picture of the pyramid as a share of the side of the picture before.
    pub pyramid_factor: f32,
    /// Smallest side of a face in pixels. With less than 40, the side of the classifiers' window, the picture is enlarged.
    pub min_face: f32,
    /// Largest side of a face in pixels; `None` for any that fits into the picture.
    pub max_face: Option<f32>,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings { window_step: (4, 4), pyramid_factor: 0.8, min_face: 40.0, max_face: None }
    }
}

/// The error of a setting that no search can use.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("{name} is {value}; it must be {least} to {most}")]
pub struct BadSetting {
    /// Name of the field.
    pub name: &'static str,
    /// Value of the field.
    pub value: f32,
    /// Least value that is allowed.
    pub least: f32,
    /// Greatest value that is allowed.
    pub most: f32,
}

impl Settings {
    /// Pyramid factors that the published detector takes.
    const FACTORS: RangeInclusive<f32> = 0.01..=0.99;
    /// Least allowed smallest side of a face. Below this, a picture is enlarged so much that the classifiers see only blur.
    pub(super) const LEAST_FACE: f32 = 20.0;
    const FACES: RangeInclusive<f32> = Settings::LEAST_FACE..=65_535.0;
    /// Window steps that are allowed. A step of more than a window would leave out parts of the picture.
    const STEPS: RangeInclusive<f32> = 1.0..=40.0;

    pub(super) fn check(&self) -> Result<(), BadSetting> {
        let Settings { window_step: (right, down), pyramid_factor, min_face, max_face } = *self;
        let check = |name, value: f32, range: RangeInclusive<f32>| match range.contains(&value) {
            true => Ok(()),
            false => Err(BadSetting { name, value, least: *range.start(), most: *range.end() }),
        };
        check("window_step", right as f32, Settings::STEPS)?;
        check("window_step", down as f32, Settings::STEPS)?;
        check("pyramid_factor", pyramid_factor, Settings::FACTORS)?;
        check("min_face", min_face, Settings::FACES)?;
        check("max_face", max_face.unwrap_or(min_face), Settings::FACES)
    }
}
