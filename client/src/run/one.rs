//! One input, in one or more streams.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal, Write};

use facefleet_service::clock;
use facefleet_stream::ledger::Counts;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::cli::RunArgs;
use crate::metrics::{self, Seen};
use crate::report::{self, Annotate, Json, Outputs, PreparedReport, Progress, Summary};
use crate::run::RunError;
use crate::run::cluster::{self, Cluster};
use crate::run::stream::{Stream, Unfinished};
use crate::source::{Input, Media, VideoKind, source_name};

/// Runs all streams of one input.
pub(super) async fn run(args: RunArgs, stop: CancellationToken) -> Result<(), RunError> {
    let interrupted = RunError::Interrupted { ended: 0, total: None };
    let Some(prepared) = stop.run_until_cancelled(Prepared::of(&args)).await else { return Err(interrupted) };
    let Prepared { media, reports, progress, total, cluster, http } = prepared?;

    let started = clock::now();
    let bar = progress[0].clone();
    let seen = Seen::by(args.clients.into());
    let told = bar.clone();
    let _site = http.map(|listener| cluster::serve_metrics(listener, metrics::of(&seen[0], move || told.counts())));
    let mut streams = JoinSet::new();
    for (number, ((progress, seen), report)) in progress.into_iter().zip(seen).zip(reports).enumerate() {
        let stream = Stream {
            args: args.clone(),
            input: args.input().to_owned(),
            id: stream_id(&args, number),
            media: media.clone(),
            masters: cluster.masters.clone(),
            report,
            progress,
            seen,
            stop: stop.clone(),
            unfinished: Unfinished::Kept,
        };
        streams.spawn(async move { (number, stream.run().await) });
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
    summary.warnings = bar.warnings();
    summary.took = clock::now().saturating_duration_since(started);
    if let Some(path) = &args.summary
        && let Err(error) = summary.write(path)
    {
        first_error.get_or_insert(error.into());
    }
    let json_to_stdout = args.json.as_ref().is_some_and(|path| path.as_os_str() == "-");
    // An error here means that nobody reads the output, and the run is over and its files are written.
    let _ = if json_to_stdout { write!(io::stderr(), "{summary}") } else { write!(io::stdout(), "{summary}") };
    if first_error.is_none() && stop.is_cancelled() {
        let ended = summary.streams.iter().map(Counts::ended).sum();
        first_error = Some(RunError::Interrupted { ended, total });
    }
    first_error.map_or(Ok(()), Err)
}

/// Everything that a run needs before its first frame, so that a mistake is reported before anything starts.
struct Prepared {
    media: Media,
    reports: Vec<PreparedReport>,
    progress: Vec<Progress>,
    /// The number of frames of all streams, if it is known.
    total: Option<u64>,
    cluster: Cluster,
    /// The listener for metrics.
    http: Option<TcpListener>,
}

impl Prepared {
    async fn of(args: &RunArgs) -> Result<Prepared, RunError> {
        let input = Input::new(args.input(), args.recursive)?;
        check_flags(args, &input)?;
        let notes = input.notes().to_vec();
        let media = Media::of(input).await?;
        let limit = args.limit.map(u64::from);
        let total =
            media.frames().map(|all| limit.map_or(all, |limit| all.min(limit)).saturating_mul(args.clients.into()));
        let terminal = io::stdout().is_terminal() && io::stderr().is_terminal();
        let progress = Progress::start(args.clients.into(), total, terminal, clock::now());
        notes.into_iter().for_each(|note| progress[0].warn(note));
        // The file is created before anything starts, because a wrong name must not cost a whole run.
        args.summary.iter().try_for_each(|path| report::reserve(path, &media))?;
        let mut reports = Vec::new();
        for (stream, progress) in progress.iter().enumerate() {
            let outputs = Outputs {
                media: media.clone(),
                stream: stream_id(args, stream),
                json: args.output(args.json.as_ref(), stream).map(Json::AtOnce),
                annotate: args.output(args.annotate.as_ref(), stream).map(Annotate::To),
                progress: progress.clone(),
            };
            reports.push(PreparedReport::of(&outputs).await?);
        }
        let http = cluster::bind(args).await?;
        let cluster = Cluster::find(args, args.clients).await?;
        Ok(Prepared { media, reports, progress, total, cluster, http })
    }
}

/// Checks the flags that only suit some kinds of input.
fn check_flags(args: &RunArgs, input: &Input) -> Result<(), RunError> {
    let may_be_live = match input {
        Input::Pictures(_) if args.live == Some(true) => {
            return Err(RunError::LivePictures { input: args.input().to_owned() });
        }
        Input::Pictures(_) => false,
        // Only who opens a URL learns whether it is a camera.
        Input::Video(video) => args.live.unwrap_or(!matches!(video.kind, VideoKind::File | VideoKind::Pipe)),
    };
    if let Input::Video(video) = input
        && matches!(video.kind, VideoKind::Pipe | VideoKind::Device)
        && args.clients > 1
    {
        return Err(RunError::OnlyOnce { input: args.input().to_owned() });
    }
    if args.max_age.is_some() && !may_be_live {
        return Err(RunError::MaxAgeOfFile { input: source_name(args.input()) });
    }
    Ok(())
}

/// The name of a stream, counted from 0, as the master and JSON lines have it.
fn stream_id(args: &RunArgs, stream: usize) -> String {
    let source = source_name(args.input());
    if args.clients == 1 { source } else { format!("{source} #{}", stream + 1) }
}
