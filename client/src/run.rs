//! The command `run`: finds faces in one input, in one or more streams.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::time::Duration;

use facefleet_proto::{AnalyzeOpen, DropReason, RouteQuery};
use facefleet_service::address::HostPorts;
use facefleet_service::discovery::SeveralClusters;
use facefleet_service::http::{self, Probes};
use facefleet_service::listen::{self, ListenError};
use facefleet_service::metrics::Metrics;
use facefleet_service::{clock, grpc, shutdown};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::cli::{ClusterChoice, RunArgs};
use crate::ffmpeg::FfmpegError;
use crate::local::{Local, LocalError};
use crate::masters;
use crate::metrics::{self, Seen};
use crate::report::{self, Outputs, Progress, Report, ReportError, Summary};
use crate::source::{Input, InputError, Media, Source, source_name};
use crate::stream::{self, StreamError};
use facefleet_stream::event_loop::STUCK_AFTER;
use facefleet_stream::frame::Finished;
use facefleet_stream::ledger::Counts;
use facefleet_stream::session::{MOST_LINKS, StreamSpec, WORKERS_AT_FIRST};

/// The largest JPEG that is sent, in bytes; the rest of the message needs a few bytes, too.
pub(crate) const MOST_FRAME_BYTES: usize = grpc::MAX_MESSAGE_BYTES - 1024;
/// The default of `--max-age`: how old a live frame may be when a worker starts to process it.
const MAX_AGE: Duration = Duration::from_millis(500);

/// Why a run failed.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// INPUT cannot be read.
    #[error(transparent)]
    Input(#[from] InputError),
    /// ffmpeg failed.
    #[error(transparent)]
    Ffmpeg(#[from] FfmpegError),
    /// An output could not be written.
    #[error(transparent)]
    Report(#[from] ReportError),
    /// Several clusters were found.
    #[error("{0}; or use this machine alone with --local")]
    Several(#[from] SeveralClusters),
    /// The cluster inside this process could not be started.
    #[error(transparent)]
    Local(#[from] LocalError),
    /// The address of `--http` cannot be used.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The operating system refused a signal handler.
    #[error("cannot listen for Ctrl-C")]
    Signal(#[source] io::Error),
    /// Frames were lost or counted twice, which is a bug in this program.
    #[error("the ledger does not balance: {sent} frames were sent, and the outcome of {ended} is known")]
    Unbalanced {
        /// The number of frames that were read.
        sent: u64,
        /// The number of frames whose outcome is known.
        ended: u64,
    },
    /// Every frame failed.
    #[error("none of the {sent} frames could be processed; --json writes the reason for each")]
    NoneOk {
        /// The number of frames that were read.
        sent: u64,
    },
    /// Every frame of a live stream was dropped.
    #[error(
        "all {sent} frames were dropped: they were too old before a worker was free; \
         increase --max-age, send fewer frames, or add workers"
    )]
    AllDropped {
        /// The number of frames that were read.
        sent: u64,
    },
    /// `--live` was given for pictures.
    #[error("--live is only for video: {input} consists of pictures, which have no frame rate")]
    LivePictures {
        /// INPUT as it was given.
        input: String,
    },
    /// `--max-age` was given for a stream that is not live.
    #[error("--max-age is only for live streams: add --live to play {input} in real time")]
    MaxAgeOfFile {
        /// INPUT as it was given.
        input: String,
    },
    /// A stream ended early.
    #[error(transparent)]
    Stream(#[from] StreamError),
}

/// Runs all streams to their end, or until Ctrl-C.
///
/// # Errors
/// Returns the first error. The other streams and their outputs are finished all the same.
pub(crate) async fn run(args: RunArgs) -> Result<(), RunError> {
    let stop = shutdown::on_signal().map_err(RunError::Signal)?;
    let Some(prepared) = stop.run_until_cancelled(prepare(&args)).await else { return Ok(()) };
    let Prepared { media, max_age, reports, local: _local, masters, http } = prepared?;
    let limit = args.limit.map(u64::from);
    let frames = media.frames().map(|all| limit.map_or(all, |limit| all.min(limit)) * u64::from(args.clients));

    let started = clock::now();
    let terminal = io::stdout().is_terminal() && io::stderr().is_terminal();
    let progress = Progress::start(args.clients.into(), frames, terminal, started);
    let bar = progress[0].clone();
    let seen = Seen::by(args.clients.into());
    let told = progress[0].clone();
    let _site = http.map(|listener| serve_metrics(listener, metrics::of(&seen[0], move || told.counts())));
    let mut streams = JoinSet::new();
    let streams_of = progress.into_iter().zip(seen).zip(reports).enumerate();
    for (stream, ((progress, seen), (report, sender))) in streams_of {
        let (spec, media, stop) = (spec(&args, &masters, max_age, stream), media.clone(), stop.clone());
        let masters = masters.clone();
        streams.spawn(async move {
            let source = Source::open(&media, max_age.is_some(), limit);
            (stream, one_stream(spec, masters, source, (report, sender), progress, seen, stop).await)
        });
    }
    let mut summary = Summary { streams: vec![Counts::default(); args.clients.into()], ..Summary::default() };
    let (mut wrote, mut first_error) = (BTreeMap::new(), None);
    while let Some(joined) = streams.join_next().await {
        let (stream, (counts, written)) = joined.expect("a stream does not panic");
        summary.streams[stream] = counts;
        match written {
            Ok(files) => drop(wrote.insert(stream, files)),
            Err(error) => drop(first_error.get_or_insert(error)),
        }
    }
    bar.finish();
    summary.wrote = wrote.into_values().flatten().collect();
    summary.took = clock::now().saturating_duration_since(started);
    if let Some(path) = &args.summary
        && let Err(error) = summary.write(path)
    {
        first_error.get_or_insert(error.into());
    }
    let json_to_stdout = args.json.as_ref().is_some_and(|path| path.as_os_str() == "-");
    // An error here means that nobody reads the output, and the run is over and its files are written.
    let _ = if json_to_stdout { write!(io::stderr(), "{summary}") } else { write!(io::stdout(), "{summary}") };
    first_error.map_or(Ok(()), Err)
}

/// Everything that a run needs before its first frame, so that a mistake is reported before anything starts.
struct Prepared {
    media: Media,
    /// The maximum age of a live frame; None if the stream is not live.
    max_age: Option<Duration>,
    reports: Vec<(Report, mpsc::Sender<Finished>)>,
    local: Option<Local>,
    masters: HostPorts,
    /// The listener for metrics.
    http: Option<TcpListener>,
}

async fn prepare(args: &RunArgs) -> Result<Prepared, RunError> {
    let input = Input::new(&args.input, args.recursive)?;
    input.notes().iter().for_each(|note| eprintln!("{note}"));
    let live = args.live.unwrap_or(input.is_live());
    if live && matches!(input, Input::Pictures(_)) {
        return Err(RunError::LivePictures { input: args.input.clone() });
    }
    if args.max_age.is_some() && !live {
        return Err(RunError::MaxAgeOfFile { input: args.input.clone() });
    }
    let max_age = live.then(|| args.max_age.map_or(MAX_AGE, |ms| Duration::from_millis(u32::from(ms).into())));
    let media = Media::of(input).await?;
    // The file is created before anything starts, because a wrong name must not cost a whole run.
    args.summary.iter().try_for_each(|path| report::reserve(path, &media))?;
    let mut reports = Vec::new();
    for stream in 0..args.clients.into() {
        let json = args.output(args.json.as_ref(), stream);
        let annotate = args.output(args.annotate.as_ref(), stream);
        reports.push(Report::start(&Outputs { media: media.clone(), json, annotate })?);
    }
    let http = match args.http {
        Some(address) => Some(listen::bind_http(address).await?),
        None => None,
    };
    let masters = match args.cluster() {
        ClusterChoice::ThisMachine => None,
        ClusterChoice::Named(masters) => Some(masters.clone()),
        ClusterChoice::Discovered => masters::found_or_none().await?,
    };
    let (local, masters) = match masters {
        Some(masters) => (None, masters),
        None => {
            let local = Local::start(args.workers, args.clients).await?;
            let masters = local.masters().clone();
            (Some(local), masters)
        }
    };
    Ok(Prepared { media, max_age, reports, local, masters, http })
}

/// Serves the metrics until the guard is dropped.
fn serve_metrics(listener: TcpListener, metrics: Metrics) -> AbortOnDropHandle<()> {
    match listener.local_addr() {
        Ok(address) => eprintln!("metrics on http://{address}/metrics"),
        Err(error) => tracing::warn!("the address of the metrics is unknown: {error}"),
    }
    let open = http::connections(&metrics);
    let probes = Probes { ready: Box::new(|| Ok(())), metrics: Box::new(move || metrics.text()) };
    let site = http::site(Default::default(), probes);
    AbortOnDropHandle::new(tokio::spawn(http::serve(listener, site, open, CancellationToken::new())))
}

fn spec(args: &RunArgs, masters: &HostPorts, max_age: Option<Duration>, stream: usize) -> StreamSpec {
    let source = source_name(&args.input);
    let stream_id = if args.clients == 1 { source.clone() } else { format!("{source} #{}", stream + 1) };
    let detector = args.detector.map(|kind| kind.name().to_owned());
    // The keys of `RandomState` come from the system, so that no two streams of a cluster choose the same lease.
    let lease = Some(RandomState::new().hash_one(stream).max(1));
    StreamSpec {
        masters: masters.to_string(),
        source,
        query: RouteQuery {
            wanted: args.workers.map_or(MOST_LINKS, |most| usize::from(most).min(MOST_LINKS)),
            priority: args.priority,
            stream_id: stream_id.clone(),
            detector: detector.clone(),
            lease,
            ..RouteQuery::default()
        },
        open: AnalyzeOpen {
            detector,
            min_score: args.min_score,
            min_face: args.min_face,
            detect_size: args.detect_size,
            landmarks: args.landmarks,
            stream_id,
            max_age,
            lease_id: lease,
            priority: args.priority,
            ..AnalyzeOpen::default()
        },
        workers_at_first: WORKERS_AT_FIRST,
        max_frame_bytes: MOST_FRAME_BYTES,
    }
}

async fn one_stream(
    spec: StreamSpec,
    masters: HostPorts,
    source: Result<Source, FfmpegError>,
    (report, sender): (Report, mpsc::Sender<Finished>),
    progress: Progress,
    seen: Seen,
    stop: CancellationToken,
) -> (Counts, Result<Vec<PathBuf>, RunError>) {
    let source = match source {
        Ok(source) => source,
        Err(error) => return (Counts::default(), Err(error.into())),
    };
    let stuck = AbortOnDropHandle::new(tokio::spawn(stuck(stop.clone())));
    let (counts, ended) = stream::run(spec, &masters, source, sender, progress, seen, stop).await;
    let finished = tokio::select! {
        finished = report.finish() => finished.map_err(RunError::from),
        _ = stuck => Err(StreamError::Stuck.into()),
    };
    // A file that cannot be written ends the stream, so its error is the cause of all others.
    let result =
        finished.and_then(|files| ended.map_err(RunError::from).and_then(|()| verdict(&counts)).map(|()| files));
    (counts, result)
}

/// Returns some time after `stop`, so that a run that was stopped does not wait forever for somebody who reads its output.
async fn stuck(stop: CancellationToken) {
    stop.cancelled().await;
    tokio::time::sleep(STUCK_AFTER).await;
}

/// Returns what is wrong with the result of a stream that ran to its end.
fn verdict(counts: &Counts) -> Result<(), RunError> {
    let Counts { sent, ok, dropped, failed, .. } = counts;
    if !counts.balances() {
        return Err(RunError::Unbalanced { sent: *sent, ended: counts.ended() });
    }
    // A run that the user stops before its first result has not failed.
    if *ok == 0 && failed.is_empty() && !dropped.is_empty() && !dropped.contains_key(&DropReason::Interrupted) {
        return Err(RunError::AllDropped { sent: *sent });
    }
    if *ok == 0 && !failed.is_empty() {
        return Err(RunError::NoneOk { sent: *sent });
    }
    Ok(())
}
