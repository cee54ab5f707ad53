//! Keeps the result of a self-test from one start to the next, in a small text file in the cache folder. A file that cannot be
//! read, written or understood costs a line in the log, and the worker measures again.

use std::env;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::process;
use std::time::UNIX_EPOCH;

use facefleet_vision::{DetectorKind, Kernels};
use sysinfo::{CpuRefreshKind, RefreshKind, System};

/// The kept result for one detector and number of threads. It is valid as long as program and processor are the same.
#[derive(Debug)]
pub(super) struct Cache {
    file: PathBuf,
    /// Everything that the result depends on, as the first line of the file has it. The second line is the result.
    key: String,
}

impl Cache {
    /// The cache file in `folder`, which need not exist.
    pub(super) fn new(folder: &Path, detector: DetectorKind, threads: usize) -> Cache {
        let file = folder.join(format!("self-test-{detector}-{threads}.txt"));
        Cache { file, key: format!("{} {} {detector} {threads} threads", program(), processor()) }
    }

    /// The kept result in frames a second. None where there is none, or where it is that of another program or processor.
    pub(super) fn read(&self) -> Option<f32> {
        match self.try_read() {
            Ok(result) => result,
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => {
                tracing::info!("measuring anew, for {} cannot be used: {error}", self.file.display());
                None
            }
        }
    }

    /// Reads the file; see [`Cache::read`].
    fn try_read(&self) -> io::Result<Option<f32>> {
        let text = fs::read_to_string(&self.file)?;
        let broken = || io::Error::new(ErrorKind::InvalidData, "it is not as this program wrote it");
        let (key, result) = text.split_once('\n').ok_or_else(broken)?;
        if key != self.key {
            return Ok(None);
        }
        let frames_per_s = result.trim_end().parse::<f32>().ok().filter(|fps| fps.is_normal() && *fps > 0.0);
        frames_per_s.map(Some).ok_or_else(broken)
    }

    /// Keeps a result, if the folder can be written to.
    pub(super) fn write(&self, frames_per_s: f32) {
        if let Err(error) = self.try_write(frames_per_s) {
            tracing::info!(
                "the next start measures anew, for the result cannot be kept in {}: {error}",
                self.file.display()
            );
        }
    }

    /// Writes the file aside and moves it into place, because several workers of one machine may do so at once.
    fn try_write(&self, frames_per_s: f32) -> io::Result<()> {
        if let Some(folder) = self.file.parent() {
            fs::create_dir_all(folder)?;
        }
        let whole = self.file.with_extension(process::id().to_string());
        fs::write(&whole, format!("{}\n{frames_per_s}\n", self.key))?;
        fs::rename(&whole, &self.file)
    }
}

/// Version, size and time of this program's file, because two builds of one version may differ in speed.
fn program() -> String {
    let file = env::current_exe().and_then(fs::metadata);
    let size = file.as_ref().map_or(0, fs::Metadata::len);
    let changed = file.and_then(|file| file.modified()).ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    format!("{}-{size}-{}", env!("CARGO_PKG_VERSION"), changed.map_or(0, |since| since.as_secs()))
}

/// The processor's model, the number of its cores, and the vector instructions that our kernels use.
fn processor() -> String {
    let system = System::new_with_specifics(RefreshKind::nothing().with_cpu(CpuRefreshKind::nothing()));
    let model = system.ok().and_then(|system| {
        let cpus = system.cpus();
        Some(format!("{} x {}", cpus.len(), cpus.first()?.brand().trim()))
    });
    format!("{}, {}", model.unwrap_or_default(), Kernels::best().name()).replace(char::is_control, " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cache(folder: &Path, threads: usize) -> Cache {
        Cache::new(folder, DetectorKind::default(), threads)
    }

    #[test]
    fn a_result_is_for_one_program_on_one_processor() {
        let folder = tempfile::tempdir().unwrap();
        let nested = folder.path().join("made/when/needed");
        let kept = cache(&nested, 4);
        assert_eq!(kept.read(), None);
        kept.write(31.25);
        kept.write(32.5);
        assert_eq!(cache(&nested, 4).read(), Some(32.5));
        assert_eq!(cache(&nested, 2).read(), None);
        let after_an_update = Cache { key: format!("{}+", kept.key), ..kept };
        assert_eq!(after_an_update.read(), None);
        assert_eq!(fs::read_dir(&nested).unwrap().count(), 1, "nothing is left behind");
    }

    #[test]
    fn what_is_not_a_result_is_none_and_no_error() {
        let folder = tempfile::tempdir().unwrap();
        let cache = cache(folder.path(), 1);
        for result in ["", "fast", "NaN", "inf", "-3", "0"] {
            fs::write(&cache.file, format!("{}\n{result}\n", cache.key)).unwrap();
            assert_eq!(cache.read(), None, "{result:?}");
        }
        fs::write(&cache.file, [0xff; 64]).unwrap();
        assert_eq!(cache.read(), None);
    }

    #[test]
    fn a_folder_that_cannot_be_is_no_error() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let cache = cache(&file.path().join("in-a-file"), 1);
        cache.write(10.0);
        assert_eq!(cache.read(), None);
    }
}
