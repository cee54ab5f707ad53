//! Receives the view of a cluster once a second, from a master that answers.

use std::convert::Infallible;
use std::time::Duration;

use facefleet_proto::backoff::Backoff;
use facefleet_proto::view::ClusterView;
use facefleet_proto::wire;
use facefleet_proto::wire::master_client::MasterClient;
use facefleet_service::address::{HostPort, HostPorts};
use facefleet_service::grpc;
use tokio::sync::mpsc::Sender;
use tokio::time::{sleep, timeout};
use tonic::{Code, Status};

/// How long a master may send nothing before the next one is asked. It sends a view every second.
const SILENCE: Duration = Duration::from_secs(3);

/// What the feed reports.
#[derive(Debug)]
pub(super) enum News {
    /// The first view after a connection to a master, which includes past decisions.
    First(Box<ClusterView>),
    /// A further view.
    Next(Box<ClusterView>),
    /// The connection was lost, or was not made.
    Away {
        /// The master that was asked.
        master: HostPort,
        /// What went wrong.
        why: String,
    },
}

/// Sends news until the receiver is dropped.
pub(super) async fn run(masters: HostPorts, news: Sender<News>) {
    let mut backoff = Backoff::default();
    for turn in 0.. {
        let master = masters.at(turn);
        let mut is_first = true;
        let Err(why) = follow(master, &news, &mut is_first).await;
        if !is_first {
            backoff = Backoff::default();
        }
        if news.send(News::Away { master: master.clone(), why }).await.is_err() {
            return;
        }
        if (turn + 1) % masters.count() == 0 {
            sleep(backoff.next_wait()).await;
        }
    }
}

/// Sends every view of one master. Returns why there are no more.
async fn follow(master: &HostPort, news: &Sender<News>, is_first: &mut bool) -> Result<Infallible, String> {
    let explain = |status: Status| match status.code() {
        Code::Unimplemented => "its version is too old for `top`; use `nodes`".to_owned(),
        _ => grpc::explain(&status),
    };
    let client = MasterClient::new(grpc::channel(master));
    let mut client = client.max_decoding_message_size(grpc::MAX_MESSAGE_BYTES);
    let silent = |_| format!("it has sent nothing for {} s", SILENCE.as_secs());
    let views = timeout(SILENCE, client.watch(wire::WatchRequest {})).await.map_err(silent)?;
    let mut views = views.map_err(explain)?.into_inner();
    loop {
        let view = timeout(SILENCE, views.message()).await.map_err(silent)?.map_err(explain)?;
        let view = view.ok_or_else(|| "it is stopping".to_owned())?;
        let view = ClusterView::try_from(view).map_err(|invalid| format!("its view is invalid: {invalid}"))?;
        let view = Box::new(view);
        let told = if std::mem::take(is_first) { News::First(view) } else { News::Next(view) };
        news.send(told).await.map_err(|_| "nobody listens".to_owned())?;
    }
}

#[cfg(test)]
mod tests {
    use facefleet_master::{Config, run as master};
    use tokio::net::TcpListener;
    use tokio::sync::mpsc;
    use tokio_util::sync::CancellationToken;

    use super::*;

    #[tokio::test]
    async fn a_master_that_starts_again_is_seen_again() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let first = tokio::spawn(master(listener, Config::default(), stop.clone().cancelled_owned()));
        let (send, mut news) = mpsc::channel(1);
        let feed = tokio::spawn(run(HostPort::from(address).into(), send));
        let mut epoch = None;
        while epoch.is_none() {
            epoch = match news.recv().await.unwrap() {
                News::First(view) | News::Next(view) => Some(view.epoch),
                News::Away { .. } => None,
            };
        }
        stop.cancel();
        while !matches!(news.recv().await.unwrap(), News::Away { .. }) {}
        first.await.unwrap().unwrap();

        let listener = TcpListener::bind(address).await.unwrap();
        let stop = CancellationToken::new();
        let second = tokio::spawn(master(listener, Config::default(), stop.clone().cancelled_owned()));
        let again = loop {
            if let News::First(view) = news.recv().await.unwrap() {
                break view.epoch;
            }
        };
        assert_ne!(Some(again), epoch);
        drop(news);
        stop.cancel();
        second.await.unwrap().unwrap();
        feed.await.unwrap();
    }
}
