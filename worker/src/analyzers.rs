//! The analyzers of one detector thread, one for each detector.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use facefleet_vision::{Analyzer, DetectorError, DetectorKind, Limits};

/// One analyzer for each detector that was used so far. A detector that nobody asks for takes no memory.
pub(crate) struct Analyzers {
    own: DetectorKind,
    limits: Limits,
    made: HashMap<DetectorKind, Analyzer>,
}

impl Analyzers {
    /// Makes the analyzer of the worker's `own` detector. The others are made when they are first asked for.
    ///
    /// # Errors
    /// The detector's model cannot be read.
    pub(crate) fn new(own: DetectorKind, limits: Limits) -> Result<Analyzers, DetectorError> {
        let mut analyzers = Analyzers { own, limits, made: HashMap::new() };
        analyzers.of(None)?;
        Ok(analyzers)
    }

    /// The analyzer of `detector`, or of the worker's own when that is None.
    ///
    /// # Errors
    /// The detector's model cannot be read.
    pub(crate) fn of(&mut self, detector: Option<DetectorKind>) -> Result<&mut Analyzer, DetectorError> {
        let kind = detector.unwrap_or(self.own);
        match self.made.entry(kind) {
            Entry::Occupied(made) => Ok(made.into_mut()),
            Entry::Vacant(place) => Ok(place.insert(Analyzer::new(kind, self.limits)?)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_made_when_it_is_first_asked_for_and_kept() {
        let mut analyzers = Analyzers::new(DetectorKind::Rustface, Limits::default()).unwrap();
        let made = |analyzers: &Analyzers| DetectorKind::ALL.iter().filter(|k| analyzers.made.contains_key(k)).count();
        assert!(made(&analyzers) == 1 && analyzers.made.contains_key(&DetectorKind::Rustface));
        for wanted in [None, Some(DetectorKind::Rustface), Some(DetectorKind::Seeta), Some(DetectorKind::Seeta)] {
            analyzers.of(wanted).unwrap();
        }
        assert!(made(&analyzers) == 2 && analyzers.made.contains_key(&DetectorKind::Seeta));
    }
}
