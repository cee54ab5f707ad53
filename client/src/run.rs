//! `facefleet-client run`.

use std::io::{self, IsTerminal};
use std::path::PathBuf;

use facefleet_proto::{AnalyzeOpen, RouteQuery};
use facefleet_service::address::HostPort;
use facefleet_service::{clock, shutdown};
use tokio_util::sync::CancellationToken;

use crate::cli::RunArgs;
use crate::ffmpeg::FfmpegError;
use crate::ledger::Ledger;
use crate::local::{Local, LocalError};
use crate::report::{Outputs, Progress, Report, ReportError, Summary};
use crate::source::{Input, InputError, Probe, Source};
use crate::stream::{self, StreamSpec};

/// Why a run failed.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// INPUT.
    #[error(transparent)]
    Input(#[from] InputError),
    /// ffmpeg, or what it was given.
    #[error(transparent)]
    Ffmpeg(#[from] FfmpegError),
    /// What was to be written.
    #[error(transparent)]
    Report(#[from] ReportError),
    /// The cluster inside this process.
    #[error(transparent)]
    Local(#[from] LocalError),
    /// The operating system refuses a signal handler.
    #[error("cannot listen for Ctrl-C")]
    Signal(#[source] io::Error),
    /// A mistake of ours: frames were lost, or counted twice.
    #[error("the ledger does not balance: {sent} frames were sent, and the end of {ended} is known")]
    Unbalanced {
        /// Frames sent.
        sent: u64,
        /// Frames whose end is known.
        ended: u64,
    },
}

/// Runs all streams to their end, or to Ctrl-C.
///
/// # Errors
/// The first thing that went wrong; what could be finished is finished all the same.
pub(crate) async fn run(args: RunArgs) -> Result<(), RunError> {
    let stop = shutdown::on_signal().map_err(RunError::Signal)?;
    let input = Input::new(&args.input)?;
    let probe = match &input {
        Input::Video(video) => {
            let video = video.clone();
            tokio::task::spawn_blocking(move || Probe::of(&video)).await.expect("probing does not panic")?
        }
        Input::Pictures(_) => Probe::default(),
    };
    let limit = args.limit.map(u64::from);
    let total = match &input {
        Input::Pictures(pictures) => Some(pictures.paths.len() as u64),
        Input::Video(_) => probe.frames,
    };
    let total = total.map(|total| limit.map_or(total, |limit| total.min(limit)) * u64::from(args.clients));

    // Opened before anything is started: a name that cannot be written to must not cost a run.
    let mut reports = Vec::new();
    for stream in 0..args.clients.into() {
        let json = args.output(args.json.as_ref(), stream);
        let annotate = args.output(args.annotate.as_ref(), stream);
        let outputs = Outputs { input: input.clone(), probe: probe.clone(), limit, json, annotate };
        reports.push((Report::start(&outputs)?, outputs));
    }
    let (_local, master) = match args.cluster() {
        Some(master) => (None, master.clone()),
        None => {
            let local = Local::start(args.workers, args.clients).await?;
            let master = local.master().clone();
            (Some(local), master)
        }
    };

    let started = clock::now();
    let json_to_stdout = args.json.as_ref().is_some_and(|path| path.as_os_str() == "-");
    let terminal = io::stdout().is_terminal() && io::stderr().is_terminal();
    let progress = Progress::start(args.clients.into(), total, terminal, started);
    let bar = progress[0].clone();
    let mut streams = tokio::task::JoinSet::new();
    let mut wrote: Vec<PathBuf> = Vec::new();
    for (stream, (progress, ((report, sender), outputs))) in progress.into_iter().zip(reports).enumerate() {
        wrote.extend(outputs.annotate.into_iter().chain(outputs.json).filter(|path| path.as_os_str() != "-"));
        let spec = spec(&args, &master, stream);
        let (input, stop) = (input.clone(), stop.clone());
        streams.spawn(async move { (stream, one_stream(spec, &input, limit, report, sender, progress, stop).await) });
    }
    let mut ledgers = vec![Ledger::default(); args.clients.into()];
    let mut first_error = None;
    while let Some(joined) = streams.join_next().await {
        let (stream, (ledger, result)) = joined.expect("a stream does not panic");
        ledgers[stream] = ledger;
        if let Err(error) = result {
            first_error.get_or_insert(error);
        }
    }
    bar.finish();
    let summary = Summary { ledgers, took: clock::now().saturating_duration_since(started), wrote };
    if json_to_stdout {
        eprint!("{summary}");
    } else {
        print!("{summary}");
    }
    first_error.map_or(Ok(()), Err)
}

fn spec(args: &RunArgs, master: &HostPort, stream: usize) -> StreamSpec {
    let stream_id = format!("{} #{}", args.input, stream + 1);
    // A long path says the least at its start.
    let stream_id: String = stream_id.chars().filter(|c| !c.is_control()).rev().take(30).collect();
    let stream_id: String = stream_id.chars().rev().collect();
    StreamSpec {
        master: master.clone(),
        query: RouteQuery {
            wanted: args.workers.map_or(usize::MAX, usize::from),
            stream_id: stream_id.clone(),
            ..RouteQuery::default()
        },
        open: AnalyzeOpen { min_score: args.min_score, stream_id, ..AnalyzeOpen::default() },
    }
}

async fn one_stream(
    spec: StreamSpec,
    input: &Input,
    limit: Option<u64>,
    report: Report,
    sender: tokio::sync::mpsc::Sender<crate::frame::Finished>,
    progress: Progress,
    stop: CancellationToken,
) -> (Ledger, Result<(), RunError>) {
    let source = match Source::open(input, limit) {
        Ok(source) => source,
        Err(error) => return (Ledger::default(), Err(error.into())),
    };
    let (ledger, source_error) = stream::run(spec, source, sender, progress, stop).await;
    // A file that cannot be written ends the stream, so it is the cause of whatever else is wrong.
    let result = report.finish().await.map_err(RunError::from);
    let result = result.and(source_error.map_or(Ok(()), |error| Err(error.into())));
    let balance = || match (ledger.sent, ledger.ended()) {
        (sent, ended) if sent != ended => Err(RunError::Unbalanced { sent, ended }),
        _ => Ok(()),
    };
    let result = result.and_then(|()| balance());
    (ledger, result)
}
