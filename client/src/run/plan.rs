//! The inputs of a run over many files, and the outputs of each.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::cli::{OutputKind, RunArgs};
use crate::report::{ReportError, picture_names};
use crate::run::RunError;
use crate::source::{Input, InputError, PictureInput, VideoInput, VideoKind, folder, source_name};

/// The files of a run over many.
#[derive(Debug, Default)]
pub(super) struct Files {
    pub(super) videos: Vec<VideoFile>,
    pub(super) pictures: Vec<PictureFile>,
    /// How many files are left out because their outputs are there.
    pub(super) done_before: usize,
    /// Lines for people: what is left out of a folder.
    pub(super) notes: Vec<String>,
}

/// A video and its outputs.
#[derive(Debug)]
pub(super) struct VideoFile {
    pub(super) input: VideoInput,
    pub(super) outputs: FileOutputs,
}

/// A picture and its outputs.
#[derive(Debug)]
pub(super) struct PictureFile {
    pub(super) path: PathBuf,
    pub(super) outputs: FileOutputs,
}

/// The outputs of one file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct FileOutputs {
    pub(super) json: Option<PathBuf>,
    pub(super) annotated: Option<PathBuf>,
}

impl FileOutputs {
    fn paths(&self) -> impl Iterator<Item = &PathBuf> {
        self.json.iter().chain(&self.annotated)
    }
}

/// Returns the files of a run over many; None if there is one input. A folder with videos is many, unless outputs for its pictures
/// are named.
///
/// # Errors
/// Fails if an input cannot be read, or if an output is not to be written.
pub(super) fn files_of(args: &RunArgs) -> Result<Option<Files>, RunError> {
    let is_one = args.inputs.len() == 1 && args.out_dir.is_none();
    // What is asked of one stream is asked of the pictures alone.
    let has_outputs = args.json.is_some() || args.annotate.is_some() || args.clients > 1;
    if is_one && (has_outputs || !holds_videos(Path::new(args.input()), args.recursive)) {
        return Ok(None);
    }
    let mut plan = Plan { args, files: Files::default(), written_from: BTreeMap::new(), inputs: BTreeSet::new() };
    for input in &args.inputs {
        plan.add(input)?;
    }
    plan.check_inputs()?;
    Ok(Some(plan.files))
}

fn holds_videos(path: &Path, recursive: bool) -> bool {
    path.is_dir() && folder::search(path, recursive).is_ok_and(|found| !found.videos.is_empty())
}

struct Plan<'a> {
    args: &'a RunArgs,
    files: Files,
    /// The input of each output.
    written_from: BTreeMap<PathBuf, String>,
    /// The inputs by their real path, each of which is worked on once.
    inputs: BTreeSet<PathBuf>,
}

impl Plan<'_> {
    fn add(&mut self, input: &str) -> Result<(), RunError> {
        let path = Path::new(input);
        if let Some(out) = self.args.out_dir.as_ref().filter(|_| self.is_output(path)) {
            return Err(RunError::Report(ReportError::HoldsInput { path: out.clone(), input: path.to_owned() }));
        }
        if path.is_dir() {
            let unreadable = |source| InputError::Unreadable { path: path.to_owned(), source };
            let found = folder::search(path, self.args.recursive).map_err(unreadable)?;
            if found.pictures.is_empty() && found.videos.is_empty() {
                let notes = found.notes.iter().map(|note| format!("; {note}")).collect();
                return Err(InputError::NoPictures { path: path.to_owned(), notes }.into());
            }
            self.files.notes.extend(found.notes);
            let names = picture_names(Path::new(""), path, &found.pictures);
            for file in found.pictures {
                self.picture(&file, file.strip_prefix(path).unwrap_or(&file), names[&file].clone())?;
            }
            for file in found.videos {
                let input = VideoInput { name: file.display().to_string(), kind: VideoKind::File };
                self.video(input, file.strip_prefix(path).unwrap_or(&file))?;
            }
            return Ok(());
        }
        match Input::new(input, false)? {
            Input::Pictures(PictureInput { paths, notes, folder: _ }) => {
                self.files.notes.extend(notes);
                for file in paths {
                    let folder = file.parent().unwrap_or(&file).to_owned();
                    let mut names = picture_names(Path::new(""), &folder, std::slice::from_ref(&file));
                    let name = file.file_name().unwrap_or_default();
                    self.picture(&file, Path::new(name), names.remove(&file).unwrap_or_else(|| name.into()))?;
                }
                Ok(())
            }
            Input::Video(video) => match video.kind {
                VideoKind::File if !video.name.contains("://") => {
                    let name = Path::new(&video.name).file_name().unwrap_or_default().to_owned();
                    self.video(video, Path::new(&name))
                }
                VideoKind::File | VideoKind::Url => {
                    let shown = video.shown();
                    let path = shown.split_once("://").and_then(|(_, rest)| rest.split_once('/'));
                    let name = path.and_then(|(_, path)| path.rsplit('/').next());
                    let name = name.filter(|name| !["", ".", ".."].contains(name));
                    let name = name.map_or_else(|| source_name(input), str::to_owned);
                    self.video(video, Path::new(&name))
                }
                VideoKind::Pipe | VideoKind::Stream | VideoKind::Device => {
                    Err(RunError::EndlessAmongMany { input: video.shown() })
                }
            },
        }
    }

    /// Returns whether a file was found in the folder of the outputs, which may be inside an input.
    fn is_output(&self, file: &Path) -> bool {
        let real = |path: &Path| path.canonicalize().ok();
        self.args
            .out_dir
            .as_deref()
            .and_then(real)
            .is_some_and(|out| real(file).is_some_and(|file| file.starts_with(out)))
    }

    fn video(&mut self, input: VideoInput, name: &Path) -> Result<(), RunError> {
        if self.is_output(Path::new(&input.name)) || !self.is_new(&input.name) {
            return Ok(());
        }
        let mut annotated = name.to_owned();
        // Moving pictures may have the ending of a format that holds one.
        let ending = name.extension().map(|ending| ending.to_string_lossy().to_ascii_lowercase());
        if ending.is_none_or(|ending| ["png", "jpg", "jpeg", "webp"].contains(&ending.as_str())) {
            annotated.as_mut_os_string().push(".mp4");
        }
        let outputs = self.outputs(&input.shown(), name, annotated)?;
        match outputs {
            Some(outputs) => self.files.videos.push(VideoFile { input, outputs }),
            None => self.files.done_before += 1,
        }
        Ok(())
    }

    fn picture(&mut self, path: &Path, name: &Path, annotated: PathBuf) -> Result<(), RunError> {
        if self.is_output(path) || !self.is_new(&path.display().to_string()) {
            return Ok(());
        }
        match self.outputs(&path.display().to_string(), name, annotated)? {
            Some(outputs) => self.files.pictures.push(PictureFile { path: path.to_owned(), outputs }),
            None => self.files.done_before += 1,
        }
        Ok(())
    }

    /// Returns whether an input is met for the first time.
    fn is_new(&mut self, input: &str) -> bool {
        let path = Path::new(input);
        self.inputs.insert(path.canonicalize().unwrap_or_else(|_| path.to_owned()))
    }

    /// Returns the outputs of an input; None if they are there and to be kept.
    fn outputs(&mut self, input: &str, name: &Path, annotated: PathBuf) -> Result<Option<FileOutputs>, RunError> {
        let Some(out) = &self.args.out_dir else { return Ok(Some(FileOutputs::default())) };
        let mut json = name.to_owned();
        json.as_mut_os_string().push(".jsonl");
        let wanted = |kind: OutputKind, file: PathBuf| self.args.outputs.contains(&kind).then(|| out.join(file));
        let outputs =
            FileOutputs { json: wanted(OutputKind::Json, json), annotated: wanted(OutputKind::Annotated, annotated) };
        for path in outputs.paths() {
            if let Some(other) = self.written_from.insert(path.clone(), input.to_owned()) {
                return Err(RunError::SameOutput { path: path.clone(), one: other, other: input.to_owned() });
            }
        }
        if self.args.skip_done && outputs.paths().all(|path| path.is_file()) {
            return Ok(None);
        }
        let existing = outputs.paths().find(|path| path.exists()).cloned();
        match existing.filter(|_| !self.args.overwrite && !self.args.skip_done) {
            Some(path) => Err(RunError::Exists { path }),
            None => Ok(Some(outputs)),
        }
    }

    /// Checks that no output takes the place of an input.
    fn check_inputs(&self) -> Result<(), RunError> {
        let is_input = |path: &Path| path.canonicalize().is_ok_and(|path| self.inputs.contains(&path));
        match self.written_from.keys().chain(&self.args.summary).find(|path| is_input(path)) {
            Some(path) => Err(RunError::Report(ReportError::IsInput { path: path.clone() })),
            None => Ok(()),
        }
    }
}

/// Creates the folders of all outputs, each once; they may be below the one that was named.
pub(super) fn make_room<'a>(outputs: impl IntoIterator<Item = &'a FileOutputs>) -> Result<(), RunError> {
    let paths = outputs.into_iter().flat_map(FileOutputs::paths);
    let folders: BTreeSet<&Path> = paths.filter_map(|path| path.parent()).collect();
    folders.into_iter().try_for_each(|folder| {
        fs::create_dir_all(folder)
            .map_err(|source| RunError::Report(ReportError::Write { path: folder.to_owned(), source }))
    })
}
