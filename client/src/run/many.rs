//! Many inputs, some of them at a time. Each has outputs of its own, which are there when they are whole.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::sync::Arc;

use facefleet_service::address::HostPorts;
use facefleet_service::{clock, grpc};
use facefleet_stream::ledger::Counts;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::cli::RunArgs;
use crate::metrics::{self, Seen};
use crate::report::{self, Annotate, Json, Outputs, PreparedReport, Progress, Results, Summary};
use crate::run::RunError;
use crate::run::cluster::{self, Cluster};
use crate::run::plan::{self, Files, PictureFile, VideoFile};
use crate::run::stream::{Stream, Unfinished};
use crate::source::{Input, Media, PictureInput, source_name};

/// Runs over all `files`.
pub(super) async fn run(args: RunArgs, files: Files, stop: CancellationToken) -> Result<(), RunError> {
    let Files { videos, pictures, done_before, notes } = files;
    let count = videos.len() + pictures.len();
    let terminal = io::stdout().is_terminal() && io::stderr().is_terminal();
    let streams = videos.len() + usize::from(!pictures.is_empty());
    let started = clock::now();
    let mut progress = Progress::start_files(streams.max(1), count, terminal, started);
    let bar = progress[0].clone();
    notes.into_iter().for_each(|note| bar.warn(note));
    if done_before > 0 {
        bar.say(&format!("{done_before} files are done already"));
    }
    args.summary.iter().try_for_each(|path| report::create(path))?;
    if count == 0 {
        args.summary.iter().try_for_each(|path| Summary::default().write(path))?;
        return Ok(());
    }
    let http = cluster::bind(&args).await?;
    let Some(cluster) = stop.run_until_cancelled(Cluster::find(&args, args.jobs.get())).await else {
        return Err(RunError::InterruptedMany { done: 0, total: count });
    };
    let cluster = cluster?;
    let seen = Seen::by(streams.max(1));
    let told = bar.clone();
    let _site = http.map(|listener| cluster::serve_metrics(listener, metrics::of(&seen[0], move || told.counts())));

    let at_a_time = Arc::new(Semaphore::new(args.jobs.get().into()));
    let mut running = JoinSet::new();
    let jobs = videos.into_iter().map(Job::Video);
    let jobs = (!pictures.is_empty()).then_some(Job::Pictures(pictures)).into_iter().chain(jobs);
    for ((number, job), seen) in jobs.enumerate().zip(seen) {
        let shared = Shared {
            args: args.clone(),
            progress: progress.remove(0),
            masters: cluster.masters.clone(),
            seen,
            stop: stop.clone(),
        };
        let at_a_time = at_a_time.clone();
        running.spawn(async move {
            let _place = at_a_time.acquire().await.expect("the semaphore is never closed");
            (number, shared.run(job).await)
        });
    }
    let mut summary = Summary { streams: vec![Counts::default(); streams], ..Summary::default() };
    while let Some(joined) = running.join_next().await {
        let (stream, counts) = joined.expect("a stream does not panic");
        summary.streams[stream] = counts;
    }
    bar.finish();
    summary.warnings = bar.warnings();
    summary.files = bar.files();
    summary.wrote = args.out_dir.clone().into_iter().collect();
    summary.took = clock::now().saturating_duration_since(started);
    let summary_written = args.summary.as_ref().map_or(Ok(()), |path| summary.write(path));
    // An error here means that nobody reads the output, and the run is over and its files are written.
    let _ = write!(io::stdout(), "{summary}");
    summary_written?;
    let Results { total, done, failed: _ } = summary.files.unwrap_or_default();
    match total - done.min(total) {
        _ if stop.is_cancelled() => Err(RunError::InterruptedMany { done, total }),
        0 => Ok(()),
        failed => Err(RunError::SomeFailed { failed, total }),
    }
}

/// What is worked on in one stream. All pictures share one, because a stream for each would cost more than the picture.
enum Job {
    Video(VideoFile),
    Pictures(Vec<PictureFile>),
}

struct Shared {
    args: RunArgs,
    progress: Progress,
    masters: HostPorts,
    seen: Seen,
    stop: CancellationToken,
}

impl Shared {
    /// Works on one job, tells the progress what became of its files, and returns what the ledger says.
    async fn run(self, job: Job) -> Counts {
        if self.stop.is_cancelled() {
            return Counts::default();
        }
        let (progress, stop) = (self.progress.clone(), self.stop.clone());
        let name = match &job {
            Job::Video(video) => Some(video.input.shown()),
            // The pictures tell of themselves.
            Job::Pictures(_) => None,
        };
        let (counts, result) = match stop.run_until_cancelled(self.prepare(job)).await {
            Some(Ok(stream)) => stream.run().await,
            Some(Err(error)) => (Counts::default(), Err(error)),
            None => return Counts::default(),
        };
        match (name, result) {
            // The file is neither done nor failed.
            (_, _) if stop.is_cancelled() => {}
            (Some(name), result) => progress.file_ended(name, result.map(drop).map_err(|error| reason(&error))),
            // Each picture has told of itself.
            (None, Ok(_) | Err(RunError::NoneOk { .. } | RunError::AllDropped { .. })) => {}
            (None, Err(error)) => progress.file_ended("the pictures".into(), Err(reason(&error))),
        }
        counts
    }

    async fn prepare(self, job: Job) -> Result<Stream, RunError> {
        let Shared { args, progress, masters, seen, stop } = self;
        let (input, media, json, annotate) = match job {
            Job::Video(VideoFile { input, outputs }) => {
                plan::make_room([&outputs])?;
                let name = input.name.clone();
                let media = Media::of(Input::Video(input)).await?;
                (name, media, outputs.json.map(Json::WhenWhole), outputs.annotated.map(Annotate::To))
            }
            Job::Pictures(files) => {
                plan::make_room(files.iter().map(|file| &file.outputs))?;
                let all_of = |path: fn(&PictureFile) -> Option<PathBuf>| -> Option<BTreeMap<PathBuf, PathBuf>> {
                    files.iter().map(|file| Some((file.path.clone(), path(file)?))).collect()
                };
                let json = all_of(|file| file.outputs.json.clone()).map(Json::EachPicture);
                let annotate = all_of(|file| file.outputs.annotated.clone()).map(Annotate::EachPicture);
                let paths = files.into_iter().map(|file| file.path).collect();
                let pictures = PictureInput { paths, folder: None, notes: Vec::new() };
                ("pictures".to_owned(), Media::Pictures(pictures), json, annotate)
            }
        };
        let id = source_name(&input);
        let outputs = Outputs { media: media.clone(), stream: id.clone(), json, annotate, progress: progress.clone() };
        let report = PreparedReport::of(&outputs).await?;
        let unfinished = Unfinished::Dropped;
        Ok(Stream { args, input, id, media, masters, report, progress, seen, stop, unfinished })
    }
}

/// Returns an error with its causes, in one line.
fn reason(error: &RunError) -> String {
    grpc::explain(error as &(dyn Error + 'static))
}
