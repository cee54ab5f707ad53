use facefleet_service::clock;
use std::sync::Arc;

use facefleet_proto::wire::master_server::MasterServer;
use facefleet_proto::{Heartbeat, Identity, Join, LegacyState, Load};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::*;
use crate::config::Config;
use crate::limits::MAX_STREAMS;
use crate::parts::Parts;
use facefleet_cluster::admission::{AdmissionName, MAX_WAITING};
use facefleet_cluster::sharing::masters::Registered;

/// A master whose only slot is taken, so that whoever asks it waits.
fn full() -> Arc<Parts> {
    let (admission, max_wait) = (AdmissionName::Fifo, Duration::from_secs(3600));
    let master = Parts::of(&Config { admission, max_wait, ..Config::default() });
    let identity = Identity { name: "pi".into(), generation: 1 };
    let join = wire::JoinRequest { ip: "10.0.0.1".into(), port: 7, weight: 1, cores: 1, ..Default::default() };
    let join = Join { identity, ..Join::try_from(join).unwrap() };
    let crate::members::Member { id, epoch } = master.members.join(join).unwrap();
    let (load, legacy) = (Load::default(), LegacyState::default());
    master.members.heartbeat(Heartbeat { id, generation: 1, epoch, load, legacy, leases: vec![u64::MAX] });
    Arc::new(master)
}

async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

async fn serve(master: Arc<Parts>, listener: TcpListener) {
    let service = MasterServer::new(crate::grpc::Service(master));
    let incoming = grpc::incoming(listener, 16);
    grpc::server(MAX_STREAMS).add_service(service).serve_with_incoming(incoming).await.unwrap();
}

/// The shared registry has the master since `since`, and another one at `address` since `other`, which the master hears.
fn registered(master: &Parts, since: i64, address: SocketAddr, other: i64) {
    master.masters.send_modify(|masters| {
        masters.begin(since);
        masters.add(Registered { keeper: 1, address, since: other }, || MasterChannels::to(address));
        masters.heard(address);
    });
}

/// Streams that ask a master.
fn ask(master: &Arc<Parts>, streams: u64) -> JoinSet<Result<Route, Status>> {
    let one = |lease| {
        let (master, query) = (master.clone(), RouteQuery { lease: Some(lease), ..RouteQuery::default() });
        async move { master.forwarding.route(query, 0).await }
    };
    (1..=streams).map(one).collect()
}

/// Goes on with everything else until so many streams wait at these masters.
async fn until_wait<const N: usize>(masters: [&Parts; N], streams: [usize; N]) {
    let seen = || {
        masters.map(|master| {
            let scheduler = master.scheduler.lock();
            scheduler.summary(scheduler.now()).waiting
        })
    };
    let wait = async {
        while seen() != streams {
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(20), wait)
        .await
        .unwrap_or_else(|_| panic!("{streams:?} should wait, and {:?} do", seen()));
}

#[tokio::test]
async fn who_waits_at_a_master_that_is_the_oldest_no_more_comes_to_the_one_that_is() {
    let (older, younger) = (full(), full());
    let [(at, older_at), (also_at, younger_at)] = [listen().await, listen().await];
    let servers = [serve(older.clone(), at), serve(younger.clone(), also_at)];
    let _servers: JoinSet<()> = servers.into_iter().collect();
    registered(&older, 10, younger_at, 20);
    registered(&younger, 20, older_at, 10);
    let _calls = ask(&younger, 3);
    until_wait([&older, &younger], [3, 0]).await;
    // Its key has ended, and it is registered anew.
    registered(&younger, 20, older_at, 30);
    until_wait([&older, &younger], [0, 3]).await;
    registered(&older, 30, younger_at, 20);
    until_wait([&older, &younger], [0, 3]).await;
    // Then the other one is registered anew, and hears of it last.
    registered(&older, 30, younger_at, 40);
    until_wait([&older, &younger], [0, 3]).await;
    registered(&younger, 40, older_at, 30);
    until_wait([&older, &younger], [3, 0]).await;
}

#[tokio::test]
async fn a_question_that_comes_to_a_master_with_elders_goes_on_to_them() {
    let [oldest, middle, youngest] = [full(), full(), full()];
    let [(at, oldest_at), (also_at, middle_at)] = [listen().await, listen().await];
    let servers = [serve(oldest.clone(), at), serve(middle.clone(), also_at)];
    let _servers: JoinSet<()> = servers.into_iter().collect();
    registered(&middle, 20, oldest_at, 10);
    // The youngest does not hear the oldest.
    registered(&youngest, 30, middle_at, 20);
    let _calls = ask(&youngest, 3);
    until_wait([&oldest, &middle, &youngest], [3, 0, 0]).await;
    assert_eq!(youngest.forwarding.waiting_elsewhere(0).await, Some(3));
}

#[tokio::test]
async fn two_that_take_each_other_for_the_older_one_do_not_ask_each_other_for_ever() {
    let masters = [full(), full()];
    let [(at, first_at), (also_at, second_at)] = [listen().await, listen().await];
    let servers = [serve(masters[0].clone(), at), serve(masters[1].clone(), also_at)];
    let _servers: JoinSet<()> = servers.into_iter().collect();
    registered(&masters[0], 20, second_at, 10);
    registered(&masters[1], 20, first_at, 10);
    let _calls = ask(&masters[0], 1);
    until_wait([&masters[0], &masters[1]], [0, 1]).await;
}

#[tokio::test]
async fn a_master_that_has_failed_once_is_asked_again_when_it_is_heard_again() {
    let (older, younger) = (full(), full());
    let (listener, older_at) = listen().await;
    registered(&younger, 20, older_at, 10);
    let _calls = ask(&younger, 3);
    let nobody_is_let_in = async {
        loop {
            drop(listener.accept().await);
        }
    };
    tokio::select! {
        () = nobody_is_let_in => {}
        () = until_wait([&older, &younger], [0, 3]) => {}
    }
    let mut servers = JoinSet::new();
    servers.spawn(serve(older.clone(), listener));
    younger.masters.send_modify(|masters| _ = masters.not_heard(older_at, clock::now()));
    tokio::task::yield_now().await;
    younger.masters.send_modify(|masters| masters.heard(older_at));
    until_wait([&older, &younger], [3, 0]).await;
}

#[tokio::test]
async fn as_many_may_wait_elsewhere_as_may_wait_here() {
    let (older, younger) = (full(), full());
    let (listener, older_at) = listen().await;
    let _server: JoinSet<()> = [serve(older.clone(), listener)].into_iter().collect();
    registered(&younger, 20, older_at, 10);
    let most = MAX_WAITING as u64;
    let mut calls = ask(&younger, most + 1);
    let refused = calls.join_next().await.unwrap().unwrap().unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted, "{refused:?}");
    // The older master answers all the same, if not always in time.
    let waiting = loop {
        if let Some(waiting) = younger.forwarding.waiting_elsewhere(0).await {
            break waiting;
        }
    };
    assert_eq!(waiting, u32::try_from(most).unwrap());
}
